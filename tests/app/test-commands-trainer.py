#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a recipe can ask of the trainer beyond the loss: where scales start, what is added to the loss, teachers, rotations.

test-commands-trainer.py PROGRAM [unittest arguments], like test-commands.py beside it.
"""
import importlib.util
import json
import os
import struct
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("training", os.path.join(HERE, "test-commands-training.py"))
training = importlib.util.module_from_spec(spec)
spec.loader.exec_module(training)
realdata, STORIES, SMALL = training.realdata, training.STORIES, training.SMALL
SAMPLE = os.path.join(HERE, "..", "..", "resources", "sample")


def read_metadata(path):
    with open(path, "rb") as f:
        length = struct.unpack("<Q", f.read(8))[0]
        return json.loads(f.read(length))["__metadata__"]


class StartingScales(training.TrainingTest):
    BASE = ["--model", SAMPLE, "--data", STORIES, "--seq-len", "64", "--batch-size", "2", "--validation-batches", "4", "--validation-every", "0",
            "--metrics-every", "0", "--checkpoint-every", "0"]

    def calibrate(self, model=SAMPLE, *more):
        self.run_json("calibrate", model, "--data", STORIES, "--samples", "16", "--seq-len", "64", "--out", self.path("sample.stats"), *more)
        return self.path("sample.stats")

    def start(self, number, *flags):
        """The loss that a step which changes nothing leaves."""
        return self.train(f"out{number}", "--steps", "1", "--rate", "1e-12", *flags, base=self.BASE)["validation_loss"]

    def test_better_than_a_guess(self):
        stats = self.calibrate(SAMPLE, "--rows", "64")
        full = self.start("full")
        for number, way in enumerate((["--activations", "int4", "--input-estimator", "lsq"], ["--activations", "int4:asym", "--input-estimator", "lsq+"])):
            with self.subTest(way=way):
                guessed = self.start(f"{number}a", *way)
                found = self.start(f"{number}b", *way, "--stats", stats)
                self.assertLess(found - full, 0.75 * (guessed - full))
        both = ["--activations", "int8", "--input-estimator", "lsq", "--stats", stats, "--weights", "int3:c", "--estimator", "lsq"]
        self.assertLess(self.start("output", *both, "--method", "output"), self.start("minmax", *both, "--method", "minmax"))

    def test_fixed_scales(self):
        """They stay what they are, and the model that is written has them."""
        stats = self.calibrate()
        flags = ["--activations", "int8", "--stats", stats, "--steps", "12", "--checkpoint-every", "6", "--keep-last", "9", "--rate", "0.001"]
        whole = self.train("whole", *flags, base=self.BASE)
        state = training.read_checkpoint(self.checkpoint("whole", 6))[1], training.read_checkpoint(self.checkpoint("whole", 12))[1]
        fixed = [name for name in state[0] if name.startswith("model/") and name.endswith(".input_scale")]
        self.assertGreater(len(fixed), 6)
        for name in fixed:
            self.assertEqual(state[0][name], state[1][name])
        sites = json.loads(read_metadata(os.path.join(whole["model"], "model.safetensors"))["ternion.activations"])["sites"]
        for name in fixed:
            self.assertEqual(struct.unpack("<f", state[1][name])[0], sites[name[len("model/"):-len("put_scale")]][0])
        # Where a run goes on, its checkpoint knows them.
        os.rename(stats, stats + ".away")
        with open(self.checkpoint("whole", 12), "rb") as f:
            before = f.read()
        os.remove(self.checkpoint("whole", 12))
        self.train("whole", *flags, "--resume", base=self.BASE)
        with open(self.checkpoint("whole", 12), "rb") as f:
            self.assertEqual(f.read(), before)

    def test_wrong(self):
        stats = self.calibrate()
        other = self.train("other", "--steps", "2")["model"]
        learned = ["--activations", "int8", "--input-estimator", "lsq"]
        for flags, base, words in (
                (learned, ["--model", other, "--data", STORIES, "--seq-len", "32"], ("sample.stats", "model", "this one")),
                (learned, SMALL + ["--integer", "false"], ("sample.stats", "--model")),
                (["--activations", "int8:t"], self.BASE, ("no layer",)),
                (["--activations", "binary", "--input-estimator", "lsq"], self.BASE, ("blk.0.attn_q", "binary")),
                (learned + ["--method", "output"], self.BASE, ("blk.0.attn_q", "--rows")),
                (learned + ["--method", "ema"], self.BASE, ("blk.0.attn_q",))):
            with self.subTest(flags=flags):
                self.assert_fails(self.train_raw("out", "--stats", stats, "--steps", "2", *flags, base=base), *words)
        self.assert_fails(self.train_raw("out", "--stats", stats, base=self.BASE), "stats", "activations", status=2)
        self.assert_fails(self.train_raw("out", "--method", "mean", *learned, base=self.BASE), "--method", "mean", status=2)
        self.assert_fails(self.train_raw("out", "--method", "mse", base=self.BASE), "no layer")
        self.assert_fails(self.train_raw("out", "--stats", STORIES, *learned, base=self.BASE), "stories.txt")


if __name__ == "__main__":
    unittest.main()
