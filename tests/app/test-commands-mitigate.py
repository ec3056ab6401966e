#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ternion analyze --mitigate, end to end: what it writes is rounded by its plan to itself, eval finds the loss that was printed, and
bad input is one line.

test-commands-mitigate.py PROGRAM [unittest arguments], like test-commands.py beside it.
"""
import importlib.util
import os
import unittest

spec = importlib.util.spec_from_file_location("commands", os.path.join(os.path.dirname(os.path.abspath(__file__)), "test-commands.py"))
commands = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commands)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(ROOT, "resources", "sample")


class Mitigate(commands.CommandTest):
    def setUp(self):
        super().setUp()
        with open(os.path.join(MODEL, "stories.txt"), encoding="utf-8") as f:
            documents = [document.strip() for document in f.read().split("<|endoftext|>") if document.strip()]
        self.data, self.held_out = self.path("data.txt"), self.path("held-out.txt")
        for path, part in ((self.data, documents[:40]), (self.held_out, documents[40:48])):
            with open(path, "w", encoding="utf-8") as f:
                f.write("\n<|endoftext|>\n".join(part))

    def run_text(self, *arguments):
        result = self.run_raw(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def run_refused(self, status, words, *arguments):
        self.assert_fails(self.run_raw(*arguments), words, status=status)

    def mitigate(self, *arguments):
        return ["analyze", MODEL, "--data", self.data, "--seq-len", "48", "--mitigate", "--fit-samples", "8", *arguments]

    def test_written(self):
        out = self.path("mended")
        result = self.run_json(*self.mitigate("--scheme", "ternary:c", "--only", "gptq", "--held-out", self.held_out, "--write", out))
        self.assertEqual((result["scheme"], result["written_scheme"]), ("ternary:c", "ternary:ls:c"))
        self.assertLess(result["mitigated_change"]["value"], result["plain_change"]["value"])
        held_out = result["held_out"]
        self.assertLess(held_out["mitigated_loss"], held_out["plain_loss"])
        for step in result["steps"]:
            self.assertEqual(sum(trial["kept"] for trial in step["trials"]), 1)
        evaluate = ["--data", self.held_out, "--seq-len", "48"]
        planned = self.run_json("eval", out, *evaluate, "--plan", result["plan"])
        self.assertEqual(planned["loss"], held_out["mitigated_loss"])
        self.assertEqual(self.run_json("eval", out, *evaluate)["loss"], planned["loss"])
        self.assertEqual(self.run_json("eval", MODEL, *evaluate, "--scheme", "ternary:c")["loss"], held_out["plain_loss"])
        small = self.path("small.safetensors")
        quantized = self.run_json("quantize", out, "--plan", result["plan"], "--out", small)
        for tensor in quantized["tensors"]:
            if tensor["scheme"] is not None:
                self.assertIsNone(tensor["sqnr_db"])

    def test_text(self):
        text = self.run_text(*self.mitigate("--scheme", "int3", "--only", "scale", "--budget", "1s"))
        self.assertIn("plain rounding", text)
        self.assertIn("3.00 bits a weight", text)

    def test_refused(self):
        self.run_refused(2, "--scheme is missing", *self.mitigate())
        self.run_refused(2, "is none of rotate", *self.mitigate("--scheme", "int3", "--only", "magic"))
        self.run_refused(2, "no biases", *self.mitigate("--scheme", "int3", "--only", "bias"))
        self.run_refused(2, "is no time", *self.mitigate("--scheme", "int3", "--budget", "soon"))
        self.run_refused(2, "is for --mitigate", "analyze", MODEL, "--data", self.data, "--budget", "60s")
        with open(self.path("short.txt"), "w", encoding="utf-8") as f:
            f.write("One.")
        self.run_refused(1, "samples", "analyze", MODEL, "--data", self.path("short.txt"), "--seq-len", "48", "--mitigate", "--scheme", "int3", "--quiet")


if __name__ == "__main__":
    unittest.main()
