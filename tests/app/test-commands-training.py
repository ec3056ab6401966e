#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Training from the outside: it learns, it is the same run again after whatever stopped it, and wrong input is named.

test-commands-training.py PROGRAM [unittest arguments], like test-commands.py beside it.
"""
import csv
import glob
import gzip
import importlib.util
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import time
import unittest

spec = importlib.util.spec_from_file_location("commands", os.path.join(os.path.dirname(os.path.abspath(__file__)), "test-commands.py"))
commands = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commands)
realdata = commands.realdata

STORIES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "resources", "sample", "stories.txt")
SMALL = ["--recipe", "tiny", "--data", STORIES, "--width", "32", "--layers", "2", "--heads", "2", "--seq-len", "32", "--batch-size", "4",
         "--validation-batches", "2", "--seed", "7"]


def read_checkpoint(path):
    """Metadata, and the bytes of each array."""
    with open(path, "rb") as f:
        data = f.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__")
    return metadata, {name: data[8 + length + entry["data_offsets"][0]:8 + length + entry["data_offsets"][1]] for name, entry in header.items()}


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def strip_fields(path, names):
    """The same checkpoint without some of its fields, its sum made anew as data/training/checkpoint.h says."""
    with open(path, "rb") as f:
        data = f.read()
    length = struct.unpack("<Q", data[:8])[0]
    header, content = json.loads(data[8:8 + length]), data[8 + length:]
    metadata = header["__metadata__"]
    fields = json.loads(metadata["fields"])
    metadata["fields"] = json.dumps({name: value for name, value in fields.items() if name not in names})
    summed = b"".join(f"{key}\0{metadata[key]}\0".encode() for key in sorted(metadata) if key != "crc32c")
    for name in sorted(name for name in header if name != "__metadata__"):
        entry = header[name]
        first, end = entry["data_offsets"]
        summed += f"{name}\0{entry['dtype']}\0".encode() + b"".join(struct.pack("<Q", n) for n in entry["shape"]) + content[first:end]
    metadata["crc32c"] = f"{crc32c(summed):08x}"
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + content)


class TrainingTest(commands.CommandTest):
    def train_raw(self, out, *more, base=SMALL):
        return self.run_raw("train", *base, "--out", self.path(out), *more)

    def train(self, out, *more, base=SMALL):
        return self.run_json("train", *base, "--out", self.path(out), *more)

    def start(self, out, *more):
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "G_DEBUG": "fatal-criticals", "XDG_CACHE_HOME": self.path("cache")}
        return subprocess.Popen([commands.PROGRAM, "train", *SMALL, "--out", self.path(out), *more, "--workspace", self.workspace],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    def checkpoints(self, out):
        return sorted(glob.glob(os.path.join(self.path(out), "checkpoints", "*.safetensors")))

    def checkpoint(self, out, step):
        return os.path.join(self.path(out), "checkpoints", f"step-{step:08}.checkpoint.safetensors")

    def assert_same_state(self, a, b):
        first, second = read_checkpoint(a), read_checkpoint(b)
        self.assertEqual(first[0]["step"], second[0]["step"])
        self.assertEqual(first[1].keys(), second[1].keys())
        different = [name for name in first[1] if first[1][name] != second[1][name]]
        self.assertEqual(different, [])

    def series(self):
        runs = self.run_json("runs", "list")
        return self.run_json("runs", "show", str(max(run["id"] for run in runs)))


class Learns(TrainingTest):
    def test_text(self):
        result = self.train("out", "--steps", "60", "--validation-every", "20", "--metrics-every", "10")
        self.assertEqual((result["step"], result["steps"], result["skipped"]), (60, 60, 0))
        self.assertEqual(result["targets"], 60 * 4 * 32)
        self.assertTrue(os.path.exists(result["checkpoint"]))
        run = self.series()
        self.assertEqual((run["verb"], run["state"]), ("train", "done"))
        loss = run["series"]["loss"]
        self.assertEqual([step for step, _ in loss], list(range(60)))
        self.assertLess(sum(value for _, value in loss[-10:]) / 10, loss[0][1] - 1.0)
        validation = run["series"]["validation_loss"]
        self.assertEqual([step for step, _ in validation], [20, 40, 60])
        self.assertEqual(validation[-1][1], result["validation_loss"])
        self.assertEqual(min(value for _, value in validation), result["best_validation_loss"])
        rates = [value for _, value in run["series"]["rate"]]
        self.assertAlmostEqual(max(rates), 0.003, places=9)
        self.assertLess(rates[-1], 0.0002)
        for name in ("gradient_norm", "tokens_per_second", "memory_bytes", "layer/blk.0.attn_q/zeros", "layer/blk.1.ffn_down/flips"):
            self.assertTrue(all(value is not None and value >= 0 for _, value in run["series"][name]), name)
        for _, zeros in run["series"]["layer/blk.0.attn_q/zeros"]:
            self.assertTrue(0.1 < zeros < 0.6)

        exported = self.run_raw("runs", "export", str(run["id"]))
        rows = list(csv.reader(exported.stdout.splitlines()))
        self.assertEqual(rows[0], ["series", "step", "value"])
        self.assertEqual([[int(step), float(value)] for name, step, value in rows[1:] if name == "loss"], loss)
        self.run_raw("runs", "export", str(run["id"]), "--out", self.path("series.csv"))
        with open(self.path("series.csv")) as f:
            self.assertEqual(f.read(), exported.stdout)
        self.assertEqual(self.run_json("runs", "export", str(run["id"]))["series"], run["series"])
        self.assert_fails(self.run_raw("runs", "show", str(run["id"]), "--out", "x"), "--out", "export", status=2)
        shown = self.run_raw("runs", "show", str(run["id"])).stdout
        line = next(line for line in shown.splitlines() if line.startswith("validation_loss "))
        self.assertEqual(line.split()[1:4], ["3", f"{validation[-1][1]:.6g}", f"{result['best_validation_loss']:.6g}"])

        inspected = self.run_json("inspect", result["model"])
        self.assertEqual(sum(1 for tensor in inspected["tensors"] if tensor["name"].startswith("blk.1.")), 9)
        evaluated = self.run_json("eval", result["model"], "--data", STORIES, "--seq-len", "32", 
                                  "--scheme", "ternary", "--activations", "int8:t")
        self.assertLess(evaluated["loss"], 4.5)
        text = self.run_json("generate", result["model"], "--prompt", "Once", "--tokens", "8", "--greedy")
        self.assertEqual(len(text["ids"]), 4 + 8)
        self.assertEqual(text["ids"][:4], list(b"Once"))
        words = "Ünï 漢 \n\t end <|bos|>"
        self.assertEqual(self.run_json("tokenize", result["model"], "--text", words)["ids"], list(words.encode()))

    def test_full_precision_learns_more_than_nothing(self):
        result = self.train("out", "--steps", "60", "--weights", "none", "--activations", "none", "--integer", "false")
        self.assertLess(result["validation_loss"], 3.3)

    def test_from_a_model(self):
        """What it knows is not lost: the loss starts where the model stands."""
        model, data = realdata("stories260k/hf-f32"), realdata("text/tinystories_2MB.txt")
        self.train("out", "--steps", "4", "--rate", "1e-5", base=["--model", model, "--data", data, "--seq-len", "64", "--batch-size", "2",
                                                                  "--tokenizer", realdata("stories260k/tok512.bin")])
        loss = self.series()["series"]["loss"]
        self.assertLess(loss[0][1], 3.0)
        self.assertTrue(os.path.exists(os.path.join(self.path("out"), "model", "tokenizer.bin")))

    def test_model_is_what_it_was(self):
        """Whatever the rotary layout of where it came from; rounded by a learned scale too."""
        model, tokenizer = realdata("stories260k/stories260K.bin"), realdata("stories260k/tok512.bin")
        data = ["--data", realdata("text/expected_stories.txt"), "--seq-len", "64"]
        before = self.run_json("eval", model, *data, "--tokenizer", tokenizer)["loss"]
        for number, (flags, most) in enumerate((([], 0.001), (["--weights", "int8:c", "--estimator", "lsq"], 0.05))):
            result = self.train(f"out{number}", *flags, "--steps", "1", "--rate", "1e-7", base=[
                "--model", model, "--data", realdata("text/tinystories_2MB.txt"), "--tokenizer", tokenizer, "--seq-len", "64", "--batch-size", "2",
                "--validation-batches", "1"])
            after = self.run_json("eval", result["model"], *data)["loss"]
            self.assertLess(abs(after - before), most)

    def test_real_stories(self):
        """The first steps of a model of 260,000 parameters made ternary, and of one of a million from scratch: they fall, and are the same again."""
        data = ["--data", realdata("text/tinystories_2MB.txt"), "--seq-len", "64", "--batch-size", "4", "--validation-every", "0",
                "--validation-batches", "1", "--checkpoint-every", "0", "--seed", "3", "--steps", "24", "--warmup-steps", "2"]
        model = realdata("stories260k/stories260K.bin")
        ways = (["--recipe", "bitnet-fine-tune", "--model", model, "--teacher", model, "--rate", "0.001", "--warmup", "0", "--integer", "true"],
                ["--recipe", "tiny"])
        for number, way in enumerate(ways):
            with self.subTest(way=way):
                results = [self.train(f"{number}-{threads}", "--threads", str(threads), base=way + data) for threads in (1, 2)]
                self.assert_same_state(results[0]["checkpoint"], results[1]["checkpoint"])
                loss = [value for _, value in self.series()["series"]["loss"]]
                self.assertEqual(len(loss), 24)
                self.assertLess(sum(loss[-4:]), 0.95 * sum(loss[:4]))
                self.assertEqual(results[0]["skipped"], 0)

    def test_learned_scales_are_in_the_model(self):
        """What was validated is what the model computes, although it has no place for the scales."""
        for number, flags in enumerate((["--weights", "int4:c", "--estimator", "lsq"], ["--weights", "ternary:c", "--estimator", "seq"],
                                        ["--weights", "ternary", "--output-scales", "true"])):
            with self.subTest(flags=flags):
                result = self.train(f"out{number}", "--steps", "30", "--rate", "0.01", "--integer", "false", *flags, "--validation", STORIES,
                                    "--validation-batches", "0")
                evaluated = self.run_json("eval", result["model"], "--data", STORIES, "--seq-len", "32", "--activations", "int8:t")
                self.assertLess(abs(evaluated["loss"] - result["validation_loss"]), 0.01)

    def test_distills(self):
        teacher = self.train("teacher", "--steps", "30")["model"]
        self.train("student", "--steps", "20", "--teacher", teacher, "--distill", "0.5", "--temperature", "2")
        distillation = [value for _, value in self.series()["series"]["distillation"]]
        self.assertLess(distillation[-1], distillation[0])

    def test_images(self):
        base = ["--recipe", "mnist-mlp-ternary", "--data", realdata("mnist/train-images-idx3-ubyte.gz"), "--steps", "150",
                "--validation-batches", "10", "--checkpoint-every", "0", "--test", realdata("mnist/t10k-images-idx3-ubyte.gz")]
        result = self.train("out", base=base)
        self.assertGreater(result["validation_accuracy"], 0.8)
        self.assertGreater(result["test_accuracy"], 0.8)
        self.assertIn("images_per_second", self.series()["series"])
        # A finished run is scored again, without a step.
        again = self.train("out", "--resume", base=base)
        self.assertEqual((again["test_accuracy"], again["test_loss"], again["targets"]), (result["test_accuracy"], result["test_loss"], 0))
        self.assertTrue(os.path.exists(os.path.join(result["model"], "model.safetensors")))

    def test_prints_what_it_does(self):
        printed = self.run_raw("train", *SMALL, "--print-recipe", workspace=False)
        self.assertEqual(printed.returncode, 0, printed.stderr)
        with open(self.path("printed.recipe"), "w") as f:
            f.write(printed.stdout)
        again = self.run_raw("train", "--recipe", self.path("printed.recipe"), "--print-recipe", workspace=False)
        self.assertEqual(again.stdout, printed.stdout)
        # A key keeps its value whatever it is followed by.
        with open(self.path("order.recipe"), "w") as f:
            f.write("[optimizer]\nweight-decay=0.25\noptimizer=adamw\n[schedule]\nwarmup-steps=17\nfinal-ratio=0.25\nschedule=two-stage\n")
        for flags in ([], ["--optimizer", "adamw8", "--schedule", "linear"]):
            other = self.run_raw("train", "--recipe", self.path("order.recipe"), *flags, "--print-recipe", workspace=False)
            for line in ("weight-decay=0.25", "warmup-steps=17", "final-ratio=0.25"):
                self.assertIn(line + "\n", other.stdout)

    def test_tensorboard(self):
        """Points of the event file, read by hand: length, sum, message, sum; and those of a run that goes on."""
        self.train("out", "--steps", "6", "--tensorboard", self.path("events"))
        loss = self.series()["series"]["loss"]
        self.train("out", "--steps", "9", "--resume", "--tensorboard", self.path("events"))
        files = sorted(glob.glob(self.path("events") + "/events.out.tfevents.*"))
        self.assertEqual(len(files), 2)
        records = []
        with open(files[0], "rb") as f:
            while header := f.read(12):
                records.append(f.read(struct.unpack("<Q", header[:8])[0]))
                f.read(4)
        self.assertIn(b"brain.Event:2", records[0])
        found = [record for record in records if b"\x04loss\x15" in record]
        self.assertEqual(len(found), 6)
        for record, (_, value) in zip(found, loss):
            place = record.index(b"\x04loss\x15") + 6
            self.assertAlmostEqual(struct.unpack("<f", record[place:place + 4])[0], value, places=5)

    def test_lists_recipes(self):
        listed = self.run_raw("train", "--list-recipes", workspace=False)
        for line in listed.stdout.splitlines():
            name, summary = line.split(None, 1)
            self.assertGreater(len(summary), 20)
            printed = self.run_raw("train", "--recipe", name, "--print-recipe", workspace=False)
            self.assertEqual(printed.returncode, 0, (name, printed.stderr))


class Resume(TrainingTest):
    WAYS = {
        "integer": [],
        "float": ["--integer", "false", "--estimator", "lsq", "--weights", "int4:c", "--input-estimator", "lsq", "--activations", "int8"],
        "eight bits": ["--optimizer", "adamw8"],
        "muon": ["--optimizer", "muon"],
        "release": ["--release", "true"],
        "accumulate": ["--accumulate", "2"],
        "warmup": ["--integer", "false", "--warmup", "0.9"],
        "recompute": ["--recompute", "blocks"],
        "stochastic": ["--backward-inputs", "int8", "--backward-weights", "int8"],
    }

    def test_same_bits(self):
        for number, (name, flags) in enumerate(self.WAYS.items()):
            with self.subTest(way=name):
                whole, part = f"whole{number}", f"part{number}"
                more = ["--steps", "12", "--checkpoint-every", "5", "--keep-last", "9", "--validation-every", "4", *flags]
                undisturbed = self.train(whole, *more)
                os.makedirs(os.path.join(self.path(part), "checkpoints"))
                shutil.copy(self.checkpoint(whole, 5), self.checkpoint(part, 5))
                result = self.train(part, *more, "--resume")
                self.assertEqual(result["step"], 12)
                for field in ("loss", "validation_loss", "best_validation_loss"):
                    self.assertEqual(result[field], undisturbed[field])
                self.assert_same_state(self.checkpoint(whole, 12), self.checkpoint(part, 12))
                with open(os.path.join(self.path(whole), "model", "model.safetensors"), "rb") as a, \
                        open(os.path.join(self.path(part), "model", "model.safetensors"), "rb") as b:
                    self.assertEqual(a.read(), b.read())

    SERIES = ("loss", "validation_loss", "validation_accuracy", "gradient_norm", "layer/blk.0.attn_q/zeros")

    def test_one_series(self):
        """The run that goes on is the run that was: one row, and series without a gap or a step twice."""
        more = ["--steps", "30", "--checkpoint-every", "6", "--validation-every", "6", "--metrics-every", "5", "--keep-last", "9"]
        self.train("whole", *more)
        whole = self.series()
        undisturbed = whole["series"]
        self.train("part", *more[2:], "--steps", "30")
        first = self.series()
        # It was lost behind step 12: the points of later steps come anew.
        for step in (18, 24, 30):
            os.remove(self.checkpoint("part", step))
        self.train("part", *more, "--resume")
        second = self.series()
        self.assertEqual(second["id"], first["id"])
        self.assertEqual(second["state"], "done")
        for name in self.SERIES:
            self.assertEqual(second["series"][name], undisturbed[name], name)
        self.assertEqual(second["series"].keys(), undisturbed.keys())
        times = [step for step, _ in second["series"]["job/done"]]
        self.assertEqual(times, sorted(times))
        rows = list(csv.reader(self.run_raw("runs", "export", str(second["id"])).stdout.splitlines()))
        self.assertEqual([int(step) for name, step, _ in rows[1:] if name == "loss"], list(range(30)))
        self.assertIn("loss", self.run_raw("runs", "show", str(second["id"])).stdout)
        # Done, and gone on with once more: nothing is added.
        self.train("part", *more, "--resume")
        for name in self.SERIES:
            self.assertEqual(self.series()["series"][name], undisturbed[name], name)

    def test_series_after_a_kill(self):
        more = ["--steps", "400", "--checkpoint-every", "3", "--validation-every", "0", "--metrics-every", "4"]
        process = self.start("part", *more)
        while len(self.checkpoints("part")) < 2:
            time.sleep(0.01)
        time.sleep(0.3)
        process.kill()
        process.communicate()
        self.assertEqual([run["state"] for run in self.run_json("runs", "list")], ["lost"])
        self.train("part", *more, "--resume")
        runs = self.run_json("runs", "list")
        self.assertEqual([run["state"] for run in runs], ["done"])
        self.assertEqual([step for step, _ in self.series()["series"]["loss"]], list(range(400)))

    def test_in_another_workspace(self):
        """There the run is a new one, which begins where it went on."""
        self.train("out", "--steps", "4")
        self.workspace = self.path("other.db")
        self.train("out", "--steps", "8", "--resume")
        self.assertEqual([step for step, _ in self.series()["series"]["loss"]], [4, 5, 6, 7])

    def test_killed_at_any_moment(self):
        more = ["--steps", "120", "--checkpoint-every", "3", "--validation-every", "0", "--keep-last", "2"]
        self.train("whole", *more)
        generator = random.Random(5)
        for _ in range(4):
            process = self.start("part", *more, *(["--resume"] if self.checkpoints("part") else []))
            time.sleep(generator.uniform(0.05, 0.6))
            process.kill()
            process.communicate()
            shutil.rmtree(os.path.join(self.path("part"), "model"), ignore_errors=True)
        result = self.train("part", *more, *(["--resume"] if self.checkpoints("part") else []))
        self.assertEqual(result["step"], 120)
        self.assert_same_state(self.checkpoint("whole", 120), self.checkpoint("part", 120))

    def test_interrupted(self):
        for number, flags in enumerate(([], ["--release", "true"])):
            with self.subTest(flags=flags):
                part, whole = f"part{number}", f"whole{number}"
                # More steps than it makes before the signal, unless it is very slow.
                more = ["--steps", "3000", "--checkpoint-every", "0", "--validation-every", "0", "--metrics-every", "0", *flags]
                process = self.start(part, *more)
                time.sleep(1.0)
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 130, errors)
                saved = self.checkpoints(part)
                self.assertEqual(len(saved), 1)
                step = int(read_checkpoint(saved[0])[0]["step"])
                self.assertTrue(0 <= step < 3000)
                if step == 0:
                    continue
                # The same run undisturbed, up to a checkpoint at that step.
                process = self.start(whole, *more[:2], "--checkpoint-every", str(step), *more[4:])
                while not os.path.exists(self.checkpoint(whole, step)) and process.poll() is None:
                    time.sleep(0.02)
                process.kill()
                process.communicate()
                self.assert_same_state(saved[0], self.checkpoint(whole, step))

    def test_best_is_kept(self):
        """The best of those that were validated as they are, not of those that came some steps after it."""
        self.train("out", "--steps", "24", "--checkpoint-every", "3", "--validation-every", "6", "--keep-last", "1", "--rate", "0.5", "--clip", "none")
        kept = {int(os.path.basename(path)[5:13]) for path in self.checkpoints("out")}
        validated = {step for step, _ in self.series()["series"]["validation_loss"]}
        self.assertIn(24, kept)
        self.assertLessEqual(kept, validated)

    def test_branch(self):
        self.train("first", "--steps", "10", "--checkpoint-every", "5", "--keep-last", "9")
        result = self.train("second", "--steps", "14", "--rate", "0.001", "--branch", self.checkpoint("first", 5))
        self.assertEqual(result["step"], 14)
        self.assertEqual([step for step, _ in self.series()["series"]["loss"]], list(range(5, 14)))
        self.assertEqual(len(self.checkpoints("first")), 2)


class WithoutFlags(TrainingTest):
    """A run is its number, or its folder: nothing of what it was started with has to be said again."""

    def test_resume(self):
        more = ["--steps", "12", "--checkpoint-every", "4", "--keep-last", "9", "--validation-every", "4"]
        self.train("whole", *more)
        for number, name in enumerate(("by number", "by folder", "by out")):
            with self.subTest(name=name):
                out = f"part{number}"
                self.train(out, *more)
                run = self.series()["id"]
                for step in (8, 12):
                    os.remove(self.checkpoint(out, step))
                where = [str(run)] if number == 0 else [self.path(out)] if number == 1 else ["--out", self.path(out)]
                # From another folder than it was started in.
                result = subprocess.run([commands.PROGRAM, "train", "--resume", *where, "--json", "--workspace", self.workspace], cwd="/",
                                        capture_output=True, text=True)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(json.loads(result.stdout)["step"], 12)
                self.assert_same_state(self.checkpoint("whole", 12), self.checkpoint(out, 12))
                self.assertEqual(self.series()["id"], run)

    def test_resume_from_a_model_with_a_teacher(self):
        base = self.train("base", "--steps", "3")["model"]
        other = self.train("other", "--steps", "4")["model"]
        started = ["--model", base, "--teacher", base, "--distill", "0.5", "--checkpoint-every", "3", "--keep-last", "9"]
        self.train("whole", "--steps", "6", *started)
        self.train("part", "--steps", "6", *started)
        os.remove(self.checkpoint("part", 6))
        self.run_json("train", "--resume", self.path("part"))
        self.assert_same_state(self.checkpoint("whole", 6), self.checkpoint("part", 6))
        # Moved, it is the same model; another one it is not.
        moved = shutil.copytree(base, self.path("moved"))
        self.run_json("train", "--resume", self.path("part"), "--model", moved, "--steps", "7")
        self.assert_fails(self.run_raw("train", "--resume", self.path("part"), "--teacher", other), "teacher_fingerprint", other)
        self.assert_fails(self.run_raw("train", "--resume", self.path("part"), "--model", other), "model_fingerprint", other)

    def test_what_may_change(self):
        self.train("out", "--steps", "4", "--checkpoint-every", "2", "--tensorboard", self.path("events"))
        result = self.run_json("train", "--resume", self.path("out"), "--steps", "9", "--checkpoint-every", "3", "--metrics-every", "2",
                               "--validation-every", "3", "--keep-last", "1", "--threads", "1")
        self.assertEqual((result["step"], result["steps"]), (9, 9))
        self.assertEqual(len(glob.glob(self.path("events") + "/*")), 2)
        # Once more steps were asked for, they are what the run has.
        self.assertEqual(self.run_json("train", "--resume", self.path("out"))["steps"], 9)
        before = read_checkpoint(self.checkpoint("out", 9))
        for flags in (["--width", "64"], ["--rate", "0.5"], ["--seed", "8"], ["--weights", "int4:c"], ["--seq-len", "64"], ["--integer", "false"],
                      ["--recipe", "sample"]):
            result = self.run_raw("train", "--resume", self.path("out"), *flags)
            self.assert_fails(result, "runs branch", status=2)
            if flags[0] != "--recipe":
                self.assert_fails(result, flags[0][2:], flags[1], status=2)
        self.assertEqual(read_checkpoint(self.checkpoint("out", 9)), before)

    def test_which_run(self):
        self.train("out", "--steps", "2")
        self.run_json("eval", os.path.join(self.path("out"), "model"), "--data", STORIES, "--seq-len", "32")
        self.assert_fails(self.run_raw("train", "--resume"), "--resume", status=2)
        self.assert_fails(self.run_raw("train", "1"), "“1”", "--resume", status=2)
        self.assert_fails(self.run_raw("train", "--resume", "1", "--out", self.path("x")), "--out", status=2)
        self.assert_fails(self.run_raw("train", "--resume", "1", "--branch", self.checkpoint("out", 2)), "--branch", status=2)
        self.assert_fails(self.run_raw("train", "--resume", "77"), "77")
        self.assert_fails(self.run_raw("train", "--resume", "nothing"), "“nothing”")
        shutil.rmtree(self.path("out"))
        self.assert_fails(self.run_raw("train", "--resume", "1"), self.path("out"))

    def test_checkpoint_of_before(self):
        """Without what its run was started with, that is to be said again."""
        self.train("whole", "--steps", "6", "--checkpoint-every", "3", "--keep-last", "9")
        shutil.copytree(self.path("whole"), self.path("part"))
        os.remove(self.checkpoint("part", 6))
        strip_fields(self.checkpoint("part", 3), ("arguments", "run", "validation_accuracy"))
        self.assert_fails(self.run_raw("train", "--resume", self.path("part")), "step-00000003", "--recipe")
        self.train("part", "--steps", "6", "--checkpoint-every", "3", "--keep-last", "9", "--resume")
        self.assert_same_state(self.checkpoint("whole", 6), self.checkpoint("part", 6))

    def test_branch(self):
        self.train("first", "--steps", "10", "--checkpoint-every", "5", "--keep-last", "9", "--validation-every", "5")
        run = self.series()["id"]
        by_flag = self.train("second", "--steps", "14", "--rate", "0.001", "--branch", self.checkpoint("first", 5))
        same = self.run_json("runs", "branch", self.checkpoint("first", 5), "--steps", "14", "--rate", "0.001", "--out", self.path("third"))
        self.assertEqual(same["validation_loss"], by_flag["validation_loss"])
        self.assert_same_state(self.checkpoint("second", 14), self.checkpoint("third", 14))
        result = self.run_json("runs", "branch", str(run), "--steps", "14", "--out", self.path("fourth"))
        self.assertEqual(result["step"], 14)
        self.assertEqual([step for step, _ in self.series()["series"]["loss"]], [10, 11, 12, 13])
        self.assertNotEqual(self.series()["id"], run)
        # A branch goes on as itself.
        self.run_json("train", "--resume", self.path("fourth"), "--steps", "16")
        self.assertEqual([step for step, _ in self.series()["series"]["loss"]], list(range(10, 16)))
        with open(self.path("other.txt"), "w") as f:
            f.write("".join(f"Another text, number {n}.\n<|endoftext|>\n" for n in range(2000)))
        other = self.run_raw("runs", "branch", self.path("first"), "--steps", "12", "--data", self.path("other.txt"), "--out", self.path("fifth"))
        self.assertEqual(other.returncode, 0, other.stderr)
        self.assertIn("data", other.stderr)
        self.assert_fails(self.run_raw("runs", "branch", self.path("first"), "--width", "64", "--out", self.path("sixth")), "step-00000010", "another")
        self.assert_fails(self.run_raw("runs", "branch", self.path("first")), "--out", status=2)
        self.assert_fails(self.run_raw("runs", "branch"), "argument", status=2)
        self.assert_fails(self.run_raw("runs", "branch", self.path("first"), "--out", self.path("second")), self.path("second"))


class Import(TrainingTest):
    def setUp(self):
        super().setUp()
        self.train("first", "--steps", "6", "--metrics-every", "2", "--validation-every", "3")
        self.train("second", "--steps", "3")
        self.here, self.there = self.workspace, self.path("there.db")

    def bring(self, *runs, raw=False):
        self.workspace = self.there
        result = (self.run_raw if raw else self.run_json)("runs", "import", self.here, *runs)
        return result

    def shown(self, workspace, run):
        self.workspace = workspace
        return self.run_json("runs", "show", str(run)), self.run_raw("runs", "show", str(run)).stdout

    def test_brings_all(self):
        self.assertEqual([run["outcome"] for run in self.bring("2")], ["added"])
        pairs = {run["from"]: run["to"] for run in self.bring()}
        self.assertEqual(pairs, {1: 2, 2: 1})
        for there, here in pairs.items():
            (a, text), (b, other) = self.shown(self.here, there), self.shown(self.there, here)
            self.assertEqual({**a, "id": 0}, {**b, "id": 0})
            self.assertEqual(text.split(None, 1)[1], other.split(None, 1)[1])
        with open(self.there, "rb") as f:
            before = f.read()
        self.assertEqual([run["outcome"] for run in self.bring()], ["kept", "kept"])
        with open(self.there, "rb") as f:
            self.assertEqual(f.read(), before)

    def test_goes_on(self):
        """What went on there since comes again, under the number it has; and here it can go on, too."""
        self.bring()
        self.workspace = self.here
        self.run_json("train", "--resume", "1", "--steps", "8")
        self.assertEqual([(run["to"], run["outcome"]) for run in self.bring()], [(1, "replaced"), (2, "kept")])
        self.assertEqual(self.shown(self.there, 1)[0]["series"], self.shown(self.here, 1)[0]["series"])
        self.workspace = self.there
        self.run_json("train", "--resume", "1", "--steps", "9")
        self.assertEqual([step for step, _ in self.shown(self.there, 1)[0]["series"]["loss"]], list(range(9)))

    def test_one_that_runs(self):
        self.workspace = self.here
        process = self.start("third", "--steps", "100000")
        while len(self.run_json("runs", "list")) < 3:
            time.sleep(0.05)
        self.bring("3")
        self.workspace = self.there
        self.assertEqual([run["state"] for run in self.run_json("runs", "list")], ["lost"])
        process.kill()
        process.communicate()

    def test_older_and_read_only(self):
        """A workspace of before, which is only read."""
        database = sqlite3.connect(self.here)
        database.executescript("DROP INDEX runs_by_identity; ALTER TABLE runs DROP COLUMN identity; ALTER TABLE statistics DROP COLUMN provenance;"
                               " PRAGMA user_version=1")
        database.close()
        with open(self.here, "rb") as f:
            before = f.read()
        self.assertEqual([run["outcome"] for run in self.bring()], ["added", "added"])
        self.assertEqual([run["outcome"] for run in self.bring()], ["kept", "kept"])
        with open(self.here, "rb") as f:
            self.assertEqual(f.read(), before)
        # Brought up to date, it holds the same runs still.
        self.workspace = self.here
        self.run_json("runs", "list")
        self.assertEqual([run["outcome"] for run in self.bring()], ["kept", "kept"])

    def assert_nothing_came(self, *words, runs=(), status=1):
        self.assert_fails(self.bring(*runs, raw=True), *words, status=status)
        self.workspace = self.there
        self.assertEqual(self.run_json("runs", "list"), [])

    def test_wrong(self):
        self.assert_nothing_came("run 9", runs=("1", "9"))
        self.assert_nothing_came("“x”", runs=("x",), status=2)
        self.here, good = self.path("none.db"), self.here
        self.assert_nothing_came("none.db")
        self.here = STORIES
        self.assert_nothing_came("stories.txt", "workspace")
        self.here = self.path("newer.db")
        shutil.copy(good, self.here)
        database = sqlite3.connect(self.here)
        database.execute("PRAGMA user_version=99")
        database.close()
        self.assert_nothing_came("newer.db", "99")
        self.here = self.there
        self.assert_nothing_came("there.db", "itself", status=2)

    def test_damaged(self):
        """All or nothing: the first run is whole, the second has lost points, or the file pages."""
        good = self.here
        self.here = self.path("points.db")
        shutil.copy(good, self.here)
        database = sqlite3.connect(self.here)
        database.execute("UPDATE series_chunks SET points = substr(points, 1, 20) WHERE series IN (SELECT id FROM series WHERE run = 2 AND name = 'loss')")
        database.commit()
        database.close()
        self.assert_nothing_came("points.db", "damaged", "run 2")
        self.here = self.path("pages.db")
        shutil.copy(good, self.here)
        with open(self.here, "r+b") as f:
            size = os.path.getsize(self.here)
            for offset in range(4096 * 3, size, 4096):
                f.seek(offset)
                f.write(b"\xa5" * 512)
        self.assert_nothing_came("pages.db", "damaged")


class Export(TrainingTest):
    def test_model(self):
        made = self.train("out", "--steps", "5")["model"]
        self.run_raw("runs", "export", "1", "--model", self.path("whole"))
        for name in ("model.safetensors", "tokenizer.json"):
            with open(os.path.join(made, name), "rb") as a, open(os.path.join(self.path("whole"), name), "rb") as b:
                self.assertEqual(a.read(), b.read())
        result = self.run_raw("runs", "export", self.path("out"), "--model", self.path("half"), "--type", "F16")
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(os.path.join(self.path("half"), "config.json")) as f:
            self.assertEqual(json.load(f)["torch_dtype"], "float16")
        tensors = self.run_json("inspect", self.path("half"))["tensors"]
        self.assertEqual({tensor["dtype"] for tensor in tensors}, {"F16"})
        losses = [self.run_json("eval", model, "--data", STORIES, "--seq-len", "32")["loss"] for model in (made, self.path("half"))]
        self.assertAlmostEqual(*losses, places=3)
        self.assert_fails(self.run_raw("runs", "export", "1", "--model", self.path("x"), "--type", "Q8_0"), "Q8_0", "BF16", status=2)
        self.assert_fails(self.run_raw("runs", "export", "1", "--type", "F16"), "--model", status=2)
        self.assert_fails(self.run_raw("runs", "export", "9", "--model", self.path("x")), "9")
        shutil.rmtree(made)
        self.assert_fails(self.run_raw("runs", "export", "1", "--model", self.path("x")), "--resume 1")
        self.assertFalse(os.path.exists(self.path("x")))


class FullDisk(TrainingTest):
    def test_goes_on_and_tries_again(self):
        """No file may be as large as a checkpoint, until room is made: what it says meanwhile, and what is there then."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, resource.RLIM_INFINITY))

        more = ["--checkpoint-every", "10", "--validation-every", "0", "--metrics-every", "0", "--steps", "300"]
        process = subprocess.Popen([commands.PROGRAM, "train", *SMALL, "--out", self.path("out"), *more, "--workspace", self.workspace],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=limit)
        said = []
        for line in process.stderr:
            said.append(line)
            if "step-00000020" in line:
                break
        self.assertTrue(any("step-00000010" in line for line in said), said)
        self.assertEqual(self.checkpoints("out"), [])
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        said = process.stderr.read()
        process.communicate()
        self.assertEqual(process.returncode, 0, said)
        self.assertIn("checkpoints are kept again", said)
        self.assertTrue(os.path.exists(self.checkpoint("out", 300)))
        self.train("whole", *more)
        self.assert_same_state(self.checkpoint("whole", 300), self.checkpoint("out", 300))
        # Nothing half-written is left.
        self.assertEqual(sorted(os.listdir(os.path.join(self.path("out"), "checkpoints"))),
                         sorted(os.path.basename(path) for path in self.checkpoints("out")))


