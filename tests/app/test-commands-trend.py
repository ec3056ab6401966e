#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Errors of layers over a training run: every checkpoint is analyzed as the model it would have become, into a table, a file, series and a report.

test-commands-trend.py PROGRAM [unittest arguments], like test-commands.py beside it.
"""
import importlib.util
import json
import os
import shutil
import unittest

spec = importlib.util.spec_from_file_location("commands", os.path.join(os.path.dirname(os.path.abspath(__file__)), "test-commands.py"))
commands = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commands)

SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "resources", "sample")
STORIES = os.path.join(SAMPLE, "stories.txt")
SMALL = ["--data", STORIES, "--seq-len", "32", "--batch-size", "4", "--validation-batches", "2", "--seed", "7", "--steps", "20", "--checkpoint-every", "10",
         "--keep-last", "9", "--quiet"]
SCRATCH = ["--recipe", "tiny", "--width", "32", "--layers", "2", "--heads", "2"]
QUICK = ["--seq-len", "32", "--samples", "4", "--measure", "all", "--measure-samples", "4", "--check-plans", "0", "--schemes", "ternary,int8:c"]


class TrendTest(commands.CommandTest):
    def train(self, out, *more):
        result = self.run_raw("train", *more, *SMALL, "--out", self.path(out))
        self.assertEqual(result.returncode, 0, result.stderr)

    def checkpoint(self, out, step):
        return os.path.join(self.path(out), "checkpoints", "step-%08d.checkpoint.safetensors" % step)

    def assert_is_model(self, trend, model):
        """The last point is what the model that the run ended with gives."""
        alone = self.run_json("analyze", model, "--data", STORIES, *QUICK)
        last = trend["points"][-1]["analysis"]
        self.assertEqual(last["layers"], alone["layers"])
        self.assertEqual(last["loss"], alone["loss"])
        self.assertNotEqual(trend["points"][0]["analysis"]["layers"], last["layers"])

    def test_run(self):
        self.train("run", *SCRATCH)
        trend = self.run_json("analyze", "--run", self.path("run"), *QUICK, "--out", self.path("run.trend"))
        self.assertEqual([point["step"] for point in trend["points"]], [10, 20])
        self.assertEqual(trend["run"], "run")
        self.assert_is_model(trend, os.path.join(self.path("run"), "model"))
        with open(self.path("run.trend"), encoding="utf-8") as f:
            self.assertEqual(json.load(f), trend)
        # The same by number, by checkpoints in any order, and without the model that the run wrote.
        shutil.rmtree(os.path.join(self.path("run"), "model"))
        for arguments in (["--run", "1"], [self.checkpoint("run", 20), self.checkpoint("run", 10), "--data", STORIES]):
            self.assertEqual(self.run_json("analyze", *arguments, *QUICK), trend)
        self.check_series(trend)
        self.check_text()
        self.check_reports(trend)

    def check_series(self, trend):
        analysis = self.run_json("runs", "show", "2")["series"]
        for i, layer in enumerate(trend["points"][0]["analysis"]["layers"]):
            self.assertEqual(analysis[layer["name"] + "/ternary/sqnr_db"],
                             [[point["step"], point["analysis"]["layers"][i]["cells"][0]["alone"]["sqnr_db"]] for point in trend["points"]])
            self.assertIn(layer["name"] + "/int8:c/loss_change", analysis)
            self.assertIn(layer["name"] + "/int8:c/score", analysis)
        # Once in the run, however often it was analyzed.
        run = self.run_json("runs", "show", "1")["series"]
        self.assertEqual([step for step, _ in run["analysis/ternary/sqnr_db"]], [10, 20])
        total = sum(layer["cells"][0]["measured"]["value"] for layer in trend["points"][1]["analysis"]["layers"])
        self.assertAlmostEqual(run["analysis/ternary/loss_change"][1][1], total, places=12)
        self.assertEqual(len(run["loss"]), 20)

    def check_text(self):
        out = self.run_raw("analyze", "--run", self.path("run"), *QUICK, "--top", "2")
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertRegex(out.stdout, r"layer +10 +20\n")
        self.assertRegex(out.stdout, r"\nblk\.\d\.\w+\.weight +\d+\.\d\d +\d+\.\d\d\n")
        self.assertIn("12 more: --top 0 shows all", out.stdout)

    def check_reports(self, trend):
        for end in ("html", "pdf", "md", "csv", "json"):
            result = self.run_raw("report", self.path("run.trend"), "--out", self.path("report." + end))
            self.assertEqual(result.returncode, 0, result.stderr)
        with open(self.path("report.csv"), encoding="utf-8") as f:
            self.assertEqual(len(f.readlines()), 1 + 2 * 2 * len(trend["points"][0]["analysis"]["layers"]))
        with open(self.path("report.json"), encoding="utf-8") as f:
            self.assertEqual(json.load(f), trend)
        with open(self.path("report.md"), encoding="utf-8") as f:
            self.assertIn("2 checkpoints, from step 10 to 20", f.read())

    def test_fine_tuned(self):
        """Its checkpoints have the rows in the order of the model it started from, and learned scales."""
        for name, flags in (("plain", []), ("learned", ["--weights", "int4:c", "--estimator", "lsq"])):
            with self.subTest(name=name):
                self.train(name, "--recipe", "bitnet-fine-tune", "--model", SAMPLE, "--teacher", SAMPLE, *flags)
                self.assert_is_model(self.run_json("analyze", "--run", self.path(name), *QUICK), os.path.join(self.path(name), "model"))

    def test_interleaved(self):
        """llama2.c's files have the rows of query and key in pairs, the model that is written in halves."""
        model, tokenizer = commands.realdata("stories260k/stories260K.bin"), commands.realdata("stories260k/tok512.bin")
        self.train("run", "--recipe", "bitnet-fine-tune", "--model", model, "--teacher", model, "--tokenizer", tokenizer)
        trend = self.run_json("analyze", "--run", self.path("run"), *QUICK)
        alone = self.run_json("analyze", os.path.join(self.path("run"), "model"), "--data", STORIES, *QUICK)
        self.assertEqual(trend["points"][-1]["analysis"]["loss"], alone["loss"])
        self.assertEqual(trend["points"][-1]["analysis"]["layers"], alone["layers"])

    def test_bad(self):
        self.train("run", *SCRATCH)
        ten, twenty = self.checkpoint("run", 10), self.checkpoint("run", 20)
        run = lambda *arguments: self.run_raw("analyze", *arguments, "--quiet")
        self.assert_fails(run("--run", self.path("nothing")), "nothing")
        self.assert_fails(run("--run", "1", ten), "--run", status=2)
        self.assert_fails(run(), "MODEL is missing", status=2)
        self.assert_fails(run(SAMPLE, SAMPLE), "one MODEL", status=2)
        self.assert_fails(run(ten, "--mitigate", "--scheme", "ternary"), "--mitigate", status=2)
        shutil.copy(ten, self.path("step-00000010.checkpoint.safetensors"))
        self.assert_fails(run(ten, self.path("step-00000010.checkpoint.safetensors")), "both of step 10")
        self.train("other", *SCRATCH[:3], "48", *SCRATCH[4:])
        self.assert_fails(run(ten, self.checkpoint("other", 20), *QUICK), "other")
        with open(twenty, "r+b") as f:
            f.seek(-5, 2)
            f.write(b"spoil")
        self.assert_fails(run("--run", self.path("run"), *QUICK), "step-00000020.checkpoint.safetensors")
        self.run_json("analyze", ten, *QUICK, "--out", self.path("a.trend"))
        with open(self.path("a.trend"), encoding="utf-8") as f:
            document = json.load(f)
        for change, words in ((lambda d: d.update(version=2), ("version", "later")), (lambda d: d.update(points=[]), ("points", "empty")),
                              (lambda d: d["points"][0].update(step=-1), ("points[0].step",)),
                              (lambda d: d["points"][0].update(analysis=7), ("points[0].analysis", "object")),
                              (lambda d: d["points"][0]["analysis"].update(seed=7), ("points[0].analysis.seed",)),
                              (lambda d: d["points"].append(d["points"][0]), ("step 10 after step 10",))):
            spoiled = json.loads(json.dumps(document))
            change(spoiled)
            with open(self.path("b.trend"), "w", encoding="utf-8") as f:
                json.dump(spoiled, f)
            self.assert_fails(self.run_raw("report", self.path("b.trend"), "--out", self.path("b.md")), "b.trend", *words)


if __name__ == "__main__":
    unittest.main()
