#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Data of every kind, and recorded activations, end to end.

test-commands-data.py PROGRAM [unittest arguments], like test-commands.py beside it.
"""
import csv
import gzip
import importlib.util
import io
import json
import os
import random
import signal
import struct
import subprocess
import time
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


def npy(dtype, shape, data):
    header = ("{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (dtype, tuple(shape))).encode()
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


class DataTest(commands.CommandTest):
    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(data.encode() if isinstance(data, str) else data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def command(self, *data, out="out", more=()):
        return ("calibrate", realdata(MODEL), *(word for path in data for word in ("--data", path)), "--no-cache", "--out", self.path(out), *more)

    def calibrate(self, *data, out="out", more=()):
        result = self.run_raw(*self.command(*data, out=out, more=("--samples", "24", "--seq-len", "48", *more)))
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.read(out)

    def stories(self, n=70):
        with open(realdata("text/tinystories_2MB.txt"), encoding="utf-8") as f:
            return [story.strip() for story in f.read().split("<|endoftext|>")[1:n + 1] if story.strip()]


class Kinds(DataTest):
    def forms(self):
        """The same documents in every form of text."""
        stories = self.stories()
        table = io.StringIO()
        rows = csv.writer(table)
        rows.writerow(["source", "text"])
        for i, story in enumerate(stories):
            rows.writerow(["even" if i % 2 == 0 else "odd", story])
        lines = "".join(json.dumps({"source": "even" if i % 2 == 0 else "odd", "text": story}, ensure_ascii=i % 3 == 0) + "\n"
                        for i, story in enumerate(stories))
        text = "\n<|endoftext|>\n".join(stories)
        return {"a.txt": text, "a.jsonl": lines, "a.csv": table.getvalue(), "a.txt.gz": gzip.compress(text.encode()),
                "a.jsonl.gz": gzip.compress(lines.encode()), "unnamed": lines}

    def test_same_documents_same_statistics(self):
        forms = {name: self.write(name, data) for name, data in self.forms().items()}
        for sampler in ("random", "systematic", "reservoir"):
            expected = self.calibrate(forms["a.txt"], more=("--sampler", sampler, "--seed", "3"))
            for name, path in forms.items():
                with self.subTest(sampler=sampler, form=name):
                    self.assertEqual(self.calibrate(path, more=("--sampler", sampler, "--seed", "3")), expected)
        everything = self.calibrate(forms["a.txt"], more=("--samples", "0"))
        for name, path in forms.items():
            self.assertEqual(self.calibrate(path, more=("--samples", "0", "--batch-size", "3", "--workers", "0")), everything, name)

    def test_strata(self):
        forms = {name: self.write(name, data) for name, data in self.forms().items()}
        by_label = ("--sampler", "stratified", "--strata", "label", "--label", "source")
        self.assertEqual(self.calibrate(forms["a.jsonl"], more=by_label), self.calibrate(forms["a.csv"], more=by_label))
        by_length = ("--sampler", "stratified")
        self.assertEqual(self.calibrate(forms["a.jsonl.gz"], more=by_length), self.calibrate(forms["a.jsonl"], more=by_length))
        listed = self.write("indices", "3\n5\n8\n")
        for name in ("a.txt", "a.csv", "a.jsonl.gz"):
            result = self.run_json(*self.command(forms[name], more=("--sampler", "indices", "--indices", listed)))
            self.assertEqual(result["samples"], 3)

    def test_standard_input(self):
        for name, data in self.forms().items():
            if name.endswith(".csv") or name == "a.txt":
                continue
            data = data.encode() if isinstance(data, str) else data
            expected = self.calibrate(self.write(name, data))
            result = subprocess.run([commands.PROGRAM, *self.command("-", more=("--samples", "24", "--seq-len", "48", "--workspace", self.workspace))],
                                    input=data, capture_output=True, timeout=120)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(self.read("out"), expected, name)
        result = subprocess.run([commands.PROGRAM, *self.command("-", more=("--workspace", self.workspace))], input=b"{\"text\": 1}\n",
                                capture_output=True, timeout=120)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"standard input", result.stderr)

    def test_memory_of_drawn_streams(self):
        """What is drawn of a pipe is kept, and the limit holds for it."""
        text = b"\n<|endoftext|>\n".join(b"word %d and more words " % i * 700 for i in range(6000))
        command = [commands.PROGRAM, *self.command("-", more=("--samples", "6000", "--seq-len", "512", "--memory-limit", "64MiB", "--workspace", self.workspace))]
        result = subprocess.run(command, input=text, capture_output=True, timeout=120)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(b"--samples", result.stderr)
        command[command.index("6000")] = "40"
        result = subprocess.run([*command, "--json"], input=text, capture_output=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertLess(json.loads(result.stdout)["peak_rss_bytes"], 64 << 20)

    def test_eval(self):
        forms = {name: self.write(name, data) for name, data in self.forms().items()}
        losses = {name: self.run_json("eval", realdata(MODEL), "--data", path, "--seq-len", "64")["loss"] for name, path in forms.items()}
        self.assertEqual(len(set(losses.values())), 1, losses)

    def test_patterns_and_names(self):
        stories = self.stories(60)
        for i in range(3):
            self.write(f"part{i}.jsonl", "".join(json.dumps({"body": story}) + "\n" for story in stories[i::3]))
        field = ("--field", "body")
        expected = self.calibrate(*(self.path(f"part{i}.jsonl") for i in range(3)), more=field)
        self.assertEqual(self.calibrate(self.path("part*.jsonl"), more=field), expected)
        self.assertEqual(self.calibrate(self.path("part[012].jsonl"), more=field), expected)
        result = self.run_raw(*self.command(self.path("part*.jsonl"), self.path("part1.jsonl"), more=("--samples", "24", "--seq-len", "48", *field)))
        self.assertEqual(result.stderr.count("named twice"), 1, result.stderr)
        self.assertEqual(self.read("out"), expected)
        self.assert_fails(self.run_raw(*self.command(self.path("none*.jsonl"))), "none*.jsonl")

    def test_format_is_forced(self):
        path = self.write("lines.dat", "\n".join(json.dumps({"text": story}) for story in self.stories(20)))
        self.assertEqual(self.calibrate(path, more=("--data-format", "jsonl")), self.calibrate(path))
        self.assertNotEqual(self.calibrate(path, more=("--data-format", "text")), self.calibrate(path))
        self.assert_fails(self.run_raw(*self.command(path, more=("--data-format", "parquet"))), "--data-format", "parquet", "jsonl", status=2)

    def test_token_arrays(self):
        generator = random.Random(7)
        ids = [generator.randrange(512) for _ in range(5000)]
        flat = self.calibrate(self.write("a.bin", struct.pack("<5000H", *ids)))
        for dtype, letter in (("<u2", "<5000H"), (">u2", ">5000H"), ("<i4", "<5000i"), ("<i8", "<5000q"), (">i8", ">5000q")):
            self.assertEqual(self.calibrate(self.write("a.npy", npy(dtype, (5000,), struct.pack(letter, *ids)))), flat, dtype)
        for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(self.path("a.npz"), "w", packing) as archive:
                archive.writestr("ids.npy", npy("<u2", (5000,), struct.pack("<5000H", *ids)))
            self.assertEqual(self.calibrate(self.path("a.npz")), flat)
            self.assertEqual(self.calibrate(self.path("a.npz"), more=("--samples", "0", "--seq-len", "64")),
                             self.calibrate(self.path("a.bin"), more=("--samples", "0", "--seq-len", "64")))
        # Rows are documents: no window reaches over their end.
        rows = self.run_json(*self.command(self.write("rows.npy", npy("<u2", (50, 100), struct.pack("<5000H", *ids))), more=("--samples", "0", "--seq-len", "64")))
        self.assertEqual((rows["samples"], rows["tokens"]), (100, 5000))
        losses = [self.run_json("eval", realdata(MODEL), "--data", self.path(name), "--seq-len", "64")["loss"] for name in ("a.npy", "a.npz", "a.bin")]
        self.assertEqual(len(set(losses)), 1, losses)

    def test_wrong_kinds(self):
        for name, data, words in (
                ("a.jsonl", '{"text": "a"}\n{"text": 3}\n', ("byte 14", "text", "string")),
                ("b.jsonl", '{"body": "a", "id": 1}\n', ("byte 0", "text", "body", "--field")),
                ("c.jsonl", '{"text": "a"}\n{"text": "b"\n', ("byte 27", "expected")),
                ("d.jsonl", '[1, 2]\n', ("byte 0", "object")),
                ("e.jsonl", "just a text\n", ("byte 0", "expected")),
                ("f.jsonl", '{"text": "a\\u0000b"}\n', ("byte 0", "NUL")),
                ("a.csv", "id,body\n1,x\n", ("text", "body", "--field")),
                ("b.csv", "id,text\n1,x\n2\n", ("byte 12", "1 fields", "2")),
                ("c.csv", 'id,text\n1,x"y\n', ("byte 11", "quoted")),
                ("d.csv", 'id,text\n1,"x"y\n', ("byte 13", "comma")),
                ("e.csv", 'id,text\n1,"x\n', ("byte", "closing quote")),
                ("f.csv", b"id,text\n1,\xff\n", ("byte 8", "UTF-8")),
                ("a.npy", "no array", ("npy",)),
                ("b.npy", npy("<f4", (4,), bytes(16)), ("f32", "integers")),
                ("c.npy", npy("<u2", (2, 2, 2), bytes(16)), ("3 dimensions",)),
                ("d.npy", npy("<u2", (9,), bytes(16)), ("18 bytes", "16")),
                ("e.npy", npy("<i4", (4,), struct.pack("<4i", 1, 2, -3, 4)), ("id 2", "-3", "512")),
                ("f.npy", npy("<i4", (4,), struct.pack("<4i", 1, 2, 3, 512)), ("id 3", "512")),
                ("a.txt.gz", gzip.compress(b"Once upon a time. " * 500)[:-20], ("damaged",)),
                ("b.bin", gzip.compress(b"ab" * 500), ("gzip",)),
        ):
            with self.subTest(name):
                self.assert_fails(self.run_raw(*self.command(self.write(name, data), more=("--samples", "0"))), name, *words)
        self.assert_fails(self.run_raw(*self.command(self.path("a.jsonl"), self.path("a.npy"))), "a.jsonl", "a.npy", "mixed")


class Recorded(DataTest):
    """Statistics of recorded activations are those of their numbers."""

    def setUp(self):
        super().setUp()
        if numpy is None:
            self.skipTest("numpy is not present")
        self.generator = numpy.random.default_rng(5)

    def observe(self, *paths, out="out", more=()):
        result = self.run_raw("calibrate", *(word for path in paths for word in ("--tensors", path)), "--out", self.path(out), *more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.read(out)

    def save(self, name, array):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        numpy.save(self.path(name), array)
        return self.path(name)

    def sites(self, name="out"):
        return {site["name"]: site for site in self.run_json("stats", "show", self.path(name))["sites"]}

    def check_site(self, site, array):
        finite = array[numpy.isfinite(array)].astype(numpy.float64)
        self.assertEqual(site["count"], array.size)
        self.assertEqual(site["nonfinite"], array.size - finite.size)
        self.assertEqual(site["min"], finite.min())
        self.assertEqual(site["max"], finite.max())
        self.assertAlmostEqual(site["zeros"], float((finite == 0).mean()), delta=1e-12)
        self.assertAlmostEqual(site["mean"], finite.mean(), delta=1e-9 * max(1.0, abs(finite).max()))
        self.assertAlmostEqual(site["std"] / finite.std(), 1.0, delta=1e-9)
        standard = (finite - finite.mean()) / finite.std()
        self.assertAlmostEqual(site["skewness"], (standard ** 3).mean(), delta=1e-6)
        self.assertAlmostEqual(site["kurtosis"] / (standard ** 4).mean(), 1.0, delta=1e-6)

    def array(self, *shape):
        array = self.generator.standard_normal(shape).astype(numpy.float32)
        flat = array.reshape(-1)
        flat[::97] = 0
        flat[5], flat[11], flat[17] = numpy.nan, -numpy.inf, 1e30
        return array

    def test_numpy_agrees(self):
        arrays = {"plain": self.array(1234, 97), "cube": self.array(5, 33, 40), "deep": self.array(3, 4, 5, 16), "row": self.array(300)}
        arrays["cube"][~numpy.isfinite(arrays["cube"]) | (arrays["cube"] > 1e20)] = 1
        arrays["deep"][~numpy.isfinite(arrays["deep"]) | (arrays["deep"] > 1e20)] = -1
        for array in arrays.values():
            array[array > 1e20] = 2.5
        self.observe(*(self.save(f"{name}.npy", array) for name, array in arrays.items()))
        for name, site in self.sites().items():
            self.check_site(site, arrays[name])
        shown = self.run_json("stats", "show", self.path("out"))
        self.assertEqual(shown["samples"], 3 + 5 + 3 + 1)
        self.assertEqual(shown["tokens"], 1234 + 5 * 33 + 3 * 4 * 5 + 1)

    def test_every_form_has_the_same_bytes(self):
        array = self.array(700, 65)
        expected = self.observe(self.save("site.npy", array))
        numpy.savez(self.path("stored.npz"), site=array)
        numpy.savez_compressed(self.path("packed.npz"), site=array)
        raw = array.tobytes()
        header = json.dumps({"site": {"dtype": "F32", "shape": array.shape, "data_offsets": [0, len(raw)]}}).encode()
        header += b" " * (-len(header) % 8)
        self.write("t.safetensors", struct.pack("<Q", len(header)) + header + raw)
        self.save("big/site.npy", array.astype(">f4"))
        self.save("wide/site.npy", array.astype(numpy.float64))
        self.write("gz/site.npy.gz", gzip.compress(self.read("site.npy")))
        lines = io.StringIO()
        numpy.savetxt(lines, array, delimiter=",", fmt="%.9g")
        self.write("csv/site.csv", lines.getvalue())
        self.write("named/site.csv", ",".join(f"c{i}" for i in range(65)) + "\r\n" + lines.getvalue().replace("\n", "\r\n"))
        self.write("idx/site", struct.pack(">BBBBII", 0, 0, 0x0d, 2, 700, 65) + array.astype(">f4").tobytes())
        for path in ("stored.npz", "packed.npz", "t.safetensors", "big/site.npy", "wide/site.npy", "gz/site.npy.gz", "csv/site.csv", "named/site.csv",
                     "idx/site"):
            with self.subTest(path):
                self.assertEqual(self.observe(self.path(path)), expected)

    def test_types(self):
        whole = self.generator.integers(-100, 100, (200, 30))
        for dtype in ("i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8", "<f2", ">f2", "<f4", ">f8"):
            self.observe(self.save("x.npy", whole.astype(dtype)))
            self.check_site(self.sites()["x"], whole.astype(numpy.float64))
        for dtype in ("u1", "<u2", ">u4", "<u8"):
            self.observe(self.save("x.npy", abs(whole).astype(dtype)))
            self.check_site(self.sites()["x"], abs(whole).astype(numpy.float64))
        bfloat = (self.array(64, 32).view(numpy.uint32) >> 16).astype("<u2")
        bfloat[0] = 0x3f80
        values = (bfloat.astype(numpy.uint32) << 16).view(numpy.float32)
        header = json.dumps({"x": {"dtype": "BF16", "shape": [64, 32], "data_offsets": [0, 4096]}}).encode()
        self.observe(self.write("x.safetensors", struct.pack("<Q", len(header)) + header + bfloat.tobytes()))
        self.assertEqual(self.sites()["x"]["count"], 2048)
        self.assertEqual(self.sites()["x"]["min"], values[numpy.isfinite(values)].min())

    def test_any_division_has_the_same_bytes(self):
        paths = [self.save("flat.npy", self.array(5000, 33)), self.save("cube.npy", self.array(40, 37, 12))]
        expected = self.observe(*paths)
        for more in (("--batch-size", "1"), ("--batch-size", "3", "--threads", "1"), ("--batch-size", "16", "--threads", "2"), ("--workers", "0"),
                     ("--workers", "7", "--memory-limit", "96MiB")):
            self.assertEqual(self.observe(*paths, more=more), expected, more)
        for n in (1, 2, 8):
            for i in range(1, n + 1):
                self.observe(*paths, out=f"part{i}", more=("--shard", f"{i}/{n}"))
            order = list(range(1, n + 1))
            random.Random(n).shuffle(order)
            if n > 1:
                self.run_json("stats", "merge", *(self.path(f"part{i}") for i in order), "--out", self.path("merged"))
            self.assertEqual(self.read("merged" if n > 1 else "part1"), expected)

    def test_samples(self):
        path = self.save("cube.npy", self.array(40, 37, 12))
        for sampler in ("random", "systematic", "reservoir", "stratified"):
            result = self.run_json("calibrate", "--tensors", path, "--samples", "7", "--sampler", sampler, "--out", self.path("a"))
            self.assertEqual((result["samples"], result["tokens"]), (7, 7 * 37))
        sizes = self.write("sizes", "".join(f"{1 + i % 5}\n" for i in range(40)))
        result = self.run_json("calibrate", "--tensors", path, "--samples", "7", "--sampler", "importance", "--weights", sizes, "--out", self.path("a"))
        self.assertEqual(result["samples"], 7)
        self.assert_fails(self.run_raw("calibrate", "--tensors", path, "--sampler", "importance", "--samples", "7"), "--weights", status=2)
        listed = self.write("list", "0\n39\n")
        self.run_json("calibrate", "--tensors", path, "--sampler", "indices", "--indices", listed, "--out", self.path("a"))
        self.save("two/cube.npy", numpy.load(path)[[0, 39]])
        self.assertEqual(self.observe(self.path("two/cube.npy")), self.read("a"))

    def test_interrupted_run_goes_on(self):
        paths = [self.save("a.npy", self.array(3000, 20, 256)), self.save("b.npy", self.array(2000, 64))]
        expected = self.observe(*paths)
        command = [commands.PROGRAM, "calibrate", "--tensors", paths[0], "--tensors", paths[1], "--batch-size", "1", "--no-cache", "--out", self.path("x"),
                   "--workspace", self.workspace]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        deadline = time.time() + 60
        while time.time() < deadline and process.poll() is None:
            runs = json.loads(self.run_raw("runs", "list", "--json").stdout or "[]")
            if runs and runs[0]["state"] == "running" and runs[0]["done"] > 0:
                break
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
        if process.returncode == 130:
            self.assertIn("partial", said)
            result = subprocess.run([*command, "--resume", "--json"], capture_output=True, text=True, timeout=120)
            self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.read("x"), expected)

    def test_one_site_in_several_files(self):
        array = self.array(2048, 20)
        expected = self.observe(self.save("all/x.npy", array))
        self.assertEqual(self.observe(self.save("a/x.npy", array[:1024]), self.save("b/x.npy", array[1024:])), expected)
        wrong = self.run_raw("calibrate", "--tensors", self.path("a/x.npy"), "--tensors", self.save("c/x.npy", array[:, :19].copy()), "--no-cache", "--out", self.path("o"))
        self.assert_fails(wrong, "c/x.npy", "19", "20")

    def test_images(self):
        result = self.run_json("calibrate", "--tensors", realdata("mnist/t10k-images-idx3-ubyte.gz"), "--out", self.path("out"))
        self.assertEqual((result["sites"], result["tokens"]), (1, 10000))
        with gzip.open(realdata("mnist/t10k-images-idx3-ubyte.gz")) as f:
            images = numpy.frombuffer(f.read()[16:], numpy.uint8)
        self.check_site(self.sites()["t10k-images-idx3-ubyte"], images)

    def test_weights(self):
        self.observe(realdata("hf/silero_vad_16k.safetensors"))
        self.assertGreater(len(self.sites()), 10)

    def test_refused(self):
        array = self.array(8, 6)
        numpy.savez(self.path("z.npz"), a=array)
        archive = self.read("z.npz")
        for name, data, words in (
                ("fortran.npy", None, ("Fortran",)),
                ("complex.npy", npy("<c8", (2,), bytes(16)), ("<c8",)),
                ("scalar.npy", npy("<f4", (), bytes(4)), ("dimensions",)),
                ("short.npy", npy("<f4", (8, 6), bytes(191)), ("192 bytes", "191")),
                ("huge.npy", npy("<f4", (2**40, 2**40), bytes(16)), ("states",)),
                ("wide.npy", npy("<i1", (1, 2**20 + 1), bytes(2**20 + 1)), ("channels",)),
                ("cut.npz", archive[:-30], ("end record",)),
                ("text.csv", "1,2\n3,x\n", ("row 2", "column 2", '"x"')),
                ("ragged.csv", "1,2\n3\n", ("row 2", "2 numbers")),
                ("idx", struct.pack(">BBBBI", 0, 0, 8, 1, 9) + bytes(8), ("IDX",)),
                ("text.txt", "no array\n", ("npy", "safetensors")),
                ("empty.npy", b"", ("empty",)),
        ):
            path = self.save(name, numpy.asfortranarray(array)) if data is None else self.write(name, data)
            with self.subTest(name):
                self.assert_fails(self.run_raw("calibrate", "--tensors", path, "--out", self.path("o")), name, *words)
        path = self.save("ok.npy", array)
        self.assert_fails(self.run_raw("calibrate", "model", "--tensors", path), "--tensors", status=2)
        self.assert_fails(self.run_raw("calibrate", "--tensors", path, "--stop-when-stable"), "--tensors", status=2)
        self.assert_fails(self.run_raw("calibrate", "--tensors", "-"), "standard input", status=2)

    def test_deflated_data_are_checked(self):
        path = self.path("bad.npz")
        numpy.savez_compressed(path, a=self.array(300, 40))
        data = bytearray(self.read("bad.npz"))
        data[len(data) // 2] ^= 0x55
        self.write("bad.npz", bytes(data))
        result = self.run_raw("calibrate", "--tensors", path, "--out", self.path("o"))
        self.assertIn(result.returncode, (0, 1))
        if result.returncode == 1:
            self.assertIn("bad.npz", result.stderr)


class Guide(DataTest):
    """Every command of the guide's sections on data does what it says there: it ends well."""

    def test_examples(self):
        if numpy is None:
            self.skipTest("numpy is not present")
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        stories = [f"Once upon a time there were {i} cats who sat by the lake and sang of the sea. " * 3 for i in range(60)]
        generator = numpy.random.default_rng(1)
        lines = "".join(json.dumps({"text": story}) + "\n" for story in stories)
        self.write("stories.txt", "\n<|endoftext|>\n".join(stories))
        self.write("stories.jsonl", lines)
        self.write("stories.jsonl.gz", gzip.compress(lines.encode()))
        self.write("part1.jsonl", lines)
        self.write("more/a.txt", stories[0])
        self.write("table.csv", "body,kind\n" + "".join(f"{story},{i % 3}\n" for i, story in enumerate(stories)))
        numpy.save(self.path("tokens.npy"), generator.integers(0, 256, 3000).astype("<u2"))
        numpy.savez(self.path("activations.npz"), a=generator.standard_normal((5, 60, 32)), b=generator.standard_normal((900, 16)))
        os.makedirs(self.path("recorded"))
        numpy.save(self.path("recorded/a.npy"), generator.standard_normal((700, 24)).astype("f4"))
        os.symlink(os.path.join(root, "resources"), self.path("resources"))
        os.makedirs(self.path("bin"))
        os.symlink(commands.PROGRAM, self.path("bin/ternion"))
        with open(os.path.join(root, "resources", "guides", "calibration.md"), encoding="utf-8") as f:
            sections = f.read().split("\n## ")
        run = 0
        for section in sections:
            if not section.startswith(("Data\n", "Recorded activations\n")):
                continue
            for line in section.splitlines():
                if not line.startswith("    "):
                    continue
                with self.subTest(line.strip()):
                    result = subprocess.run(["sh", "-c", line], cwd=self.folder, capture_output=True, text=True, timeout=120,
                                            env={**os.environ, "PATH": self.path("bin") + ":" + os.environ["PATH"], "XDG_DATA_HOME": self.path("home")})
                    self.assertEqual(result.returncode, 0, result.stderr)
                    run += 1
        self.assertGreater(run, 10)


if __name__ == "__main__":
    unittest.main()
