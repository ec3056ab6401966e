#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Methods of finding parameters, end to end on the bundled sample; every example of the guide's section is run.

test-commands-parameters.py PROGRAM [unittest arguments], like test-commands.py beside it.
"""
import filecmp
import importlib.util
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
spec = importlib.util.spec_from_file_location("commands", os.path.join(os.path.dirname(os.path.abspath(__file__)), "test-commands.py"))
commands = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commands)

SAMPLE = os.path.join(ROOT, "resources", "sample")
STORIES = os.path.join(SAMPLE, "stories.txt")
FEW = 40
METHODS = ("minmax", "mse", "octav")


class Parameters(commands.CommandTest):
    def few_stories(self):
        """Enough to tell methods apart."""
        path = self.path("few.txt")
        with open(STORIES, encoding="utf-8") as f:
            stories = f.read().split("<|endoftext|>")
        with open(path, "w", encoding="utf-8") as f:
            f.write("<|endoftext|>".join(stories[:FEW]))
        return path

    def calibrate(self, name, *options):
        path = self.path(name)
        result = self.run_raw("calibrate", SAMPLE, "--data", STORIES, "--samples", "24", "--seq-len", "64", "--no-cache", "--out", path, *options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return path

    def test_stats_show(self):
        stats = self.calibrate("a.stats", "--ema-decay", "0.9")
        shown = self.run_json("stats", "show", stats, "--method", "all", "--schemes", "int8,ternary", "--intervals")
        for site in shown["sites"]:
            self.assertEqual(set(site["params"]), {"int8", "ternary"})
            for scheme in site["params"]:
                found = {search["method"]: search for search in site["searches"] if search["scheme"] == scheme}
                self.assertGreaterEqual(set(found), {"percentile", "mse", "mse2.4", "aciq", "octav", "auto", "ema"})
                # Of so few values the error has many little minima along the clip; the search is asked to come within a thousandth of the least.
                for method, search in found.items():
                    self.assertLessEqual(found["mse"]["mse"], search["mse"] * (1 + 1e-3), (site["name"], scheme, method))
                self.assertEqual(found["mse"]["scale"], site["params"][scheme]["scale"])
            interval = site["params"]["int8"]["scale_interval"]
            self.assertLess(interval["low"], site["params"]["int8"]["scale"])
            self.assertGreater(interval["high"], site["params"]["int8"]["scale"])
            self.assertIn("threshold", site["params"]["ternary"])
        by_kl = self.run_json("stats", "show", stats, "--method", "auto", "--objective", "kl")
        self.assertEqual(by_kl["sites"][0]["params"]["int8"]["method"], "auto")
        self.assertIn("chosen", by_kl["sites"][0]["params"]["int8"])
        self.assertIn("octav", self.run_raw("stats", "show", stats, "--method", "all").stdout)

    def test_weights(self):
        errors = {}
        for method in METHODS:
            result = self.run_json("inspect", SAMPLE, "--schemes", "int4,int4:g32,int3:c", "--method", method)
            for tensor in result["tensors"]:
                for scheme, error in tensor.get("schemes", {}).items():
                    if error is not None:
                        errors.setdefault((tensor["name"], scheme.split(":mse")[0].replace(f":{method}", "").replace(":lloyd", "")), {})[method] = error["mse"]
        for key, by_method in errors.items():
            for method, mse in by_method.items():
                self.assertLessEqual(by_method["mse"], mse * (1 + 1e-3), (key, method))
        named = self.run_json("inspect", SAMPLE, "--schemes", "int4:g32:octav")
        given = self.run_json("inspect", SAMPLE, "--schemes", "int4:g32", "--method", "octav")
        self.assertEqual([t.get("schemes") for t in named["tensors"]], [t.get("schemes") for t in given["tensors"]])

    def test_file_scores_as_its_scheme(self):
        scores, few = [], self.few_stories()
        for target in (None, "q.safetensors"):
            arguments = ["--scheme", "int4:c", "--method", "mse"]
            if target is not None:
                self.run_json("quantize", SAMPLE, *arguments, "--out", self.path(target))
                arguments = []
            scores.append(self.run_json("eval", self.path(target) if target else SAMPLE, "--tokenizer", os.path.join(SAMPLE, "tokenizer.json"),
                                        "--data", few, "--seq-len", "64", *arguments)["loss"])
        self.assertEqual(scores[0], scores[1])

    def test_output(self):
        whole = self.calibrate("whole.stats", "--gram", "all", "--rows", "64")
        again = self.calibrate("again.stats", "--gram", "all", "--rows", "64", "--batch-size", "3", "--threads", "1")
        self.assertTrue(filecmp.cmp(whole, again, shallow=False))
        parts = [self.calibrate(f"part{i}.stats", "--gram", "all", "--rows", "64", "--shard", f"{i}/3") for i in (3, 1, 2)]
        self.assertEqual(self.run_raw("stats", "merge", *parts, "--out", self.path("merged.stats")).returncode, 0)
        self.assertTrue(filecmp.cmp(whole, self.path("merged.stats"), shallow=False))
        losses, few = {}, self.few_stories()
        for method in ("minmax", "mse", "output"):
            losses[method] = self.run_json("eval", SAMPLE, "--data", few, "--seq-len", "64", "--scheme", "int3:c", "--activations", "int6",
                                           "--method", method, "--stats", whole)["loss"]
        self.assertLess(losses["mse"], losses["minmax"])
        self.assertLess(losses["output"], losses["minmax"])
        alone = self.run_json("eval", SAMPLE, "--data", few, "--seq-len", "64", "--scheme", "ternary:c", "--activations", "int8:t",
                              "--objective", "output", "--stats", whole)
        self.assertGreater(alone["layers"]["bit_linear"], 0)
        plain = self.calibrate("plain.stats")
        self.assert_fails(self.run_raw("eval", SAMPLE, "--data", STORIES, "--scheme", "int4", "--method", "output", "--stats", plain),
                          "Gram matrix", "--rows")
        self.assert_fails(self.run_raw("stats", "merge", whole, self.calibrate("other.stats", "--seed", "5"), "--out", self.path("x.stats")), "Gram")

    def test_wrong_values(self):
        stats = self.calibrate("a.stats")
        for arguments, words in (
                (("stats", "show", stats, "--method", "best"), ("--method", "best", "octav")),
                (("stats", "show", stats, "--method", "p101"), ("101",)),
                (("stats", "show", stats, "--method", "output"), ("weights",)),
                (("stats", "show", stats, "--schemes", "int4:g32"), ("--schemes", "int4:g32")),
                (("inspect", SAMPLE, "--method", "ema"), ("ema",)),
                (("inspect", SAMPLE, "--method", "output"), ("--stats",)),
                (("quantize", SAMPLE, "--type", "Q4_0", "--method", "mse", "--out", self.path("q.gguf")), ("--method",)),
                (("eval", SAMPLE, "--data", STORIES, "--scheme", "int4", "--method", "mse", "--objective", "kl"), ("--objective", "auto")),
                (("eval", SAMPLE, "--data", STORIES, "--scheme", "int4", "--objective", "loss"), ("--objective", "loss")),
                (("calibrate", SAMPLE, "--data", STORIES, "--rows", "-1"), ("rows",))):
            with self.subTest(arguments=arguments):
                self.assert_fails(self.run_raw(*arguments), *words, status=2)
        self.assert_fails(self.run_raw("calibrate", SAMPLE, "--data", STORIES, "--gram", "nosuch", "--no-cache", "--out", self.path("x.stats")), "--gram", "nosuch")

    def test_guide(self):
        with open(os.path.join(ROOT, "resources", "guides", "calibration.md"), encoding="utf-8") as guide:
            section = re.search(r"^## Parameters$(.*?)(?=^## |\Z)", guide.read(), re.M | re.S).group(1)
        lines = [re.split(r" {3,}", line.strip())[0].split() for line in section.splitlines() if line.startswith("    ternion ")]
        self.assertGreater(len(lines), 6)
        self.run_json("calibrate", SAMPLE, "--data", STORIES, "--samples", "16", "--seq-len", "128", "--out", self.path("sample.stats"))
        few = self.few_stories()
        for line in lines:
            # Scoring all of the text takes most of the time and shows no more.
            arguments = [few if word == "resources/sample/stories.txt" and line[1] == "eval" else os.path.join(ROOT, word) if word.startswith("resources/")
                         else self.path(word) if word.endswith((".stats", ".safetensors")) else word for word in line[1:]]
            with self.subTest(line=" ".join(line)):
                result = self.run_raw(*arguments)
                self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    unittest.main()