class Wrong(TrainingTest):
    def recipe(self, text):
        with open(self.path("own.recipe"), "w") as f:
            f.write(text)
        return self.path("own.recipe")

    def test_recipes(self):
        for text, words in (
                ("[model]\nwdith=64\n", ("own.recipe:2", "wdith", "“width”")),
                ("[model]\nwidth=0\n", ("own.recipe:2", "width", "0", "1")),
                ("[model]\nwidth=many\n", ("own.recipe:2", "width", "many")),
                ("[modle]\nwidth=64\n", ("own.recipe:1", "[modle]", "[model]")),
                ("[data]\nwidth=64\n", ("own.recipe:2", "width", "[model]")),
                ("[optimizer]\noptimizer=adma\n", ("own.recipe:2", "optimizer", "adma", "adam")),
                ("[schedule]\nschedule=cosin\n", ("own.recipe:2", "schedule", "cosin", "cosine")),
                ("[schedule]\nschedule=cosine\nswitch-at=0.5\n", ("own.recipe:3", "switch-at", "cosine")),
                ("[run]\nsteps=10\n[schedule]\nwarmup-steps=10\n", ("warmup-steps", "10")),
                ("[quantization]\nweights=ternary:q\n", ("weights", "ternary:q")),
                ("[quantization]\nestimator=straight\n", ("own.recipe:2", "estimator", "straight", "identity")),
                ("[quantization]\ninteger=true\nweights=int4:c\n", ("int8:t",)),
                ("[optimizer]\nrelease=true\n[data]\naccumulate=2\n", ("release", "accumulate")),
                ("[model]\nwidth=64\nheads=5\n", ("width", "heads")),
                ("width=64\n", ("own.recipe:1", "width", "[group]"))):
            with self.subTest(text=text):
                result = self.run_raw("train", "--recipe", self.recipe(text), "--data", STORIES, "--tokenizer", "bytes", "--out", self.path("out"))
                self.assert_fails(result, *words, status=2)
                self.assertFalse(os.path.exists(self.path("out")))

    def test_flags(self):
        self.assert_fails(self.run_raw("train", *SMALL), "--out", status=2)
        self.assert_fails(self.train_raw("out", "--rate", "0"), "--rate", "0", status=2)
        self.assert_fails(self.run_raw("train", "--recipe", "tinny", "--data", STORIES, "--out", self.path("out")), "tinny", "tiny")

    def test_data(self):
        base = ["--width", "32", "--heads", "2", "--out", self.path("out"), "--steps", "5", "--seq-len", "32"]
        self.assert_fails(self.run_raw("train", *base, "--data", STORIES), "tokenizer", "bytes")
        self.assert_fails(self.run_raw("train", *base, "--tokenizer", "bytes"), "--data")
        self.assert_fails(self.run_raw("train", *base, "--tokenizer", "bytes", "--data", self.path("none.txt")), "none.txt")
        with open(self.path("short.txt"), "w") as f:
            f.write("short")
        self.assert_fails(self.run_raw("train", *base, "--tokenizer", "bytes", "--data", self.path("short.txt")), "short.txt", "0.05")
        self.assert_fails(self.run_raw("train", *base, "--arch", "mlp", "--data", STORIES), "stories.txt")

    def test_width_that_the_scheme_cannot_take(self):
        result = self.train_raw("out", "--width", "96", "--integer", "false", "--weights", "int4:g64")
        self.assert_fails(result, "blk.0.attn_q", "96", "64")

    def test_folder_with_checkpoints(self):
        self.train("out", "--steps", "4")
        self.assert_fails(self.train_raw("out", "--steps", "8"), "--resume", self.path("out"))
        before = read_checkpoint(self.checkpoint("out", 4))
        # Another width, other data, other values of what the run is.
        self.assert_fails(self.train_raw("out", "--steps", "8", "--width", "64", "--resume"), "width", "64", "32", status=2)
        self.assert_fails(self.train_raw("out", "--steps", "8", "--resume", "--optimizer", "sgd"), "optimizer", "sgd", "adamw", status=2)
        with open(self.path("other.txt"), "w") as f:
            f.write("Another text. " * 2000)
        self.assert_fails(self.train_raw("out", "--steps", "8", "--resume", "--data", self.path("other.txt")), "data_fingerprint")
        self.assertEqual(read_checkpoint(self.checkpoint("out", 4)), before)
        self.assert_fails(self.train_raw("empty", "--steps", "8", "--resume"), self.path("empty"))

    def test_damaged_checkpoints(self):
        self.train("out", "--steps", "8", "--checkpoint-every", "4", "--keep-last", "9")
        good = self.checkpoint("out", 4)
        newest = self.checkpoint("out", 8)
        with open(newest, "rb") as f:
            data = f.read()
        with open(newest, "wb") as f:
            f.write(data[:len(data) * 2 // 3])
        result = self.train_raw("out", "--steps", "8", "--resume", "--keep-last", "9")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("step-00000008", result.stderr)
        self.assertIn("step 4", result.stderr)
        spoiled = bytearray(data)
        spoiled[-3] ^= 1
        with open(self.path("spoiled"), "wb") as f:
            f.write(spoiled)
        self.assert_fails(self.train_raw("branch", "--branch", self.path("spoiled")), "spoiled", "crc32c")
        self.assertTrue(os.path.exists(good))

    def test_checkpoint_of_a_newer_version(self):
        self.train("out", "--steps", "4")
        newest = self.checkpoint("out", 4)
        with open(newest, "rb") as f:
            data = f.read()
        self.assertIn(b'"version":"1"', data)
        with open(newest, "wb") as f:
            f.write(data.replace(b'"version":"1"', b'"version":"7"'))
        for result in (self.run_raw("train", "--resume", self.path("out")), self.train_raw("out", "--steps", "8", "--resume"),
                       self.run_raw("runs", "branch", newest, "--out", self.path("branch")),
                       self.train_raw("branch", "--branch", newest, "--steps", "8")):
            self.assert_fails(result, "step-00000004", "version", "7", "1")
        self.assertFalse(os.path.exists(self.path("branch")))

    def test_loss_that_diverges(self):
        result = self.train_raw("out", "--steps", "600", "--rate", "30", "--clip", "none", "--optimizer", "sgd", "--schedule", "constant", "--momentum", "0.9",
                                "--checkpoint-every", "20", "--integer", "false", "--weights", "none", "--activations", "none", "--stop-loss", "1.5")
        self.assertEqual(result.returncode, 1, (result.stdout, result.stderr))
        self.assertIn("checkpoint", result.stderr.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
