#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ternion compare and eval --reference, end to end: known arrays against plain sums, a rounded model against what inspect says of the same
rounding, and bad input in one line.

test-commands-compare.py PROGRAM [unittest arguments], like test-commands.py beside it.
"""
import importlib.util
import math
import os
import random
import struct
import sys
import unittest

spec = importlib.util.spec_from_file_location("commands", os.path.join(os.path.dirname(os.path.abspath(__file__)), "test-commands.py"))
commands = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commands)
realdata = commands.realdata

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = "stories260k/stories260K.bin"


def write_npy(path, rows):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (len(rows), len(rows[0]))
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        for row in rows:
            f.write(struct.pack("<%df" % len(row), *row))


def single(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


class Arrays(commands.CommandTest):
    """Against plain sums."""

    def setUp(self):
        super().setUp()
        generator = random.Random(3)
        self.x = [[single(generator.gauss(0, 1 + column)) for column in range(5)] for _ in range(67)]
        self.y = [[single(value + generator.gauss(0, 0.1 if column != 2 else 3)) for column, value in enumerate(row)] for row in self.x]
        self.y[13][4] = single(1000.0)
        write_npy(self.path("a.npy"), self.x)
        write_npy(self.path("b.npy"), self.y)

    def test_numbers(self):
        result = self.run_json("compare", self.path("a.npy"), self.path("b.npy"))
        self.assertEqual(len(result["tensors"]), 1)
        tensor = result["tensors"][0]
        pairs = [(x, y) for row_x, row_y in zip(self.x, self.y) for x, y in zip(row_x, row_y)]
        error = math.fsum((y - x) ** 2 for x, y in pairs)
        signal = math.fsum(x * x for x, _ in pairs)
        self.assertEqual((tensor["shape"], tensor["count"], tensor["max_row"], tensor["max_column"]), ([67, 5], 335, 13, 4))
        for name, expected in {
            "mse": error / 335, "nmse": error / signal, "sqnr_db": 10 * math.log10(signal / error), "max_abs": 1000.0 - self.x[13][4],
            "cosine": math.fsum(x * y for x, y in pairs) / math.sqrt(signal * math.fsum(y * y for _, y in pairs)),
            "bias": math.fsum(y - x for x, y in pairs) / 335, "mean_relative": math.fsum(abs(y - x) / abs(x) for x, y in pairs) / 335,
        }.items():
            self.assertTrue(math.isclose(tensor[name], expected, rel_tol=1e-9), (name, tensor[name], expected))

    def test_parts_and_spectrum(self):
        name = self.run_json("compare", self.path("a.npy"), self.path("b.npy"))["tensors"][0]["name"]
        tensor = self.run_json("compare", self.path("a.npy"), self.path("b.npy"), "--tensor", name, "--spectrum", "16")["tensors"][0]
        self.assertEqual([channel["index"] for channel in tensor["channels"][:2]], [4, 2])
        self.assertEqual(tensor["rows"][0]["index"], 13)
        self.assertAlmostEqual(sum(channel["share"] for channel in tensor["channels"]), 1.0, places=12)
        self.assertEqual(tensor["spectrum"]["segments"], 5 * 7)
        self.assertEqual(tensor["spectrum"]["octaves"][-1]["high"], 0.5)
        text = self.run_raw("compare", self.path("a.npy"), self.path("b.npy"), "--tensor", name, "--spectrum", "16", workspace=False)
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertIn("max |e| at row 13, column 4", text.stdout)

    def test_not_finite(self):
        self.y[0][0] = math.nan
        self.x[1][1] = math.inf
        write_npy(self.path("a.npy"), self.x)
        write_npy(self.path("b.npy"), self.y)
        tensor = self.run_json("compare", self.path("a.npy"), self.path("b.npy"))["tensors"][0]
        self.assertEqual((tensor["count"], tensor["nonfinite_reference"], tensor["nonfinite_approximation"]), (333, 1, 1))

    def test_bad_input(self):
        write_npy(self.path("c.npy"), self.x[:3])
        self.assert_fails(self.run_raw("compare", self.path("a.npy"), self.path("c.npy")), "3 × 5", "67 × 5")
        self.assert_fails(self.run_raw("compare", self.path("a.npy"), self.path("missing.npy")), "missing.npy")
        self.assert_fails(self.run_raw("compare", self.path("a.npy"), self.path("b.npy"), "--tensor", "nothing"), "nothing")
        self.assert_fails(self.run_raw("compare", self.path("a.npy")), "two files", status=2)
        self.assert_fails(self.run_raw("compare", self.path("a.npy"), self.path("b.npy"), "--metrics", "mse,loudness"), "loudness", status=2)
        self.assert_fails(self.run_raw("compare", self.path("a.npy"), self.path("b.npy"), "--rank", "loudness"), "loudness", status=2)
        self.assert_fails(self.run_raw("compare", self.path("a.npy"), self.path("b.npy"), "--scheme", "int99"), "int99", status=2)
        self.assert_fails(self.run_raw("compare", self.path("a.npy"), self.path("b.npy"), "--spectrum", "16"), "--tensor", status=2)

    def test_metrics_help(self):
        result = self.run_raw("compare", "--metrics", "help", workspace=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("magnitude_correlation", result.stdout)


class Models(commands.CommandTest):
    def test_rounded_model(self):
        out = self.path("ternary.safetensors")
        self.assertEqual(self.run_raw("quantize", realdata(MODEL), "--scheme", "ternary", "--out", out).returncode, 0)
        result = self.run_json("compare", realdata(MODEL), out, "--scheme", "ternary")
        inspected = {t["name"]: t for t in self.run_json("inspect", realdata(MODEL), "--schemes", "ternary")["tensors"]}
        ranks = [t["sqnr_db"] if t["sqnr_db"] is not None else math.inf for t in result["tensors"]]
        self.assertEqual(ranks, sorted(ranks))
        rounded = [t for t in result["tensors"] if t["mse"] > 0]
        self.assertEqual(len(rounded), 35)
        for tensor in rounded:
            expected = inspected[tensor["name"]]["schemes"]["ternary"]
            self.assertTrue(math.isclose(tensor["mse"], expected["mse"], rel_tol=1e-6), tensor["name"])
            self.assertTrue(math.isclose(tensor["cosine"], expected["cosine"], rel_tol=1e-6), tensor["name"])
            self.assertIn(tensor["grade"], ("poor", "normal", "excellent"))
        self.assertAlmostEqual(rounded[0]["gaussian_db"], 5.794, places=2)

    def test_eval_against_itself_and_rounded(self):
        text = realdata("text/expected_stories.txt")
        arguments = ("eval", realdata(MODEL), "--data", text, "--seq-len", "256", "--reference", realdata(MODEL))
        same = self.run_json(*arguments)
        self.assertEqual(same["outputs"]["kl"]["mean"], 0)
        self.assertEqual(same["outputs"]["agreement"]["mean"], 1)
        self.assertEqual(same["model_minus_reference"]["loss"], 0)
        plain = self.run_json("eval", realdata(MODEL), "--data", text, "--seq-len", "256")
        self.assertEqual(same["loss"], plain["loss"])
        rounded = self.run_json(*arguments, "--scheme", "int8")
        self.assertEqual(rounded["reference"]["loss"], plain["loss"])
        outputs = rounded["outputs"]
        self.assertTrue(0 < outputs["kl"]["mean"] < 0.05 and outputs["kl"]["low"] < outputs["kl"]["mean"] < outputs["kl"]["high"])
        self.assertTrue(0.9 < outputs["agreement"]["mean"] < 1)
        self.assertAlmostEqual(outputs["loss_difference"]["mean"], rounded["loss"] - plain["loss"], places=6)
        self.assertAlmostEqual(outputs["loss_difference"]["stderr"], rounded["model_minus_reference"]["loss_stderr"], places=6)
        self.assertAlmostEqual(math.log(outputs["perplexity_ratio"]["mean"]), outputs["loss_difference"]["mean"], places=9)
        # Smaller batches change nothing.
        again = self.run_json(*arguments, "--scheme", "int8", "--batch-size", "1")
        self.assertEqual(again["outputs"], outputs)

    def test_other_vocabulary(self):
        self.assert_fails(self.run_raw("eval", realdata(MODEL), "--data", realdata("text/expected_stories.txt"), "--seq-len", "128", "--reference",
                                       os.path.join(ROOT, "resources", "sample")), "vocabulary")


class Guide(commands.CommandTest):
    """What the guide's section on metrics shows is run as it stands there."""

    def test_examples(self):
        with open(os.path.join(ROOT, "resources", "guides", "analysis.md"), encoding="utf-8") as f:
            section = f.read().split("\n## Metrics\n")[1].split("\n## ")[0]
        lines = [line[4:].split("   #")[0].split() for line in section.splitlines() if line.startswith("    ternion ")]
        self.assertGreater(len(lines), 3)
        for words in lines:
            arguments = [self.path(word) if word.startswith("sample.") else os.path.join(ROOT, word) if word.startswith("resources/") else word for word in words[1:]]
            with self.subTest(line=" ".join(words)):
                result = self.run_raw(*arguments, workspace="--metrics" not in words)
                self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    unittest.main()
