#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Errors of layers end to end: defects planted in real models are found where they were planted, and the words that carry an error are those of the
text.

test-commands-analysis.py PROGRAM [unittest arguments], like test-commands.py beside it.
"""
import array
import importlib.util
import json
import math
import os
import re
import shutil
import struct
import unittest

spec = importlib.util.spec_from_file_location("commands", os.path.join(os.path.dirname(os.path.abspath(__file__)), "test-commands.py"))
commands = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commands)
realdata = commands.realdata

SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "resources", "sample")
QUICK = ("--samples", "0", "--measure", "none", "--seq-len", "128")


class Stories:
    """llama2.c's version 0: a header, then all layers of one kind after those of another."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.header = f.read(28)
            self.values = array.array("f", f.read())
        dim, hidden, self.n_layers, heads, kv_heads, vocabulary, _ = struct.unpack("<7i", self.header)
        kv = dim * kv_heads // heads
        self.at, start = {}, 0
        for name, count, columns in (("token_embd", None, dim), ("attn_norm", dim, dim), ("attn_q", dim * dim, dim), ("attn_k", kv * dim, dim),
                                     ("attn_v", kv * dim, dim), ("attn_output", dim * dim, dim), ("ffn_norm", dim, dim),
                                     ("ffn_gate", hidden * dim, dim), ("ffn_down", dim * hidden, hidden), ("ffn_up", hidden * dim, dim)):
            size = vocabulary * dim if count is None else count * self.n_layers
            self.at[name] = (start, size if count is None else count, columns)
            start += size

    def change(self, name, block, func):
        """func (row, column, value) gives the new value."""
        start, count, columns = self.at[name]
        for i in range(count):
            place = start + block * count + i
            self.values[place] = func(i // columns, i % columns, self.values[place])

    def save(self, path):
        with open(path, "wb") as f:
            f.write(self.header + self.values.tobytes())
        return path


def scale_sample_channel(folder, block, channel, factor):
    """The gain of one channel of a norm times factor, and the weights that read it through factor: the same function."""
    with open(os.path.join(SAMPLE, "model.safetensors"), "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        head, data = f.read(size), bytearray(f.read())
    tensors = json.loads(head)
    for name, times in (("input_layernorm", factor), ("self_attn.q_proj", 1 / factor), ("self_attn.k_proj", 1 / factor), ("self_attn.v_proj", 1 / factor)):
        entry = tensors["model.layers.%d.%s.weight" % (block, name)]
        assert entry["dtype"] == "F16"
        begin, end = entry["data_offsets"]
        values = list(struct.unpack("<%de" % ((end - begin) // 2), data[begin:end]))
        for i in range(channel, len(values), entry["shape"][-1]):
            values[i] *= times
        data[begin:end] = struct.pack("<%de" % len(values), *values)
    os.makedirs(folder)
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(os.path.join(SAMPLE, name), folder)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", size) + head + data)
    return folder


class AnalysisTest(commands.CommandTest):
    def analyze(self, model, text, *more):
        return self.run_json("analyze", model, "--data", text, *QUICK, *more)

    def finding(self, analysis, layer, kind):
        layer, = [x for x in analysis["layers"] if x["name"] == layer]
        found = [x for x in layer["findings"] if x["kind"] == kind]
        self.assertLessEqual(len(found), 1)
        return found[0] if found else None


class Sample(AnalysisTest):
    TEXT = os.path.join(SAMPLE, "stories.txt")

    def test_outlier_channel(self):
        model = scale_sample_channel(self.path("planted"), 2, 77, 50.0)
        planted = self.analyze(model, self.TEXT, "--schemes", "int8,int4", "--activations", "int8:t")
        plain = self.analyze(SAMPLE, self.TEXT, "--schemes", "int8,int4", "--activations", "int8:t")
        for name in ("attn_q", "attn_k", "attn_v"):
            layer = "blk.2.%s.weight" % name
            found = self.finding(planted, layer, "outlier_inputs")
            self.assertEqual(found["index"], 77)
            self.assertGreater(found["value"], 15)
            self.assertEqual(found["limit"], 8)
            self.assertIsNone(self.finding(plain, layer, "outlier_inputs"))
        self.assertIsNone(self.finding(planted, "blk.3.attn_q.weight", "outlier_inputs"))
        # Rounding a token's inputs on one scale is what it spoils.
        part = lambda analysis: [x for x in analysis["layers"] if x["name"] == "blk.2.attn_q.weight"][0]["cells"][0]["alone"]["inputs"]
        self.assertGreater(part(planted), 10 * part(plain))
        text = self.run_raw("analyze", model, "--data", self.TEXT, *QUICK, "--schemes", "int8", "--activations", "int4:t", "--layer",
                            "blk.2.attn_q.weight")
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertRegex(text.stdout, r"Input channel 77 is \d+\.\d times as large")
        self.assertIn("SmoothQuant", text.stdout)

    def test_words(self):
        with open(self.TEXT, encoding="utf-8") as f:
            story = f.read()
        analysis = self.analyze(SAMPLE, self.TEXT, "--schemes", "int8:c,ternary", "--carriers", "ternary", "--error-samples", "3")
        self.assertEqual(analysis["carriers_scheme"], 1)
        self.assertEqual(analysis["error_samples"], 3)
        checked = 0
        for layer in analysis["layers"]:
            for kind in ("input_channel", "output_channel", "token", "sample"):
                shares = [x["share"] for x in layer["carriers"] if x["kind"] == kind]
                self.assertEqual(len(shares), 3 if kind == "sample" else 16)
                self.assertEqual(shares, sorted(shares, reverse=True))
                self.assertLess(sum(shares), 1 + 1e-9)
            self.assertAlmostEqual(sum(x["share"] for x in layer["carriers"] if x["kind"] == "sample"), 1, places=9)
            for carrier in layer["carriers"]:
                if carrier["kind"] != "token" or carrier["position"] < 9:
                    continue
                before, token, after = re.fullmatch("(.*)⟦(.*)⟧(.*)", carrier["text"], re.S).groups()
                self.assertIn(before + token + after, story)
                # The sample's tokens are bytes.
                self.assertEqual((len(before.encode()), token.encode()[0]), (8, carrier["token"]))
                checked += 1
        self.assertGreater(checked, 100)
        layer = analysis["layers"][6]
        shown = self.run_raw("analyze", SAMPLE, "--data", self.TEXT, *QUICK, "--schemes", "int8:c,ternary", "--carriers", "ternary", "--error-samples", "3",
                             "--layer", layer["name"])
        worst = [x for x in layer["carriers"] if x["kind"] == "token"][0]
        self.assertIn("sample %d, token %d" % (worst["index"], worst["position"]), shown.stdout)
        self.assertIn(re.sub(r"[\x00-\x1f]", " ", worst["text"]), shown.stdout)

    def test_threads_and_file(self):
        arguments = ("analyze", SAMPLE, "--data", self.TEXT, *QUICK, "--schemes", "ternary,int4:c", "--activations", "int8:t")
        one = self.run_raw(*arguments, "--threads", "1", "--out", self.path("one.json"))
        two = self.run_raw(*arguments, "--threads", "2", "--out", self.path("two.json"))
        self.assertEqual((one.returncode, two.returncode), (0, 0), one.stderr + two.stderr)
        with open(self.path("one.json"), "rb") as f, open(self.path("two.json"), "rb") as g:
            self.assertEqual(f.read(), g.read())

    def test_bad(self):
        run = lambda *more: self.run_raw("analyze", SAMPLE, "--data", self.TEXT, *QUICK, "--quiet", *more)
        self.assert_fails(run("--layer", "blk.99.attn_q.weight"), "blk.99.attn_q.weight", "blk.0.attn_q.weight")
        self.assert_fails(run("--carriers", "int2"), "--carriers", "int2")
        self.assert_fails(run("--carriers", "best"), "--carriers", "best")
        self.assert_fails(run("--stats", self.path("none.stats")), "none.stats")

    def test_statistics_of_another_model(self):
        other = scale_sample_channel(self.path("other"), 2, 77, 2.0)
        made = self.run_raw("calibrate", other, "--data", self.TEXT, "--samples", "4", "--seq-len", "32", "--out", self.path("other.stats"), "--quiet")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assert_fails(self.run_raw("analyze", SAMPLE, "--data", self.TEXT, *QUICK, "--stats", self.path("other.stats"), "--quiet"), "other.stats",
                          "the statistics are of the model")

    def test_too_short(self):
        with open(self.path("short.txt"), "w", encoding="utf-8") as f:
            f.write("Once upon a time")
        arguments = ("analyze", SAMPLE, "--data", self.path("short.txt"), "--seq-len", "64", "--schemes", "ternary", "--measure", "2")
        result = self.run_raw(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr.count("too short for intervals"), 1, result.stderr)
        self.assertNotIn("±", result.stdout)
        analysis = self.run_json(*arguments)
        measured = [x["cells"][0]["measured"] for x in analysis["layers"] if x["cells"][0]["measured"]]
        self.assertEqual([(x["low"], x["high"], x["n"]) for x in measured], [(None, None, 1)] * 2)
        with open(self.path("short.txt"), "w", encoding="utf-8") as f:
            f.write("")
        self.assert_fails(self.run_raw(*arguments, "--quiet"), "short.txt")

    def test_plan_for_missing_layers(self):
        with open(self.path("a.plan"), "w", encoding="utf-8") as f:
            f.write("[layers]\nblk.77.attn_q.weight=ternary\n")
        self.assert_fails(self.run_raw("eval", SAMPLE, "--data", self.TEXT, "--seq-len", "32", "--plan", self.path("a.plan"), "--quiet"), "a.plan")


class Defects(AnalysisTest):
    """Of stories260K."""

    def setUp(self):
        super().setUp()
        self.tokenizer = realdata("stories260k/tok512.bin")
        self.text = realdata("text/expected_stories.txt")
        self.model = Stories(realdata("stories260k/stories260K.bin"))

    def planted(self, *more):
        return self.analyze(self.model.save(self.path("planted.bin")), self.text, "--tokenizer", self.tokenizer, "--schemes", "int4", *more)

    def test_row(self):
        self.model.change("ffn_up", 1, lambda row, column, value: value * 100 if row == 29 else value)
        found = self.finding(self.planted(), "blk.1.ffn_up.weight", "scale_spread")
        self.assertEqual(found["index"], 29)
        self.assertGreater(found["value"], 60)

    def test_few_values(self):
        self.model.change("ffn_gate", 3, lambda row, column, value: round(value * 20) / 20)
        start, count, _ = self.model.at["ffn_gate"]
        analysis = self.planted()
        found = self.finding(analysis, "blk.3.ffn_gate.weight", "few_values")
        self.assertEqual(found["value"], len({x + 0.0 for x in self.model.values[start + 3 * count:start + 4 * count]}))
        self.assertIsNone(self.finding(analysis, "blk.2.ffn_gate.weight", "few_values"))

    def test_constant(self):
        self.model.change("attn_v", 2, lambda row, column, value: 0.125)
        self.model.change("attn_k", 0, lambda row, column, value: 0.0)
        analysis = self.planted()
        for name, value in (("blk.2.attn_v.weight", 0.125), ("blk.0.attn_k.weight", 0.0)):
            found = self.finding(analysis, name, "constant")
            self.assertEqual((found["value"], found["index"]), (value, None))
        said = self.run_raw("analyze", self.path("planted.bin"), "--data", self.text, *QUICK, "--tokenizer", self.tokenizer, "--schemes", "int4").stderr
        for name in ("blk.2.attn_v.weight", "blk.0.attn_k.weight"):
            self.assertEqual(said.count(name + ": "), 1, said)
        dead, = [x for x in analysis["layers"] if x["name"] == "blk.0.attn_k.weight"]
        self.assertEqual(dead["cells"][0]["alone"]["nmse"], 0)
        self.assertEqual(dead["carriers"], [])

    def test_not_finite(self):
        path = self.path("planted.bin")
        run = lambda: self.run_raw("analyze", self.model.save(path), "--data", self.text, "--tokenizer", self.tokenizer, *QUICK, "--quiet")
        self.model.change("ffn_down", 2, lambda row, column, value: math.nan if (row, column) == (5, 7) else value)
        self.assert_fails(run(), "blk.2.ffn_down.weight: output 5 of sample 0, token 0")
        self.model.change("token_embd", 0, lambda row, column, value: math.inf if row == 1 and column == 3 else value)
        self.assert_fails(run(), "blk.0.attn_q.in: sample", "expected a finite activation")


if __name__ == "__main__":
    unittest.main()
