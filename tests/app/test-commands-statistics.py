#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Statistics after the calibration, end to end: merged, compared, exported, and used.

test-commands-statistics.py PROGRAM [unittest arguments], like test-commands.py beside it.
"""
import csv
import importlib.util
import io
import json
import math
import os
import random
import struct
import subprocess
import unittest
import zipfile

spec = importlib.util.spec_from_file_location("commands", os.path.join(os.path.dirname(os.path.abspath(__file__)), "test-commands.py"))
commands = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commands)
realdata = commands.realdata

try:
    import numpy
except ImportError:
    numpy = None

MODEL = "stories260k/stories260K.bin"


class StatisticsTest(commands.CommandTest):
    def calibrate(self, out, *more, model=MODEL, data="text/tinystories_2MB.txt", samples=24, seq_len=64):
        return self.run_json("calibrate", realdata(model), "--data", realdata(data), "--samples", str(samples), "--seq-len", str(seq_len), "--no-cache",
                             "--out", self.path(out), *more)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def show(self, name):
        return self.run_json("stats", "show", self.path(name))


class Merge(StatisticsTest):
    def test_eight_shuffled_shards(self):
        self.calibrate("whole", samples=37)
        for i in range(1, 9):
            self.calibrate(f"part{i}", "--shard", f"{i}/8", "--batch-size", str(1 + i % 3), "--threads", str(1 + i % 2), samples=37)
        order = list(range(1, 9))
        generator = random.Random(3)
        for _ in range(3):
            generator.shuffle(order)
            self.run_json("stats", "merge", *(self.path(f"part{i}") for i in order), "--out", self.path("merged"))
            self.assertEqual(self.read("whole"), self.read("merged"))
        # Parts of parts, as machines would give them.
        self.run_json("stats", "merge", *(self.path(f"part{i}") for i in order[:3]), "--out", self.path("left"))
        self.run_json("stats", "merge", *(self.path(f"part{i}") for i in order[3:]), "--out", self.path("right"))
        self.run_json("stats", "merge", self.path("right"), self.path("left"), "--out", self.path("merged"))
        self.assertEqual(self.read("whole"), self.read("merged"))

    def test_what_does_not_merge(self):
        self.calibrate("a", "--shard", "1/2")
        self.calibrate("sites", "--shard", "2/2", "--sites", "in,out")
        self.calibrate("model", "--shard", "2/2", model="stories260k/stories260K_q8_v2.bin")
        self.calibrate("kernels", "--shard", "2/2", "--device", "auto+openblas")
        for other, words in (("sites", "site blk.0.attn_k.out is not the same in both"), ("model", "model fingerprint"), ("kernels", "back end"),
                             ("a", "the same sequences would count twice")):
            result = self.run_raw("stats", "merge", self.path("a"), self.path(other), "--out", self.path("x"))
            self.assert_fails(result, self.path(other), words)
            self.assertFalse(os.path.exists(self.path("x")))


class Diff(StatisticsTest):
    def test_diff(self):
        self.calibrate("a")
        self.calibrate("b", data="text/tinyshakespeare.txt")
        found = self.run_json("stats", "diff", self.path("a"), self.path("b"))
        shown = {name: {site["name"]: site for site in self.show(name)["sites"]} for name in "ab"}
        amounts = [site["change"]["amount"] for site in found["sites"]]
        self.assertEqual(amounts, sorted(amounts, reverse=True))
        self.assertEqual({site["name"] for site in found["sites"]}, set(shown["a"]))
        self.assertNotEqual(found["a"]["data_fingerprint"], found["b"]["data_fingerprint"])
        for site in found["sites"]:
            for side in "ab":
                there = shown[side][site["name"]]
                for key in ("count", "min", "max", "mean", "std"):
                    self.assertEqual(site[side][key], there[key])
                for scheme in ("int8", "int4"):
                    self.assertEqual(site[side][f"{scheme}_sqnr_db"], there["params"][scheme]["sqnr_db"])
            self.assertTrue(0 < site["ks"] < 0.2 and 0 < site["js"] < 0.2, site)
            self.assertIn(site["change"]["kind"], ("shape", "range", "mean", "std"))
            if site["change"]["kind"] == "range":
                sizes = [max(abs(site[side]["min"]), abs(site[side]["max"])) for side in "ab"]
                self.assertAlmostEqual(site["change"]["amount"], abs(math.log(sizes[1] / sizes[0])), places=12)
        table = list(csv.DictReader(io.StringIO(self.run_raw("stats", "diff", self.path("a"), self.path("b"), "--format", "csv").stdout)))
        self.assertEqual([row["name"] for row in table], [site["name"] for site in found["sites"]])
        self.assertEqual(float(table[0]["a_std"]), found["sites"][0]["a"]["std"])
        self.assertEqual(float(table[0]["ks"]), found["sites"][0]["ks"])
        text = self.run_raw("stats", "diff", self.path("a"), self.path("b")).stdout
        self.assertLess(text.index(found["sites"][0]["name"]), text.index(found["sites"][1]["name"]))
        self.run_raw("stats", "diff", self.path("a"), self.path("b"), "--format", "csv", "--out", self.path("x.csv"))
        self.assertTrue(self.read("x.csv").startswith(b"name,change,"))

    def test_same_and_other_sites(self):
        self.calibrate("a")
        self.calibrate("more", "--sites", "in,residual")
        same = self.run_json("stats", "diff", self.path("a"), self.path("a"))
        self.assertEqual({(site["change"]["kind"], site["change"]["amount"], site["ks"], site["js"]) for site in same["sites"]}, {("none", 0, 0, 0)})
        more = self.run_json("stats", "diff", self.path("a"), self.path("more"))
        self.assertEqual(more["sites"][0]["change"]["kind"], "site")
        self.assertIsNone(more["sites"][0]["a"])
        self.assertIsNotNone(more["sites"][0]["b"])
        self.assertIn("not in the first", self.run_raw("stats", "diff", self.path("a"), self.path("more")).stdout)

    def test_usage(self):
        self.calibrate("a")
        self.assert_fails(self.run_raw("stats", "diff", self.path("a")), "two statistics files", status=2)
        self.assert_fails(self.run_raw("stats", "diff", self.path("a"), self.path("a"), "--format", "npz"), "none of text, csv, json", status=2)
        self.assert_fails(self.run_raw("stats", "diff", self.path("a"), self.path("none")), "none")


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


class Export(StatisticsTest):
    def export(self, form, out, *more):
        result = self.run_raw("stats", "export", self.path("a"), "--format", form, "--out", self.path(out), *more)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_npz(self):
        self.calibrate("a")
        self.export("npz", "a.npz")
        with zipfile.ZipFile(self.path("a.npz")) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(archive.namelist()[0], "model_fingerprint.npy")
        self.export("npz", "again.npz")
        self.assertEqual(self.read("a.npz"), self.read("again.npz"))
        if numpy is None:
            self.skipTest("NumPy is not present")
        shown = self.show("a")
        with numpy.load(self.path("a.npz"), allow_pickle=False) as arrays:
            self.assertEqual(int(arrays["samples"]), shown["samples"])
            self.assertEqual(f"{int(arrays['model_fingerprint']):016x}", shown["model_fingerprint"])
            self.assertEqual(list(arrays["sites"]), [site["name"] for site in shown["sites"]])
            for key in ("count", "min", "max", "mean", "std", "absmean", "skewness", "kurtosis", "zeros", "nonfinite"):
                self.assertEqual(arrays[key].tolist(), [site[key] for site in shown["sites"]])
            for site in shown["sites"]:
                name = site["name"]
                counts = arrays[f"{name}.channels.count"]
                means = arrays[f"{name}.channels.mean"]
                self.assertEqual(int(counts.sum()), site["count"])
                self.assertAlmostEqual(float((counts * means).sum()) / site["count"], site["mean"], places=9)
                self.assertEqual(float(arrays[f"{name}.channels.min"].min()), site["min"])
                self.assertEqual(float(arrays[f"{name}.channels.max"].max()), site["max"])
                variance = float((counts * arrays[f"{name}.channels.mean_square"]).sum()) / site["count"] - site["mean"] ** 2
                self.assertAlmostEqual(math.sqrt(variance), site["std"], places=7)
                low, high, count = (arrays[f"{name}.histogram.{part}"] for part in ("low", "high", "count"))
                self.assertEqual(int(count.sum()), site["count"])
                self.assertTrue((low <= high).all() and (low[1:] >= high[:-1]).all())
                self.assertTrue(low[0] <= site["min"] <= high[0] and low[-1] <= site["max"] <= high[-1])

    def test_onnx(self):
        self.calibrate("a")
        shown = {site["name"]: site for site in self.show("a")["sites"]}
        aliases = self.show("a")["aliases"]
        self.export("onnx", "calibration.json")
        table = json.loads(self.read("calibration.json"))
        self.assertEqual((table["CLS"], table["calibration_method"]), ("TensorsData", {"CLS": "CalibrationMethod", "value": "CalibrationMethod.MinMax"}))
        self.assertEqual(set(table["data"]), set(shown) | set(aliases))
        for name, tensor in table["data"].items():
            self.assertEqual((tensor["CLS"], set(tensor)), ("TensorData", {"CLS", "lowest", "highest"}))
            site = shown[aliases.get(name, name)]
            for key, there in (("lowest", "min"), ("highest", "max")):
                self.assertEqual({k: v for k, v in tensor[key].items() if k != "data"}, {"dtype": "float32", "CLS": "numpy.array"})
                self.assertEqual([f32(v) for v in tensor[key]["data"]], [site[there]])
        with open(self.path("names"), "w") as f:
            f.write("[names]\nblk.0.attn_q.in = /model/layers.0/input_layernorm/Mul_1_output_0\nblk.0.attn_k.in=/model/layers.0/input_layernorm/Mul_1_output_0\n"
                    "blk.1.ffn_down.in = /model/layers.1/mlp/Mul_output_0\n")
        self.export("onnx", "named.json", "--names", self.path("names"))
        named = json.loads(self.read("named.json"))["data"]
        self.assertEqual(set(named), {"/model/layers.0/input_layernorm/Mul_1_output_0", "/model/layers.1/mlp/Mul_output_0"})
        self.assertEqual(named["/model/layers.1/mlp/Mul_output_0"], table["data"]["blk.1.ffn_down.in"])

    def test_onnx_names(self):
        self.calibrate("a")
        for text, words in (("[names]\nblk.9.attn_q.in = x\n", "blk.9.attn_q.in"), ("[tensors]\na = b\n", "[names] is missing"), ("names\n", "names"),
                            ("[names]\nblk.0.attn_q.in = x\nblk.1.attn_q.in = x\n", "the name of another site")):
            with open(self.path("names"), "w") as f:
                f.write(text)
            self.assert_fails(self.run_raw("stats", "export", self.path("a"), "--format", "onnx", "--names", self.path("names")), self.path("names"), words)
        self.assert_fails(self.run_raw("stats", "export", self.path("a"), "--format", "onnx", "--names", self.path("none")), self.path("none"))
        self.assert_fails(self.run_raw("stats", "export", self.path("a"), "--format", "csv", "--names", "x"), "--names", status=2)
        self.assert_fails(self.run_raw("stats", "export", self.path("a"), "--format", "npz"), "--out", status=2)
        self.assert_fails(self.run_raw("stats", "export", self.path("a"), "--format", "xml"), "json, csv, npz", status=2)

    def test_summary(self):
        self.calibrate("a")
        self.calibrate("b", "--seed", "3")
        self.export("safetensors", "s", "--summary")
        self.assertLess(len(self.read("s")), len(self.read("a")))
        whole, summary = self.show("a"), self.show("s")
        self.assertEqual(whole["sites"], summary["sites"])
        self.assertIn("a summary", self.run_raw("stats", "show", self.path("s")).stdout)
        same = self.run_json("stats", "diff", self.path("a"), self.path("s"))
        self.assertEqual({site["change"]["kind"] for site in same["sites"]}, {"none"})
        for pair in (("s", "b"), ("b", "s")):
            self.assert_fails(self.run_raw("stats", "merge", *map(self.path, pair), "--out", self.path("x")), "a summary", "does not merge")
        # It is used like the whole.
        data = ("--data", realdata("text/expected_stories.txt"), "--activations", "int8")
        losses = [self.run_json("eval", realdata(MODEL), *data, "--stats", self.path(name))["loss"] for name in "as"]
        self.assertEqual(losses[0], losses[1])
        self.assert_fails(self.run_raw("stats", "export", self.path("a"), "--format", "safetensors", "--out", self.path("x")), "--summary", status=2)
        self.assert_fails(self.run_raw("stats", "export", self.path("a"), "--format", "csv", "--summary"), "--summary", status=2)

    def test_imatrix(self):
        self.calibrate("a")
        self.export("imatrix-dat", "a.dat", "--chunk-size", "32", "--dataset", "stories")
        shown = self.show("a")
        content = io.BytesIO(self.read("a.dat"))

        def number():
            return struct.unpack("<i", content.read(4))[0]

        # Every linear layer of the blocks, and the mean square of each of its columns times the chunks.
        entries = {}
        for _ in range(number()):
            name = content.read(number()).decode()
            calls, width = number(), number()
            entries[name] = [value / calls for value in struct.unpack(f"<{width}f", content.read(4 * width))]
        self.assertEqual(number(), calls)
        self.assertEqual(content.read(number()), b"stories")
        self.assertEqual(content.read(), b"")
        self.assertEqual(calls, -(-shown["tokens"] // 32))
        self.assertEqual(len(entries), 35)
        sites = {site["name"]: site for site in shown["sites"]}
        for name, means in entries.items():
            site = name.replace(".weight", ".in")
            site = sites[shown["aliases"].get(site, site)]
            self.assertAlmostEqual(sum(means) / len(means), site["std"] ** 2 + site["mean"] ** 2, delta=1e-6 * site["std"] ** 2)


class HandOver(StatisticsTest):
    """Fixed scales of activations, from statistics into the layers."""

    GGUF = "gguf/stories260K.gguf"

    def score(self, model, *more):
        return self.run_json("eval", model, "--data", realdata("text/expected_stories.txt"), "--seq-len", "128", "--tokenizer",
                             realdata("stories260k/tok512.bin"), *more)

    def test_both_losses(self):
        self.calibrate("stats", model=self.GGUF, samples=96, seq_len=128)
        model = realdata(self.GGUF)
        found = self.score(model, "--stats", self.path("stats"))
        # Without --activations it is int8, which is what statistics are for.
        self.assertEqual(found, {**self.score(model, "--stats", self.path("stats"), "--activations", "int8"), "seconds": found["seconds"]})
        dynamic = self.score(model, "--activations", "int8:t")
        for key in ("loss", "loss_stderr", "perplexity", "accuracy"):
            self.assertEqual(found["dynamic"][key], dynamic[key])
        difference = found["static_minus_dynamic"]
        self.assertAlmostEqual(difference["loss"], found["loss"] - dynamic["loss"], places=12)
        # The windows share what is hard in them.
        self.assertTrue(0 < difference["loss_stderr"] < 0.2 * found["loss_stderr"])
        self.assertLess(abs(difference["loss"]), 0.03)
        self.assertNotIn("dynamic", dynamic)
        shown = self.show("stats")
        sites = {site["name"]: site for site in shown["sites"]}
        self.assertEqual(len(found["activations"]), 35)
        for scale in found["activations"]:
            site = sites[shown["aliases"].get(scale["site"], scale["site"])]
            self.assertEqual((scale["scheme"], scale["largest"]), ("int8", max(-site["min"], site["max"])))
            self.assertEqual((scale["scale"], scale["clip"]), (site["params"]["int8"]["scale"], site["params"]["int8"]["clip"]))
            self.assertTrue(0 < scale["clip"] <= scale["largest"] * (1 + 1e-6))
        text = self.run_raw("eval", model, "--data", realdata("text/expected_stories.txt"), "--stats", self.path("stats"), "--seq-len", "128").stdout
        for word in ("blk.4.ffn_down.in", "static scales", "a scale a token", "static - dynamic"):
            self.assertIn(word, text)
        # Four bits lose more than eight, and a fixed scale for all tokens more than one for each.
        four = self.score(model, "--stats", self.path("stats"), "--activations", "int4")
        self.assertGreater(four["loss"], found["loss"] + 10 * difference["loss_stderr"])
        self.assertGreater(four["static_minus_dynamic"]["loss"], 3 * four["static_minus_dynamic"]["loss_stderr"])

    def test_scales_in_files(self):
        self.calibrate("stats", model=self.GGUF, samples=32)
        for scheme, activations in (("int8:c", "int8"), ("int4:c", "int8:asym")):
            wanted = self.score(realdata(self.GGUF), "--scheme", scheme, "--stats", self.path("stats"), "--activations", activations)
            for out, more in (("x.safetensors", ()), ("y.safetensors", ("--type", "F32")), ("x.gguf", ("--type", "F32"))):
                with self.subTest(out=out, activations=activations):
                    made = self.run_json("quantize", realdata(self.GGUF), "--scheme", scheme, "--stats", self.path("stats"), "--activations", activations,
                                         "--out", self.path(out), *more)
                    self.assertEqual(made["activation_scales"], 35)
                    found = self.score(self.path(out), "--activations", activations)
                    for key in ("loss", "dynamic", "static_minus_dynamic"):
                        self.assertEqual(found[key], wanted[key])
                    self.assertEqual([(s["site"], s["scale"], s["zero_point"]) for s in found["activations"]],
                                     [(s["site"], s["scale"], s["zero_point"]) for s in wanted["activations"]])
                    wrong = self.run_raw("eval", self.path(out), "--data", realdata("text/expected_stories.txt"), "--activations", "int4", "--tokenizer",
                                         realdata("stories260k/tok512.bin"))
                    self.assert_fails(wrong, "int4", f"for {activations}")
        # What goes on from such a GGUF keeps them, unless there are new ones.
        self.calibrate("again", model=os.path.join(self.folder, "x.gguf"), samples=16, seq_len=32)
        for more, same in (((), True), (("--stats", self.path("again"), "--activations", "int8:asym"), False)):
            self.run_json("quantize", self.path("x.gguf"), "--type", "F32", "--out", self.path("z.gguf"), *more)
            found = self.score(self.path("z.gguf"), "--activations", "int8:asym")
            (self.assertEqual if same else self.assertNotEqual)([s["scale"] for s in found["activations"]], [s["scale"] for s in wanted["activations"]])

    def test_what_does_not_fit(self):
        self.calibrate("stats", model=self.GGUF)
        self.calibrate("outputs", "--sites", "out", model=self.GGUF)
        data = ("--data", realdata("text/expected_stories.txt"), "--tokenizer", realdata("stories260k/tok512.bin"))
        model = realdata(self.GGUF)
        self.assert_fails(self.run_raw("eval", realdata("stories260k/hf-f32"), *data, "--stats", self.path("stats")), self.path("stats"),
                          "are of the model")
        self.assert_fails(self.run_raw("eval", model, *data, "--stats", self.path("outputs")), self.path("outputs"), "no statistics of site blk.0.attn_")
        self.assert_fails(self.run_raw("eval", model, *data, "--activations", "int8"), "--stats")
        out = ("--out", self.path("x.gguf"))
        self.assert_fails(self.run_raw("quantize", model, "--type", "F32", "--activations", "int8", *out), "--stats", status=2)
        self.assert_fails(self.run_raw("quantize", model, "--type", "F32", "--stats", self.path("stats"), "--activations", "int8:t", *out), "int8:t",
                          status=2)
        self.assert_fails(self.run_raw("quantize", model, "--scheme", "ternary", "--stats", self.path("stats"), "--out", self.path("folder")), "BitNet",
                          status=2)
        self.assert_fails(self.run_raw("quantize", realdata("stories260k/hf-f32"), "--scheme", "int8", "--stats", self.path("stats"), "--out",
                                       self.path("x.safetensors")), "are of the model")
        self.assertFalse(os.path.exists(self.path("x.gguf")) or os.path.exists(self.path("x.safetensors")))


class Guide(StatisticsTest):
    """What resources/guides/calibration.md shows is run as it stands there."""

    SECTIONS = ("Stopping and going on", "Keeping, merging, comparing", "Using the parameters")

    def test_examples(self):
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        os.symlink(os.path.join(os.path.abspath(root), "resources"), self.path("resources"))
        with open(os.path.join(root, "resources", "guides", "calibration.md")) as f:
            sections = {part.split("\n", 1)[0]: part for part in f.read().split("\n## ")}
        for name in self.SECTIONS:
            lines = [line.strip() for line in sections[name].splitlines() if line.startswith("    ternion ")]
            self.assertGreater(len(lines), 1)
            said = []
            for line in lines:
                with self.subTest(line=line):
                    result = subprocess.run([commands.PROGRAM, *line.split()[1:], "--workspace", self.workspace], cwd=self.folder, capture_output=True,
                                            text=True, timeout=120)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    said.append(result.stderr)
            if name == "Keeping, merging, comparing":
                self.assertIn("used again", said[1])
                self.assertIn("--seq-len was 128 and is 64", said[2])
                self.assertEqual(self.read("whole.stats"), self.read("a.stats"))
            elif name == "Stopping and going on":
                self.assertFalse(os.path.exists(self.path("sample.stats.checkpoint")))
                self.assertEqual(self.show("sample.stats")["samples"], 96)


if __name__ == "__main__":
    unittest.main(verbosity=2)
