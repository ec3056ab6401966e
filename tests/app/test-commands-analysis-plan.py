#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plans under a budget, end to end: from an analysis of a real model, written, measured, and used by eval and quantize.

test-commands-analysis-plan.py PROGRAM [unittest arguments], like test-commands.py beside it.
"""
import importlib.util
import json
import os
import unittest

spec = importlib.util.spec_from_file_location("commands", os.path.join(os.path.dirname(os.path.abspath(__file__)), "test-commands.py"))
commands = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commands)
realdata = commands.realdata

MODEL = "stories260k/stories260K.bin"
SCHEMES = "ternary,int3:g32,int4,int4:c,int8"
# The analysis draws from all of the text, plans are measured on this much of it.
HELD_OUT_BYTES = 20000


class PlanTest(commands.CommandTest):
    analysis = None

    def setUp(self):
        super().setUp()
        self.tokenizer = ["--tokenizer", realdata("stories260k/tok512.bin")]
        self.model = realdata(MODEL)
        if PlanTest.analysis is None:
            out = self.path("whole.json")
            self.run_json("analyze", self.model, *self.tokenizer, "--data", realdata("text/tinystories_2MB.txt"), "--schemes", SCHEMES, "--seq-len", "128",
                          "--samples", "8", "--measure", "all", "--exhaustive", "--measure-samples", "24", "--error-samples", "0", "--out", out)
            with open(out, encoding="utf-8") as f:
                PlanTest.analysis = f.read()
        self.file = self.path("analysis.json")
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(PlanTest.analysis)

    def plan(self, *arguments):
        return self.run_json("plan", self.file, *arguments)

    def held_out(self):
        with open(realdata("text/tinystories_2MB.txt"), "rb") as f:
            text = f.read(HELD_OUT_BYTES)
        with open(self.path("held-out.txt"), "wb") as f:
            f.write(text[:text.rindex(b"<|endoftext|>")])
        return self.path("held-out.txt")

    def cells(self):
        document = json.loads(PlanTest.analysis)
        return document["schemes"], document["layers"]

    def test_budget_in_bits(self):
        schemes, layers = self.cells()
        out = self.plan("--bits", "4", "--out", self.path("a.plan"))
        self.assertLessEqual(out["bits"], 4 + 1e-4)
        self.assertGreater(out["bits"], 3.9)
        total = {"value": 0.0, "low": 0.0, "high": 0.0}
        nbytes = 0.0
        groups = {}
        for layer, planned in zip(layers, out["layers"]):
            self.assertEqual(layer["name"], planned["name"])
            groups.setdefault(layer["group"], set()).add(planned["scheme"])
            self.assertEqual(planned["source"], "measured")
            cell = layer["cells"][schemes.index(planned["scheme"])]
            nbytes += cell["bytes"]
            # Drawn towards the score, but not out of what measuring leaves open.
            self.assertLessEqual(abs(planned["change"]["value"] - cell["measured"]["value"]), 1.5 * (cell["measured"]["high"] - cell["measured"]["low"]))
            for end in total:
                total[end] += planned["change"][end]
        # q, k and v; gate and up.
        self.assertTrue(all(len(chosen) == 1 for chosen in groups.values()))
        self.assertEqual(len(groups), 4 * 5)
        self.assertAlmostEqual(nbytes, out["bytes"], places=6)
        for end in total:
            self.assertAlmostEqual(total[end], out["predicted"][end], places=12)

    def test_plan_is_used(self):
        data = self.held_out()
        out = self.plan("--size", "140kB", "--keep", "blk.0.attn_k*", "--out", self.path("a.plan"), "--measure", "--model", self.model, "--data", data,
                        *self.tokenizer)
        self.assertLessEqual(out["bytes"], 140000)
        kept = [layer["name"] for layer in out["layers"] if layer["scheme"] == "keep"]
        self.assertTrue({"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"} <= set(kept))
        with open(self.path("a.plan"), encoding="utf-8") as f:
            text = f.read()
        self.assertIn("\nblk.0.attn_k.weight=keep\n", text)
        document = json.loads(PlanTest.analysis)
        self.assertIn("\nfingerprint=%s\n" % document["model"]["fingerprint"], text)
        evaluation = self.run_json("eval", self.model, "--data", data, "--seq-len", "128", "--plan", self.path("a.plan"), *self.tokenizer)
        self.assertAlmostEqual(evaluation["loss"], out["measured"][0]["loss"], places=12)
        self.run_json("quantize", self.model, "--plan", self.path("a.plan"), "--out", self.path("a.safetensors"), *self.tokenizer)

    def test_uniform(self):
        """Measured on text, a plan of the size of a scheme in all layers loses no more than that, within the error of measuring."""
        data = self.held_out()
        for scheme, least in [("int4", 0.1), ("int4:c", None), ("int8", None)]:
            with self.subTest(scheme=scheme):
                _, layers = self.cells()
                k = SCHEMES.split(",").index(scheme)
                bits = 8 * sum(layer["cells"][k]["bytes"] for layer in layers) / sum(layer["rows"] * layer["columns"] for layer in layers)
                out = self.plan("--bits", repr(bits), "--measure", "--model", self.model, "--data", data, *self.tokenizer)
                measured = {plan["title"]: plan for plan in out["measured"]}
                plan, uniform = measured["the plan"], measured[scheme + " everywhere"]
                self.assertLessEqual(plan["bits"], bits + 1e-4)
                self.assertLessEqual(plan["predicted"]["value"], uniform["predicted"]["value"] + 1e-12)
                if least is None:
                    self.assertLessEqual(plan["change"], uniform["change"] + 2 * (plan["change_stderr"] + uniform["change_stderr"]))
                else:
                    self.assertLess(plan["change"], uniform["change"] - least)

    def test_checks(self):
        """Where most pairs were measured, whole plans are too, and what is predicted of them is the sum that plan prints."""
        schemes, layers = self.cells()
        checks = json.loads(PlanTest.analysis)["checks"]
        self.assertEqual([x["title"] for x in checks[:len(schemes)]], [name + " everywhere" for name in schemes])
        self.assertEqual(len(checks), len(schemes) + 3)
        for check in checks:
            chosen = [(layer, layer["cells"][k]) for layer, k in zip(layers, check["schemes"]) if k >= 0]
            self.assertAlmostEqual(check["bytes"], sum(cell["bytes"] for _, cell in chosen) +
                                   2 * sum(layer["rows"] * layer["columns"] for layer, k in zip(layers, check["schemes"]) if k < 0), places=6)
            self.assertLess(check["measured"]["low"], check["measured"]["high"])
        out = self.plan("--bits", repr(checks[-1]["bits"] + 1e-9))
        self.assertAlmostEqual(out["predicted"]["value"], checks[-1]["predicted"], places=12)
        # Ternary weights everywhere lose far more than the sum of the layers.
        self.assertGreater(checks[0]["measured"]["value"], 1.2 * checks[0]["predicted"])

    def test_check_plans(self):
        arguments = ["analyze", self.model, *self.tokenizer, "--data", realdata("text/expected_stories.txt"), "--schemes", "ternary,int8", "--seq-len", "64",
                     "--samples", "4", "--measure-samples", "4", "--error-samples", "0"]
        self.assertEqual(self.run_json(*arguments, "--measure", "2")["checks"], [])
        self.assertEqual(self.run_json(*arguments, "--measure", "all", "--check-plans", "0")["checks"], [])
        out = self.run_raw(*arguments, "--measure", "2", "--check-plans", "1", "--top", "3")
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertRegex(out.stdout, r"measured / predicted\n")
        self.assertRegex(out.stdout, r"ternary everywhere +1\.\d+ +\+\d\.\d+ +\+\d\.\d+ ± \d\.\d+ +\d+\.\d\d\n")
        self.assertRegex(out.stdout, r"plan of \d\.\d\d bits a weight ")
        bad = self.run_raw(*arguments, "--check-plans", "-1")
        self.assertEqual(bad.returncode, 2)
        self.assertIn("--check-plans: -1", bad.stderr)

    def test_front(self):
        out = self.plan("--front")
        self.assertEqual(out["tolerance"], 0)
        for first, second in zip(out["front"], out["front"][1:]):
            self.assertLess(first["bytes"], second["bytes"])
            self.assertGreater(first["change"], second["change"])
        result = self.run_raw("plan", self.file, "--front", "--loss", "0.5", "--schemes", "int4:c,ternary")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(" plans of the front; --json has all", result.stdout)
        self.assertNotIn("int3", result.stdout)

    def test_refused(self):
        for arguments, status, message in [
                (["--bits", "1"], 1, "no plan has at most 1 bits a weight; the smallest has 1.5"),
                (["--size", "1kB"], 1, "no plan takes at most 1000 bytes; the smallest takes "),
                (["--loss", "-9"], 1, "no plan is predicted to change the loss by at most -9; the best changes it by "),
                (["--bits", "4", "--loss", "1"], 2, "give one"),
                ([], 2, "a budget is missing"),
                (["--bits", "4", "--schemes", "int5"], 1, "the scheme int5 was not analyzed"),
                (["--bits", "4", "--keep", "blk.9.*"], 1, "blk.9.* fits the name of no layer"),
                (["--bits", "4", "--measure"], 2, "--measure needs --model MODEL and --data PATH"),
                (["--bits", "nan"], 2, "--bits"),
                (["--bits", "4", "--measure", "--model", realdata("stories260k/hf-f16"), "--data", realdata("text/names.txt")], 1, "the analysis is of the model"),
        ]:
            with self.subTest(arguments=arguments):
                result = self.run_raw("plan", self.file, *arguments)
                self.assertEqual(result.returncode, status, result.stderr)
                self.assertIn(message, result.stderr)
                self.assertEqual(result.stderr.count("ternion plan: "), 1)
        document = json.loads(PlanTest.analysis)
        document["layers"][0]["name"] = "blk.7.attn_q.weight"
        with open(self.file, "w", encoding="utf-8") as f:
            json.dump(document, f)
        result = self.run_raw("plan", self.file, "--bits", "4", "--measure", "--model", self.model, "--data", self.held_out(), *self.tokenizer)
        self.assertEqual(result.returncode, 1)
        self.assertIn("blk.7.attn_q.weight", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
