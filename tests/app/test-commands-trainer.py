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
                self.assertLess(found - full, 0.9 * (guessed - full))
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


class Penalties(training.TrainingTest):
    BASE = SMALL + ["--integer", "false", "--steps", "8", "--validation-every", "0", "--checkpoint-every", "0", "--metrics-every", "0"]

    def test_series(self):
        self.train("plain", base=self.BASE)
        plain = self.series()["series"]
        self.train("out", "--dampening", "1e-3", "--kurtosis", "0.1", "--bins", "0.01", "--l2", "1e-4", "--penalty-warmup", "0.5", base=self.BASE)
        series = self.series()["series"]
        for name in ("dampening", "kurtosis", "bins", "l2"):
            values = [value for _, value in series["penalty/" + name]]
            self.assertEqual(values[0], 0.0)
            self.assertTrue(all(value > 0 for value in values[1:]), name)
            self.assertNotIn("penalty/" + name, plain)
        self.assertEqual(series["loss"][0], plain["loss"][0])
        self.assertGreater(series["loss"][-1][1], plain["loss"][-1][1])

    def test_wrong(self):
        self.assert_fails(self.train_raw("out", "--dampening", "-1"), "--dampening", status=2)
        self.assert_fails(self.train_raw("out", "--kurtosis-target", "0.5"), "--kurtosis-target", status=2)
        self.assert_fails(self.train_raw("out", "--bins", "0.1", "--integer", "false", "--weights", "int4:asym"), "bins", "int4:asym", status=2)
        self.assert_fails(self.train_raw("out", "--l2", "0.1", "--integer", "false", "--weights", "none"), "weights", status=2)


class Rotation(training.TrainingTest):
    def test_exported_as_it_multiplies(self):
        """The model has the weights rotated back: what was validated is what it computes."""
        result = self.train("out", "--steps", "20", "--rate", "0.01", "--integer", "false", "--weights", "ternary:c", "--estimator", "trust", "--rotate", "true",
                            "--validation", STORIES, "--validation-batches", "8")
        self.assertLess(result["validation_loss"], 4.5)
        printed = self.run_raw("train", *SMALL, "--integer", "false", "--rotate", "true", "--print-recipe", workspace=False).stdout
        self.assertIn("rotate=true\n", printed)
        self.assert_fails(self.train_raw("out2", "--rotate", "true"), "rotated", status=2)
        self.assert_fails(self.train_raw("out2", "--rotate", "true", "--integer", "false", "--weights", "none"), "rotate", "weights", status=2)
        warned = self.train_raw("trust", "--steps", "2", "--integer", "false", "--input-estimator", "trust")
        self.assertIn("inputs", warned.stderr)


class ImageTeachers(training.TrainingTest):
    BASE = ["--steps", "30", "--validation-batches", "4", "--validation-every", "0", "--batch-size", "32", "--rate", "0.002"]

    def images(self, number, side=8, channels=1, n=160):
        """Rows of a bright bar, whose place is the label."""
        generator = training.random.Random(number)
        labels = [generator.randrange(4) for _ in range(n)]
        pixels = b"".join(bytes(min(255, generator.randrange(60) + (160 if y * 4 // side == label else 0)) for y in range(side) for _ in range(side))
                          for label in labels)
        with open(self.path(f"s{number}-images-idx3-ubyte"), "wb") as f:
            f.write(struct.pack(">IIII", 0x803, n, side, side) + pixels)
        with open(self.path(f"s{number}-labels-idx1-ubyte"), "wb") as f:
            f.write(struct.pack(">II", 0x801, n) + bytes(labels))
        return self.path(f"s{number}-images-idx3-ubyte")

    def test_learns_from(self):
        data = ["--data", self.images(1), *self.BASE]
        for arch, sizes, student in (("mlp", "16", "6"), ("cnn", "4,6", "3")):
            with self.subTest(arch=arch):
                teacher = self.train("teacher-" + arch, "--arch", arch, "--sizes", sizes, base=data)
                before = training.read_checkpoint(teacher["checkpoint"])
                for number, path in enumerate((teacher["model"], teacher["checkpoint"])):
                    self.train(f"student-{arch}{number}", "--arch", arch, "--sizes", student, "--weights", "ternary", "--teacher", path, "--distill", "0.9",
                               "--temperature", "2", base=data)
                    series = self.series()["series"]
                    distillation = [value for _, value in series["distillation"]]
                    self.assertLess(distillation[-1], 0.7 * distillation[0])
                    step, loss = series["loss"][3]
                    self.assertAlmostEqual(loss, 0.1 * series["cross_entropy"][3][1] + 0.9 * 4 * series["distillation"][3][1], places=5)
                self.assertEqual(training.read_checkpoint(teacher["checkpoint"]), before)

    def test_wrong(self):
        data = ["--data", self.images(1), *self.BASE]
        teacher = self.train("teacher", "--arch", "mlp", "--sizes", "16", base=data)
        convolutional = self.train("cnn", "--arch", "cnn", "--sizes", "4", base=data)
        rounded = self.train("rounded", "--arch", "mlp", "--sizes", "16", "--weights", "ternary", base=data)
        other = ["--data", self.images(2, side=12), *self.BASE]
        distill = ["--arch", "mlp", "--sizes", "8", "--distill", "0.5"]
        self.assert_fails(self.train_raw("out", *distill, "--teacher", teacher["model"], base=other), "64", "144")
        self.assert_fails(self.train_raw("out", *distill, "--teacher", convolutional["model"], base=other), "fc.weight", "[4, 144]")
        self.assert_fails(self.train_raw("out", *distill, "--teacher", rounded["model"], base=data), "ternary", "checkpoint")
        self.train("out", *distill, "--teacher", rounded["checkpoint"], base=data)
        self.assert_fails(self.train_raw("none", *distill, "--teacher", self.path("nowhere"), base=data), "nowhere")
        self.assert_fails(self.train_raw("none", *distill, "--teacher", SAMPLE, base=data), "arch")


if __name__ == "__main__":
    unittest.main()
