#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The headless program end to end: what it says of real models is compared with what is known of them, and bad input ends in one line.

test-commands.py PROGRAM [unittest arguments]; TERNION_REALDATA names the real models and data, without it those tests are skipped.
"""
import json
import math
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
REALDATA = os.environ.get("TERNION_REALDATA", "")


def realdata(*parts):
    path = os.path.join(REALDATA, *parts)
    if not REALDATA or not os.path.exists(path):
        raise unittest.SkipTest("the real models and data are not present")
    return path


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ternion-test-")
        self.workspace = os.path.join(self.folder, "workspace.db")

    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_raw(self, *arguments, preexec=None, workspace=True):
        command = [PROGRAM, *arguments]
        if workspace:
            command += ["--workspace", self.workspace]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "G_DEBUG": "fatal-criticals", "XDG_CACHE_HOME": self.path("cache")}
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300, preexec_fn=preexec, env=environment)

    def run_json(self, *arguments):
        result = self.run_raw(*arguments, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def assert_fails(self, result, *words, status=1):
        self.assertEqual(result.returncode, status, (result.stdout, result.stderr))
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        if status == 1:
            self.assertEqual(len(lines), 1, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)


class KnownTruth(CommandTest):
    MODELS = [
        ("stories260k/stories260K.bin", 3.846870), ("stories260k/stories260K_v1.bin", 3.846870), ("gguf/stories260K.gguf", 3.846870),
        ("stories260k/hf-f32", 3.846870), ("stories260k/hf-f16", 3.846525), ("stories260k/hf-bf16", 3.846195),
        ("stories260k/stories260K_q8_v2.bin", 3.844836),
    ]

    def expected(self):
        with open(realdata("expected_stories260k.json")) as f:
            return json.load(f)

    def test_perplexity(self):
        for model, perplexity in self.MODELS:
            with self.subTest(model=model):
                result = self.run_json("eval", realdata(model), "--data", realdata("text/expected_stories.txt"), "--seq-len", "256",
                                       "--tokenizer", realdata("stories260k/tok512.bin"))
                self.assertEqual(result["tokens"], self.expected()["tokens_predicted"])
                self.assertLess(abs(result["perplexity"] / perplexity - 1), 1e-4)
                self.assertAlmostEqual(math.exp(result["loss"]), result["perplexity"], places=9)
                self.assertGreater(result["loss_stderr"], 0)
                self.assertTrue(0 < result["accuracy"] < 1)

    def test_embedded_tokenizer_gives_the_same_tokens(self):
        result = self.run_json("eval", realdata("gguf/stories260K.gguf"), "--data", realdata("text/expected_stories.txt"), "--seq-len", "256")
        self.assertEqual(result["tokens"], self.expected()["tokens_predicted"])

    def test_tokens(self):
        with open(realdata("text/expected_stories.txt"), encoding="utf-8") as f:
            documents = [d.strip() for d in f.read().split("<|endoftext|>")]
        stories = self.expected()["stories"]
        documents = [d for d in documents if d]
        self.assertEqual(len(documents), len(stories))
        for document, story in zip(documents, stories):
            ids = self.run_json("tokenize", realdata("stories260k/stories260K.bin"), "--text", document)["ids"]
            self.assertEqual(len(ids), story["tokens"])
            self.assertEqual(ids[:16], story["first_tokens"])

    def test_greedy(self):
        for model in ("stories260k/stories260K.bin", "gguf/stories260K.gguf", "stories260k/hf-f32"):
            with self.subTest(model=model):
                result = self.run_json("generate", realdata(model), "--prompt", "", "--greedy", "--tokens", "63",
                                       "--tokenizer", realdata("stories260k/tok512.bin"))
                self.assertEqual(result["ids"], self.expected()["greedy_from_bos"])

    def test_vocabularies(self):
        for name in ("ggml-vocab-llama-spm", "ggml-vocab-gpt-2"):
            with open(realdata(f"gguf/{name}.gguf.inp"), encoding="utf-8", newline="") as f:
                texts = f.read().split("\n__ggml_vocab_test__\n")
            with open(realdata(f"gguf/{name}.gguf.out")) as f:
                wanted = [[int(x) for x in line.split()] for line in f.read().split("\n")]
            for text, ids in list(zip(texts, wanted))[::7]:
                if not text or "\0" in text:
                    continue
                with self.subTest(vocabulary=name, text=text):
                    self.assertEqual(self.run_json("tokenize", realdata(f"gguf/{name}.gguf"), "--text", text, "--no-bos")["ids"], ids)

    def test_tensors(self):
        wanted = self.expected()["tensors"]
        for model in ("stories260k/stories260K.bin", "gguf/stories260K.gguf"):
            tensors = {t["name"]: t for t in self.run_json("inspect", realdata(model), "--schemes", "ternary,int8")["tensors"]}
            for name, truth in wanted.items():
                if name not in tensors:
                    continue
                found = tensors[name]
                with self.subTest(model=model, tensor=name):
                    for key in ("min", "max", "mean", "std", "absmean"):
                        self.assertLess(abs(found[key] - truth[key]), 1e-5 * truth["std"], key)
                    ternary, int8 = found["schemes"]["ternary"], found["schemes"]["int8"]
                    self.assertLess(abs(ternary["sqnr_db"] - truth["ternary_sqnr_db"]), 0.01)
                    self.assertLess(abs(ternary["cosine"] - truth["ternary_cosine"]), 1e-5)
                    self.assertLess(abs(ternary["zero_fraction"] - truth["ternary_zero_fraction"]), 1e-3)
                    self.assertLess(abs(int8["sqnr_db"] - truth["int8_absmax_sqnr_db"]), 0.01)
            self.assertGreaterEqual(len(set(wanted) & set(tensors)), 35)


class Calibration(CommandTest):
    def calibrate(self, out, *more, samples=48, seq_len=128):
        return self.run_json(*self.command(out, *more, samples=samples, seq_len=seq_len))

    def command(self, out, *more, samples=48, seq_len=128):
        return ("calibrate", realdata("stories260k/stories260K.bin"), "--data", realdata("text/tinystories_2MB.txt"),
                "--samples", str(samples), "--seq-len", str(seq_len), "--no-cache", "--out", self.path(out), *more)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def test_limits(self):
        result = self.calibrate("a", samples=512, seq_len=256)
        self.assertEqual(result["samples"], 512)
        self.assertLess(result["peak_rss_bytes"], 300e6)
        self.assertLess(result["stats_bytes"], 1e6)
        self.assertEqual(result["stats_bytes"], len(self.read("a")))

    def test_same_seed_same_bytes(self):
        self.calibrate("a")
        self.calibrate("b", "--batch-size", "3", "--threads", "1")
        self.assertEqual(self.read("a"), self.read("b"))
        self.calibrate("c", "--seed", "5")
        self.assertNotEqual(self.read("a"), self.read("c"))

    def test_shards_merge_to_the_bit(self):
        self.calibrate("whole", "--sites", "in,out,residual")
        for i in (1, 2, 3):
            self.calibrate(f"part{i}", "--sites", "in,out,residual", "--shard", f"{i}/3")
        for order in ((1, 2, 3), (3, 1, 2)):
            self.run_json("stats", "merge", *(self.path(f"part{i}") for i in order), "--out", self.path("merged"))
            self.assertEqual(self.read("whole"), self.read("merged"))

    def test_every_device_gives_the_same_bytes(self):
        self.calibrate("a", "--sites", "in,out,residual", samples=3)
        os.environ["OPENBLAS_CORETYPE"] = "Prescott"
        try:
            self.calibrate("scalar", "--sites", "in,out,residual", "--device", "cpu-scalar", samples=3)
        finally:
            del os.environ["OPENBLAS_CORETYPE"]
        if self.run_json("doctor")["product"] == "own":
            self.assertEqual(self.read("a"), self.read("scalar"))

    def test_other_kernels_do_not_merge(self):
        openblas = ("--device", "auto+openblas")
        self.calibrate("a", *openblas, samples=3)
        self.calibrate("own", "--device", "auto+own", samples=3)
        backends = set()
        for kernels in ("Haswell", "SkylakeX", "Prescott"):
            # OpenBLAS believes whatever it is told.
            if kernels == "SkylakeX" and "AVX-512" not in self.run_json("doctor")["features"]:
                continue
            os.environ["OPENBLAS_CORETYPE"] = kernels
            try:
                self.calibrate(kernels, *openblas, samples=3)
            finally:
                del os.environ["OPENBLAS_CORETYPE"]
            here = self.run_json("stats", "show", self.path(kernels))["backend"]
            backends.add(here)
            same = here == self.run_json("stats", "show", self.path("a"))["backend"]
            if same:
                self.assertEqual(self.read("a"), self.read(kernels))
            merged = self.run_raw("stats", "merge", self.path("a"), self.path(kernels), "--out", self.path("merged"))
            self.assertEqual(merged.returncode, 0 if same else 1, merged.stderr)
        if os.uname().machine == "x86_64":
            self.assertGreater(len(backends), 1)
        merged = self.run_raw("stats", "merge", self.path("a"), self.path("own"), "--out", self.path("merged"))
        self.assertEqual(merged.returncode, 1, merged.stderr)
        self.assertEqual(self.run_json("stats", "show", self.path("own"))["backend"], "ternion fma chain 1")

    def test_more_shards_than_sequences(self):
        self.calibrate("whole", samples=3)
        for i in (1, 2, 3, 4, 5):
            self.calibrate(f"part{i}", "--shard", f"{i}/5", samples=3)
        self.assertEqual(self.run_json("stats", "show", self.path("part5"))["samples"], 0)
        for order in ((1, 2, 3, 4, 5), (5, 4, 3, 2, 1)):
            self.run_json("stats", "merge", *(self.path(f"part{i}") for i in order), "--out", self.path("merged"))
            self.assertEqual(self.read("whole"), self.read("merged"))

    def test_show_and_export(self):
        made = self.calibrate("a")
        shown = self.run_json("stats", "show", self.path("a"))
        self.assertEqual(shown["samples"], made["samples"])
        self.assertEqual(shown["tokens"], made["tokens"])
        names = [s["name"] for s in shown["sites"]]
        self.assertIn("blk.0.attn_q.in", names)
        for site in shown["sites"]:
            self.assertEqual(site["nonfinite"], 0)
            self.assertLessEqual(site["min"], site["percentiles"]["1"])
            self.assertLessEqual(site["percentiles"]["99"], site["max"])
            for scheme in ("int8", "int4"):
                searches = {s["method"]: s for s in site["searches"] if s.get("scheme") == scheme}
                if searches:
                    self.assertLessEqual(searches["mse"]["mse"], searches["minmax"]["mse"] * (1 + 1e-9))
            self.assertGreater(site["params"]["int8"]["sqnr_db"], site["params"]["int4"]["sqnr_db"])
        for form, start in (("json", b"{"), ("csv", b""), ("imatrix", b"GGUF"), ("imatrix-dat", struct.pack("<i", 35))):
            self.assertEqual(self.run_raw("stats", "export", self.path("a"), "--format", form, "--out", self.path("x")).returncode, 0)
            self.assertTrue(self.read("x").startswith(start), form)

    def start(self, out, *more, samples=2000, seq_len=512):
        """A calibration in the background that has observed something."""
        process = subprocess.Popen([PROGRAM, "calibrate", realdata("stories260k/stories260K.bin"), "--data", realdata("text/tinystories_2MB.txt"),
                                    "--samples", str(samples), "--seq-len", str(seq_len), "--batch-size", "1", "--no-cache", "--out", self.path(out),
                                    "--workspace", self.workspace, *more], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        deadline = time.time() + 60
        while time.time() < deadline:
            runs = json.loads(self.run_raw("runs", "list", "--json").stdout or "[]")
            if runs and runs[0]["state"] == "running" and runs[0]["done"] > 0:
                break
            time.sleep(0.05)
        return process

    def test_interrupt_keeps_partial_statistics(self):
        process = self.start("a")
        # Whoever is impatient loses nothing.
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, said)
        self.assertIn("partial", said)
        self.assertEqual(self.run_raw("stats", "show", self.path("a")).returncode, 0)
        self.assertIn("partial", self.run_raw("stats", "show", self.path("a")).stdout)
        run = self.run_json("runs", "list")[0]
        self.assertEqual(run["state"], "cancelled")
        self.assertIn("partial", run["message"])
        # And the rest is done later.
        partial = self.run_json("stats", "show", self.path("a"))["samples"]
        self.assertEqual(self.run_json("stats", "show", self.path("a.checkpoint"))["samples"], partial)
        whole = self.calibrate("whole", samples=partial + 20, seq_len=512)
        wrong = self.run_raw(*self.command("a", "--resume", samples=partial + 20, seq_len=512))
        self.assert_fails(wrong, "a.checkpoint", f"--samples was 2000 and is {partial + 20}")
        self.assertEqual(whole["samples"], partial + 20)

    def run_until_killed(self, seconds, *command):
        """Whether it ended before. The signal comes at any moment: in the middle of a write, too."""
        process = subprocess.Popen([PROGRAM, *command, "--workspace", self.workspace], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            process.communicate(timeout=seconds)
            self.assertEqual(process.returncode, 0)
            return True
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return False

    def run_until_kept(self, path, *command):
        """Killed as soon as it has kept something under this name; False when it ended before."""
        process = subprocess.Popen([PROGRAM, *command, "--workspace", self.workspace], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while process.poll() is None and not os.path.exists(path):
            time.sleep(0.001)
        process.kill()
        process.wait()
        return os.path.exists(path)

    def test_killed_runs_go_on(self):
        for more in (("--samples", "150"), ("--samples", "0", "--shard", "2/40"), ("--samples", "600", "--seq-len", "32", "--sampler", "systematic"),
                     ("--samples", "60", "--channel-histograms", "all", "--ema-decay", "0.9", "--rows", "16")):
            with self.subTest(more=more):
                begun = time.monotonic()
                self.calibrate("whole", *more)
                seconds = time.monotonic() - begun
                generator = random.Random(5)
                kills = 0
                command = self.command("a", "--resume", "--checkpoint-every", "0.05", *more)
                # Moments anywhere in the run, whose places move on with what is kept; then one that is sure to come after a checkpoint.
                for i in range(10 if more[1] == "150" else 2):
                    kills += not self.run_until_killed(generator.uniform(0.05, 0.4 * seconds), *command)
                self.assertGreater(kills, 0)
                self.assertTrue(self.run_until_kept(self.path("a.checkpoint"), *command))
                self.run_json(*command)
                self.assertEqual(self.read("whole"), self.read("a"))
                self.assertFalse(os.path.exists(self.path("a.checkpoint")))
                self.assertEqual([n for n in os.listdir(self.folder) if n.startswith(".ternion-")], [])
                os.unlink(self.path("a"))

    def test_killed_recordings_go_on(self):
        rows, width = 60000, 96
        header = json.dumps({name: {"dtype": "F32", "shape": [rows, width], "data_offsets": [i * rows * width * 4, (i + 1) * rows * width * 4]}
                             for i, name in enumerate(("a.in", "b.in"))}).encode()
        generator = random.Random(7)
        block = struct.pack("<9600f", *(generator.gauss(0, 1) for _ in range(9600)))
        with open(self.path("x.safetensors"), "wb") as f:
            f.write(struct.pack("<Q", len(header)) + header)
            for i in range(2 * rows * width // 9600):
                f.write(block[4 * i:] + block[:4 * i])
        command = ("calibrate", "--tensors", self.path("x.safetensors"), "--batch-size", "2", "--no-cache", "--threads", "1", "--json")
        begun = time.monotonic()
        whole = json.loads(self.run_raw(*command, "--out", self.path("whole")).stdout)
        seconds = time.monotonic() - begun
        kills = 0
        for _ in range(6):
            kills += not self.run_until_killed(generator.uniform(0.05, 0.7 * seconds), *command, "--out", self.path("a"), "--resume", "--checkpoint-every",
                                               "0.01")
        self.assertGreater(kills, 0)
        result = self.run_raw(*command, "--out", self.path("a"), "--resume")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout)["samples"], whole["samples"])
        self.assertEqual(self.read("whole"), self.read("a"))
        # How many are taken is all of them unless it is said, whatever the default for models is.
        cached = [word for word in command if word != "--no-cache"]
        self.assertIsNotNone(json.loads(self.run_raw(*cached, "--out", self.path("d")).stdout)["cached"])
        self.assertIsNone(json.loads(self.run_raw(*cached, "--samples", "128", "--out", self.path("e")).stdout)["cached"])

    def test_killed_run_is_shown(self):
        process = self.start("a", "--checkpoint-every", "0.01")
        deadline = time.time() + 60
        while not os.path.exists(self.path("a.checkpoint")) and time.time() < deadline:
            time.sleep(0.02)
        time.sleep(0.6)
        process.kill()
        process.communicate()
        run = self.run_json("runs", "list")[0]
        self.assertEqual(run["state"], "lost")
        self.assertIn("--resume", run["message"])
        kept = self.run_json("stats", "show", self.path("a.checkpoint"))
        self.assertTrue(kept["partial"])
        self.assertGreater(kept["samples"], 0)

    def test_checkpoint_of_another_run(self):
        process = self.start("a", "--checkpoint-every", "0.01")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)
        def resume(*more, seq_len=512, samples=2000):
            return self.run_raw(*self.command("a", "--resume", *more, samples=samples, seq_len=seq_len))
        self.assert_fails(resume("--seed", "3", seq_len=128), "--seed was 0 and is 3", "--seq-len was 512 and is 128")
        self.assert_fails(resume("--shard", "1/2"), "--shard was 1/1 and is 1/2")
        self.assert_fails(resume("--sites", "in,out"), "--sites was in and is in,out")
        self.assert_fails(resume("--data", realdata("text/names.txt")), "data file 2 was not there")
        self.assert_fails(resume("--tokenizer", "bytes"), "the tokenizer was spm")
        self.assert_fails(resume("--device", "auto+openblas"), "the back end was")
        # A note that was changed, and bytes that are no checkpoint.
        content = self.read("a.checkpoint")
        with open(self.path("a.checkpoint"), "wb") as f:
            f.write(content.replace(b"--seed=0", b"--seed=7"))
        self.assert_fails(resume(), "a.checkpoint", "damaged")
        with open(self.path("a.checkpoint"), "wb") as f:
            f.write(content[:len(content) // 2])
        self.assert_fails(resume(), "a.checkpoint")
        shutil.copy(self.path("a"), self.path("a.checkpoint"))
        self.assert_fails(resume(), "not a checkpoint")

    def test_nothing_to_go_on_from(self):
        self.calibrate("whole")
        result = self.run_raw(*self.command("a", "--resume"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("beginning with the first sequence", result.stderr)
        self.assertEqual(self.read("whole"), self.read("a"))
        self.assert_fails(self.run_raw(*self.command("a", "--checkpoint-every", "-2")), "--checkpoint-every", status=2)

    def test_standard_input_cannot_go_on(self):
        command = ["calibrate", realdata("stories260k/stories260K.bin"), "--data", "-", "--samples", "4", "--seq-len", "32", "--out", self.path("a"),
                   "--workspace", self.workspace]
        for more, status in (([], 0), ([], 0), (["--resume"], 1)):
            with open(realdata("text/names.txt"), "rb") as f:
                result = subprocess.run([PROGRAM, *command, *more], stdin=f, capture_output=True, text=True)
            self.assertEqual(result.returncode, status, result.stderr)
            self.assertNotIn("used again", result.stderr)
        self.assertIn("--resume: the data cannot be read twice", result.stderr)
        self.assertFalse(os.path.exists(self.path("a.checkpoint")))

    def test_pause_and_go_on(self):
        self.calibrate("whole", samples=300)
        process = self.start("a", samples=300, seq_len=128)
        number = str(self.run_json("runs", "list")[0]["id"])
        self.run_raw("runs", "pause", number)
        deadline = time.time() + 60
        while self.run_json("runs", "list")[0]["state"] == "running" and time.time() < deadline:
            time.sleep(0.05)
        if self.run_json("runs", "list")[0]["state"] == "paused":
            self.run_raw("runs", "resume", number)
        process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(self.read("whole"), self.read("a"))

    def cached(self, out, *more):
        command = [word for word in self.command(out, *more) if word != "--no-cache"]
        return self.run_raw(*command, "--json")

    def test_cache(self):
        model = self.path("model.bin")
        shutil.copy(realdata("text/names.txt"), self.path("more.txt"))
        made = self.cached("a")
        self.assertIsNone(json.loads(made.stdout)["cached"])
        # Batch size and threads change nothing; a copy of the data elsewhere is the same data.
        for again, more in (("a", ()), ("b", ("--batch-size", "3", "--threads", "1"))):
            found = self.cached(again, *more)
            self.assertEqual(json.loads(found.stdout)["cached"], self.path("a"), found.stderr)
            self.assertIn("used again", found.stderr)
            self.assertEqual(self.read("a"), self.read(again))
            self.assertEqual(json.loads(found.stdout)["stats_bytes"], len(self.read("a")))
        for more, words in ((("--seed", "4"), "--seed was 0 and is 4"), (("--samples", "8"), "--samples was 48 and is 8"),
                            (("--data", self.path("more.txt")), "data file 2 was not there")):
            other = self.cached("c", *more)
            self.assertIsNone(json.loads(other.stdout)["cached"])
            self.assertIn(words, other.stderr)
        # Data that changed under their name.
        with open(self.path("more.txt"), "r+b") as f:
            f.write(b"E")
        other = self.cached("c", "--data", self.path("more.txt"))
        self.assertIsNone(json.loads(other.stdout)["cached"])
        self.assertIn("data file 2 was ", other.stderr)
        self.assertNotIn("not there", other.stderr)
        # A weight that changed somewhere in the model, to the same file; then the same model by another name.
        shutil.copy(realdata("stories260k/stories260K.bin"), model)
        with open(model, "r+b") as f:
            f.seek(700001)
            f.write(b"7")
        changed = self.run_raw("calibrate", model, "--data", realdata("text/tinystories_2MB.txt"), "--samples", "48", "--seq-len", "128",
                               "--tokenizer", realdata("stories260k/tok512.bin"), "--out", self.path("m"))
        self.assertIn("model file 1 was ", changed.stderr)
        self.assertNotEqual(self.read("m"), self.read("a"))
        shutil.copy(realdata("stories260k/stories260K.bin"), model)
        same = self.run_raw("calibrate", model, "--data", realdata("text/tinystories_2MB.txt"), "--samples", "48", "--seq-len", "128",
                            "--tokenizer", realdata("stories260k/tok512.bin"), "--out", self.path("m"))
        self.assertIn("used again", same.stderr)
        self.assertEqual(self.read("m"), self.read("a"))
        # A file that is not what the workspace has of it is no use.
        for name in ("a", "b", "m"):
            shutil.copy(self.path("c"), self.path(name))
        self.assertIsNone(json.loads(self.cached("d").stdout)["cached"])

    def test_full_disk(self):
        self.calibrate("a")
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        result = self.run_raw("stats", "export", self.path("a"), "--format", "json", "--out", self.path("x.json"), preexec=small_files)
        self.assert_fails(result, "x.json")
        self.assertEqual([n for n in os.listdir(self.folder) if n.startswith(("x.json", ".x.json"))], [])

    def test_big_text_takes_no_more_memory(self):
        with open(realdata("text/tinystories_2MB.txt"), "rb") as f:
            text = f.read()
        with open(self.path("big.txt"), "wb") as f:
            for _ in range(60):
                f.write(text)
        small = self.calibrate("a", samples=64, seq_len=256)
        big = self.run_json("calibrate", realdata("stories260k/stories260K.bin"), "--data", self.path("big.txt"), "--samples", "64", "--seq-len", "256",
                            "--out", self.path("b"))
        self.assertEqual(big["samples"], 64)
        self.assertLess(big["peak_rss_bytes"], small["peak_rss_bytes"] * 1.25 + 8e6)

    def test_token_file(self):
        result = self.run_json("calibrate", realdata("stories260k/stories260K.bin"), "--data", realdata("tokens/shakespeare_char_val.bin"),
                               "--samples", "8", "--seq-len", "64", "--out", self.path("a"))
        self.assertEqual(result["tokens"], 512)

    def test_token_folder_needs_no_tokenizer(self):
        os.mkdir(self.path("tokens"))
        for name in ("a.bin", "b.bin"):
            with open(os.path.join(self.path("tokens"), name), "wb") as f:
                f.write(struct.pack("<40H", *range(1, 41)))
        result = self.run_json("eval", realdata("stories260k/hf-f32"), "--data", self.path("tokens"), "--seq-len", "16")
        self.assertEqual(result["tokens"], 2 * 39)


class BadInput(CommandTest):
    def model(self):
        return realdata("stories260k/stories260K.bin")

    def write(self, name, content):
        with open(self.path(name), "wb") as f:
            f.write(content)
        return self.path(name)

    def test_models(self):
        os.mkdir(self.path("empty-folder"))
        cases = {
            "missing": (self.path("no-such-file"), "no-such-file"),
            "empty": (self.write("empty.bin", b""), "empty.bin"),
            "text": (self.write("text.txt", b"Once upon a time\n" * 40), "text.txt"),
            "folder": (self.path("empty-folder"), "config.json"),
            "safetensors header": (self.write("a.safetensors", struct.pack("<Q", 1 << 40) + b"{}"), "a.safetensors"),
            "gguf": (self.write("a.gguf", b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1)), "a.gguf"),
        }
        for what, (path, word) in cases.items():
            with self.subTest(what):
                self.assert_fails(self.run_raw("inspect", path), word)

    def test_truncated_files(self):
        for model in ("stories260k/stories260K.bin", "stories260k/stories260K_v1.bin", "stories260k/stories260K_q8_v2.bin", "gguf/stories260K.gguf",
                      "stories260k/hf-f16/model.safetensors"):
            with open(realdata(model), "rb") as f:
                content = f.read()
            for size in (len(content) - 1, len(content) // 2, 300, 9):
                path = self.write(os.path.basename(model), content[:size])
                with self.subTest(model=model, size=size):
                    self.assert_fails(self.run_raw("inspect", path), os.path.basename(model))

    def test_config_that_disagrees(self):
        folder = self.path("hf")
        shutil.copytree(realdata("stories260k/hf-f32"), folder)
        os.chmod(folder, 0o755)
        with open(os.path.join(folder, "config.json")) as f:
            config = json.load(f)
        config["intermediate_size"] = 173
        os.chmod(os.path.join(folder, "config.json"), 0o644)
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(config, f)
        result = self.run_raw("eval", folder, "--data", realdata("text/expected_stories.txt"), "--tokenizer", realdata("stories260k/tok512.bin"))
        self.assert_fails(result, "mlp", "173")

    def test_config_that_cannot_be_run(self):
        for key, value, word in (("partial_rotary_factor", 0.5, "rotary"), ("sliding_window", 128, "sliding window"), ("attention_bias", True, "biases")):
            folder = self.path(key)
            os.mkdir(folder)
            shutil.copy(realdata("stories260k/hf-f32/model.safetensors"), folder)
            with open(realdata("stories260k/hf-f32/config.json")) as f:
                config = json.load(f)
            config[key] = value
            with open(os.path.join(folder, "config.json"), "w") as f:
                json.dump(config, f)
            with self.subTest(key):
                self.assert_fails(self.run_raw("eval", folder, "--data", realdata("text/expected_stories.txt"), "--tokenizer",
                                               realdata("stories260k/tok512.bin")), word)
                self.assertEqual(self.run_raw("inspect", folder).returncode, 0)

    def test_nan_is_counted(self):
        header = b'{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}'
        path = self.write("nan.safetensors", struct.pack("<Q", len(header)) + header + struct.pack("<4f", 1, float("nan"), -1, 0))
        tensor = self.run_json("inspect", path)["tensors"][0]
        self.assertEqual(tensor["nonfinite"], 1)
        self.assertEqual((tensor["min"], tensor["max"]), (-1, 1))

    def test_data(self):
        os.mkdir(self.path("nothing"))
        tokenizer = ("--tokenizer", realdata("stories260k/tok512.bin"))
        cases = {
            "not UTF-8": (self.write("latin.txt", "Führer\n".encode("latin-1") * 9), "latin.txt"),
            "empty": (self.write("empty.txt", b""), "empty.txt"),
            "missing": (self.path("gone.txt"), "gone.txt"),
            "empty folder": (self.path("nothing"), "nothing"),
            "odd token file": (self.write("odd.bin", b"\1\0\2"), "odd.bin"),
            "token outside the vocabulary": (self.write("large.bin", struct.pack("<4H", 1, 2, 60000, 3) * 40), "60000"),
        }
        for what, (path, word) in cases.items():
            with self.subTest(what):
                result = self.run_raw("calibrate", self.model(), "--data", path, *tokenizer, "--samples", "4", "--quiet", "--out", self.path("out"))
                self.assert_fails(result, word)
                self.assertFalse(os.path.exists(self.path("out")))

    def test_vocabulary_does_not_fit(self):
        result = self.run_raw("eval", self.model(), "--data", realdata("text/expected_stories.txt"), "--tokenizer",
                              realdata("gguf/ggml-vocab-llama-spm.gguf"))
        self.assert_fails(result, "512")

    def test_no_tokenizer(self):
        result = self.run_raw("eval", realdata("stories260k/hf-f32"), "--data", realdata("text/expected_stories.txt"))
        self.assert_fails(result, "--tokenizer")

    def test_workspaces(self):
        arguments = ("inspect", self.model(), "--workspace")
        broken = self.write("broken.db", b"SQLite format 3\0" + b"garbage" * 300)
        self.assert_fails(self.run_raw(*arguments, broken, workspace=False), "broken.db")
        os.mkfifo(self.path("pipe.db"))
        for special in (self.path("pipe.db"), "/dev/null"):
            self.assert_fails(self.run_raw(*arguments, special, workspace=False), special, "not a regular file")
        text = self.write("text.db", b"this is no database\n" * 50)
        self.assert_fails(self.run_raw(*arguments, text, workspace=False), "text.db")

    def test_usage(self):
        for arguments in ((), ("frobnicate",), ("inspect",), ("inspect", "a", "b"), ("eval", "x"), ("calibrate", "x", "--data", "y", "--shard", "3/2"),
                          ("inspect", "x", "--schemes", "int9"), ("inspect", "x", "--no-such-option"), ("stats", "show"), ("stats", "frob", "x")):
            with self.subTest(arguments):
                self.assert_fails(self.run_raw(*arguments, workspace=False), status=2)

    def test_memory_limit_below_the_program(self):
        self.assert_fails(self.run_raw("doctor", "--memory-limit", "1MB"), "--memory-limit")

    def test_names_that_are_no_text(self):
        shutil.copy(self.model(), self.path(os.fsdecode(b"m\xff.bin")))
        result = subprocess.run([PROGRAM, "inspect", self.path(os.fsdecode(b"m\xff.bin")), "--json", "--workspace", self.workspace],
                                capture_output=True, timeout=300)
        self.assertTrue(json.loads(result.stdout.decode("utf-8"))["model"]["path"].endswith("m\ufffd.bin"))

    def test_names_of_tensors_do_not_steer_the_terminal(self):
        header = b'{"a\\nb\\u001b[31m":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"' + b"n" * 9000 + \
                 b'":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}'
        path = self.write("names.safetensors", struct.pack("<Q", len(header)) + header + bytes(8))
        said = self.run_raw("inspect", path)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertNotIn("\x1b", said.stdout)
        self.assertLess(len(said.stdout), 4000)

    def test_what_the_reader_decided_is_shown(self):
        corpus = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz", "corpus")
        folder = self.path("bitnet")
        os.mkdir(folder)
        shutil.copy(os.path.join(corpus, "hf-bitnet", "packed.safetensors"), os.path.join(folder, "model.safetensors"))
        with open(os.path.join(corpus, "hf-config", "bitnet.json")) as f:
            config = json.load(f)
        for linear_class, sign in (("autobitlinear", "*"), ("bitlinear", "/")):
            config["quantization_config"]["linear_class"] = linear_class
            with open(os.path.join(folder, "config.json"), "w") as f:
                json.dump(config, f)
            model = self.run_json("inspect", folder)["model"]
            self.assertEqual(model["decisions"]["weight_scale"], f"weight = code {sign} weight_scale (linear_class {linear_class})")
            self.assertEqual(model["decisions"]["weight_levels"], "0.5 to 0.5" if sign == "*" else "2 to 2")
            self.assertIn(f"code {sign} weight_scale", self.run_raw("inspect", folder).stdout)
        model = self.run_json("inspect", os.path.join(corpus, "gguf", "bitnet.gguf"))["model"]
        self.assertEqual(model["decisions"]["i2_s"], "blocks of 128 (x86); a file that was quantized on ARM has blocks of 64 and reads wrong")
        self.assertEqual(self.run_json("inspect", os.path.join(corpus, "gguf", "llama.gguf"))["model"]["decisions"], {})

    def test_output_is_not_the_model(self):
        model = self.path("model.bin")
        shutil.copy(realdata("stories260k/stories260K.bin"), model)
        result = self.run_raw("calibrate", model, "--data", realdata("text/expected_stories.txt"), "--tokenizer", realdata("stories260k/tok512.bin"),
                              "--out", model)
        self.assert_fails(result, "output")
        self.assertEqual(os.path.getsize(model), os.path.getsize(realdata("stories260k/stories260K.bin")))

    def test_statistics_without_use(self):
        self.assert_fails(self.run_raw("eval", "m", "--data", "d", "--activations", "none", "--stats", "s"), "--stats", status=2)

    def test_output_is_checked_first(self):
        for out in (self.path("no-such-folder/x"), self.folder, "/dev/null"):
            result = self.run_raw("calibrate", self.path("no-such-model"), "--data", self.path("x"), "--out", out)
            self.assert_fails(result, out)

    def test_text_from_a_device(self):
        def little_memory():
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        self.assert_fails(self.run_raw("tokenize", self.model(), "--file", "/dev/zero", preexec=little_memory), "/dev/zero")
        self.assertEqual(self.run_json("tokenize", self.model(), "--file", self.write("nothing.txt", b""))["ids"], [1])

    def test_closed_output(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "w") as full:
            result = subprocess.run([PROGRAM, "doctor", "--json", "--workspace", self.workspace], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 1)


class Quantize(CommandTest):
    """What is kept is what was measured: a file scores as its scheme does on the original."""

    def score(self, model, *more, tokenizer=True):
        arguments = ("--tokenizer", realdata("stories260k/tok512.bin")) if tokenizer else ()
        return self.run_json("eval", model, "--data", realdata("text/expected_stories.txt"), "--seq-len", "256", *arguments, *more)

    def quantize(self, model, out, *more):
        return self.run_json("quantize", model, "--out", self.path(out), *more)

    def gguf(self):
        return realdata("gguf/stories260K.gguf")

    def test_files_score_as_their_schemes(self):
        for scheme in ("ternary", "ternary:c", "int8", "int4:g4", "int3:c:asym"):
            wanted = self.score(self.gguf(), "--scheme", scheme)["loss"]
            for out, more in (("x.safetensors", ()), ("y.safetensors", ("--type", "F32")), ("x.gguf", ("--type", "F32"))):
                with self.subTest(scheme=scheme, out=out):
                    made = self.quantize(self.gguf(), out, "--scheme", scheme, *more)
                    self.assertEqual(self.score(self.path(out))["loss"], wanted)
                    self.assertEqual(made["bytes"], os.path.getsize(self.path(out)))

    def test_sources(self):
        for source in ("stories260k/stories260K.bin", "stories260k/stories260K_q8_v2.bin", "stories260k/hf-f16"):
            wanted = self.score(realdata(source), "--scheme", "int4:c")["loss"]
            with self.subTest(source=source):
                self.quantize(realdata(source), "x.safetensors", "--scheme", "int4:c")
                self.assertEqual(self.score(self.path("x.safetensors"))["loss"], wanted)
                # The order of rows in a head changes, and with it that of sums.
                self.quantize(realdata(source), "x.gguf", "--scheme", "int4:c", "--type", "F32", "--tokenizer", realdata("stories260k/tok512.bin"))
                again = self.score(self.path("x.gguf"), tokenizer=False)
                self.assertEqual(again["tokens"], 2754)
                self.assertLess(abs(again["loss"] - wanted), 1e-5)

    def test_activations(self):
        for scheme in ("ternary", "ternary:c", "int4:c"):
            wanted = self.score(self.gguf(), "--scheme", scheme, "--activations", "int8:t")
            self.quantize(self.gguf(), "x.safetensors", "--scheme", scheme)
            found = self.score(self.path("x.safetensors"), "--activations", "int8:t")
            with self.subTest(scheme=scheme):
                self.assertEqual(found["loss"], wanted["loss"])
                self.assertEqual(found["layers"], wanted["layers"])
                self.assertEqual(wanted["layers"]["bit_linear"], 35 if scheme.startswith("ternary") else 0)
                self.assertNotEqual(wanted["loss"], self.score(self.gguf(), "--scheme", scheme)["loss"])
        self.assertEqual(self.score(self.gguf(), "--scheme", "ternary", "--activations", "none")["loss"],
                         self.score(self.gguf(), "--scheme", "ternary")["loss"])

    def test_static_activations(self):
        self.assert_fails(self.run_raw("eval", self.gguf(), "--data", realdata("text/expected_stories.txt"), "--activations", "int8"), "--stats")
        self.run_json("calibrate", self.gguf(), "--data", realdata("text/tinystories_2MB.txt"), "--samples", "32", "--seq-len", "128",
                      "--out", self.path("stats"))
        found = self.score(self.gguf(), "--activations", "int8", "--stats", self.path("stats"))
        self.assertEqual(found["layers"]["rounded_input"], 35)
        self.assertLess(abs(found["loss"] - 1.34726), 0.05)
        self.assertNotEqual(found["loss"], self.score(self.gguf())["loss"])
        wrong = self.run_raw("eval", realdata("stories260k/hf-f32"), "--data", realdata("text/expected_stories.txt"), "--tokenizer",
                             realdata("stories260k/tok512.bin"), "--activations", "int8", "--stats", self.path("stats"))
        self.assert_fails(wrong, "stats")

    def test_bitnet_checkpoint(self):
        source = realdata("stories260k/hf-f32")
        wanted = self.score(source, "--scheme", "ternary", "--activations", "int8:t")
        self.quantize(source, "bitnet", "--scheme", "ternary", "--tokenizer", realdata("stories260k/tok512.bin"))
        found = self.score(self.path("bitnet"), tokenizer=False)
        self.assertEqual(found["loss"], wanted["loss"])
        self.assertEqual(found["layers"], wanted["layers"])
        with open(os.path.join(self.path("bitnet"), "config.json")) as f:
            self.assertEqual(json.load(f)["quantization_config"]["quant_method"], "bitnet")
        again = self.quantize(source, "bitnet", "--scheme", "ternary:ls", "--tokenizer", realdata("stories260k/tok512.bin"))
        self.assertEqual(again["bytes"], sum(e.stat().st_size for e in os.scandir(self.path("bitnet"))))
        self.assertEqual(sorted(os.listdir(self.path("bitnet"))), ["config.json", "model.safetensors", "tokenizer.bin"])

    def test_block_forms(self):
        checkpoint = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools", "make-llama-checkpoint.py")
        subprocess.run([sys.executable, checkpoint, self.path("model"), "--hidden", "256", "--layers", "1", "--heads", "4", "--kv-heads", "2",
                        "--ff", "512", "--vocab", "257", "--context", "64"], check=True, capture_output=True)
        with open(self.path("text"), "w") as f:
            f.write("once upon a time there was a model of random numbers " * 40)
        data = ("--data", self.path("text"), "--seq-len", "64", "--tokenizer", "bytes")
        # What the file holds with 16 bits, the scheme says so: then the numbers are the same.
        for scheme, type, name in (("ternary:f16", None, "TQ2_0"), ("ternary:f16", "TQ1_0", "TQ1_0"), ("int8:g32", None, "Q8_0"), ("int4:g32", None, "Q4_0"),
                                   ("ternary", None, "TQ2_0"), ("int8", None, "Q8_0"), (None, "Q4_0", "Q4_0"), (None, "Q5_1", "Q5_1")):
            more = (("--scheme", scheme) if scheme else ()) + (("--type", type) if type else ())
            with self.subTest(scheme=scheme, type=type):
                made = self.quantize(self.path("model"), "x.gguf", *more, "--tokenizer", "bytes")
                self.assertEqual({t["type"] for t in made["tensors"] if t["name"].startswith("blk.0.ffn_") and "norm" not in t["name"]}, {name})
                found = self.run_json("eval", self.path("x.gguf"), *data[:4])
                if scheme is None:
                    continue
                wanted = self.run_json("eval", self.path("model"), *data, "--scheme", scheme)
                self.assertEqual(found["tokens"], wanted["tokens"])
                self.assertLess(abs(found["loss"] - wanted["loss"]), 1e-6 if "16" in scheme or "g" in scheme else 1e-3)
                change = max(t["scale_change"] for t in made["tensors"])
                self.assertEqual(change > 0, "16" not in scheme and "g32" not in scheme)
                self.assertLess(change, 2 ** -11)

    def test_json(self):
        made = self.quantize(self.gguf(), "x.gguf", "--scheme", "int8", "--type", "F16")
        self.assertEqual(set(made), {"out", "bytes", "tensors", "seconds"})
        self.assertEqual(made["out"], self.path("x.gguf"))
        tensors = {t["name"]: t for t in made["tensors"]}
        layer, norm = tensors["blk.0.attn_q.weight"], tensors["blk.0.attn_norm.weight"]
        self.assertEqual((layer["scheme"], layer["type"], layer["bytes"]), ("int8", "F16", 2 * 64 * 64))
        self.assertTrue(30 < layer["sqnr_db"] < 60)
        self.assertEqual((norm["scheme"], norm["type"], norm["sqnr_db"]), (None, "F32", None))
        run = self.run_json("runs", "list")[0]
        self.assertEqual((run["verb"], run["state"]), ("quantize", "done"))

    def plan(self, text):
        with open(self.path("x.plan"), "w") as f:
            f.write("[plan]\nformat=1\n" + text)
        return self.path("x.plan")

    def test_plan(self):
        plan = self.plan("[weights]\nblk.1.ffn_down.weight=int8:c\nblk.*.ffn_down.weight=keep\nblk.*=int4:c\noutput.weight=int8:c\n"
                         "[activations]\n*=int8:t\nblk.0.attn_q.in=keep\n")
        made = self.quantize(self.gguf(), "x.safetensors", "--plan", plan)
        schemes = {t["name"]: t["scheme"] for t in made["tensors"]}
        self.assertEqual([schemes[n] for n in ("blk.1.ffn_down.weight", "blk.0.ffn_down.weight", "blk.0.attn_q.weight", "output.weight", "token_embd.weight")],
                         ["int8:c", None, "int4:c", "int8:c", None])
        weights_only = self.plan("[weights]\nblk.1.ffn_down.weight=int8:c\nblk.*.ffn_down.weight=keep\nblk.*=int4:c\noutput.weight=int8:c\n")
        self.assertEqual(self.score(self.path("x.safetensors"))["loss"], self.score(self.gguf(), "--plan", weights_only)["loss"])
        plan = self.plan("[activations]\n*=int8:t\nblk.0.attn_q.in=keep\n")
        found = self.score(self.gguf(), "--plan", plan)
        self.assertEqual((found["layers"]["rounded_input"], found["layers"]["float"]), (34, 1))

    def test_bad_plans(self):
        cases = {
            "[weights]\nblk.9.attn_q.weight=int8\n": ("[weights]", "blk.9.attn_q.weight"),
            "[weights]\nblk.*.nothing=int8\n": ("[weights]", "blk.*.nothing"),
            "[weights]\nblk.0.attn_q.weight=int9\n": ("line 4", "int9"),
            "[weights]\nblk.0.attn_norm.weight=int8\n": ("blk.0.attn_norm.weight", "matrices"),
            "[activations]\nblk.0.attn_q.weight=int8:t\n": ("[activations]", "blk.0.attn_q.weight"),
            "fingerprint=1\n[weights]\n*=int8\n": ("fingerprint", "0000000000000001"),
            "[weigths]\n": ("line 3", "[weigths]"),
        }
        for text, words in cases.items():
            plan = self.plan(text)
            for command in (("quantize", self.gguf(), "--out", self.path("x.gguf"), "--type", "F16", "--plan", plan),
                            ("eval", self.gguf(), "--data", realdata("text/expected_stories.txt"), "--plan", plan)):
                with self.subTest(text=text, verb=command[0]):
                    self.assert_fails(self.run_raw(*command, "--quiet"), "x.plan" if "matrices" not in words else "", *words)
        self.assertFalse(os.path.exists(self.path("x.gguf")))

    def test_fingerprint_of_the_model(self):
        fingerprint = self.run_json("inspect", self.gguf())["model"]["fingerprint"]
        plan = self.plan(f"fingerprint={fingerprint}\n[weights]\n*=int8:c\n")
        self.assertEqual(self.score(self.gguf(), "--plan", plan)["loss"], self.score(self.gguf(), "--scheme", "int8:c")["loss"])

    def test_refused(self):
        with open(self.gguf(), "rb") as f:
            before = f.read()
        shutil.copy(self.gguf(), self.path("own.gguf"))
        os.link(self.path("own.gguf"), self.path("link.gguf"))
        cases = (
            (("--scheme", "ternary", "--out", self.path("x.gguf")), ("attn_q", "64", "TQ2_0", "Q4_0")),
            (("--scheme", "int8:g32", "--out", self.path("x.gguf")), ("172", "32")),
            (("--scheme", "int4", "--type", "TQ2_0", "--out", self.path("x.gguf")), ("TQ2_0",)),
            (("--scheme", "int8", "--out", self.path("folder")), ("ternary", "int8")),
            (("--scheme", "int8", "--out", self.path("no-such-folder/x.gguf")), ("no-such-folder",)),
        )
        for more, words in cases:
            with self.subTest(more):
                self.assert_fails(self.run_raw("quantize", self.gguf(), *more), *words)
        for out in ("own.gguf", "link.gguf"):
            self.assert_fails(self.run_raw("quantize", self.path("own.gguf"), "--scheme", "int8", "--type", "F32", "--out", self.path(out)), out)
        with open(self.path("own.gguf"), "rb") as f:
            self.assertEqual(f.read(), before)
        self.assertEqual(sorted(n for n in os.listdir(self.folder) if not n.startswith("workspace")), ["link.gguf", "own.gguf"])
        for arguments in (("m",), ("m", "--out", "x.gguf"), ("m", "--scheme", "int8"), ("m", "--scheme", "int8", "--out", ""), ("m", "--scheme", "int9", "--out", "x.gguf"),
                          ("m", "--scheme", "int8", "--plan", "p", "--out", "x.gguf"), ("m", "--type", "Q9", "--out", "x.gguf"),
                          ("m", "--scheme", "int8", "--type", "Q4_0", "--out", "x.safetensors")):
            with self.subTest(arguments):
                self.assert_fails(self.run_raw("quantize", *arguments), status=2)

    def test_folder_of_the_model(self):
        folder = self.path("model")
        shutil.copytree(realdata("stories260k/hf-f32"), folder)
        os.chmod(folder, 0o755)
        weights, config = os.path.join(folder, "model.safetensors"), os.path.join(folder, "config.json")
        with open(weights, "rb") as f:
            before = f.read()
        index = os.path.join(folder, "other.index.json")
        names = [t["source_name"] for t in self.run_json("inspect", folder)["tensors"]]
        with open(index, "w") as f:
            json.dump({"weight_map": {name: "model.safetensors" for name in names}}, f)
        # However the model is named, what it is read from stays.
        for model in (folder, weights, config, index):
            for out in (folder, weights):
                with self.subTest(model=model, out=out):
                    self.assert_fails(self.run_raw("quantize", model, "--scheme", "ternary", "--out", out), "output")
                    with open(weights, "rb") as f:
                        self.assertEqual(f.read(), before)

    def test_damaged_source(self):
        self.quantize(self.gguf(), "x.safetensors", "--scheme", "int4:c")
        with open(self.path("x.safetensors"), "r+b") as f:
            f.seek(-1000, os.SEEK_END)
            byte = f.read(1)
            f.seek(-1000, os.SEEK_END)
            f.write(bytes([byte[0] ^ 1]))
        for out in ("y.gguf", "y.safetensors", "y"):
            result = self.run_raw("quantize", self.path("x.safetensors"), "--scheme", "ternary", "--out", self.path(out), *(("--type", "F16") if out == "y.gguf" else ()))
            with self.subTest(out):
                self.assert_fails(result, "damaged")

    def test_loss_of_types_is_shown(self):
        result = self.run_raw("quantize", self.gguf(), "--type", "F16", "--out", self.path("x.gguf"))
        self.assertRegex(result.stdout, r"converted +F16 +35 tensors, .*, SQNR from \d+")

    def test_second_rounding_is_said(self):
        def eval_says(model):
            result = self.run_raw("eval", model, "--data", realdata("text/expected_stories.txt"), "--tokenizer", realdata("stories260k/tok512.bin"),
                                  "--scheme", "int4:c")
            self.assertEqual(result.returncode, 0, result.stderr)
            return result.stderr
        self.assertEqual(eval_says(self.gguf()), "")
        for scheme in ("ternary:ls", "int8:c"):
            with self.subTest(scheme):
                self.quantize(self.gguf(), "x.safetensors", "--scheme", scheme)
                self.assertIn("35 linear layers", eval_says(self.path("x.safetensors")))
                result = self.run_raw("quantize", self.path("x.safetensors"), "--scheme", "ternary", "--out", self.path("y.safetensors"))
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("already", result.stderr)

    def test_another_tokenizer(self):
        with open(realdata("stories260k/tok512.bin"), "rb") as f:
            data = f.read()
        tokens, at = [], 4
        while at < len(data):
            length = struct.unpack_from("<I", data, at + 4)[0]
            tokens.append([data[at:at + 4], data[at + 8:at + 8 + length]])
            at += 8 + length
        a, b = (next(i for i, token in enumerate(tokens) if token[1] == letter) for letter in (b"q", b"z"))
        tokens[a][1], tokens[b][1] = tokens[b][1], tokens[a][1]
        other = self.path("other.bin")
        with open(other, "wb") as f:
            f.write(data[:4] + b"".join(score + struct.pack("<I", len(text)) + text for score, text in tokens))
        folder = self.path("model")
        shutil.copytree(realdata("stories260k/hf-f32"), folder)
        os.chmod(folder, 0o755)
        shutil.copy(realdata("stories260k/tok512.bin"), os.path.join(folder, "tokenizer.bin"))
        for model, out, more in ((self.gguf(), "x.gguf", ("--type", "F32")), (folder, "y.gguf", ("--type", "F32")), (folder, "z", ())):
            with self.subTest(out):
                made = self.quantize(model, out, "--scheme", "ternary", "--tokenizer", other, *more)
                ids = self.run_json("tokenize", made["out"], "--text", "quiz")["ids"]
                self.assertEqual(ids, self.run_json("tokenize", self.gguf(), "--text", "quiz", "--tokenizer", other)["ids"])
                self.assertNotEqual(ids, self.run_json("tokenize", self.gguf(), "--text", "quiz")["ids"])
        result = self.run_raw("quantize", self.gguf(), "--scheme", "ternary", "--tokenizer", other, "--out", self.path("x.safetensors"))
        self.assertIn("no tokenizer", result.stderr)

    def test_parts(self):
        with open(self.gguf(), "rb") as f:
            data = f.read()
        sizes = (1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8)

        def skip(at, kind):
            if kind == 8:
                return at + 8 + struct.unpack_from("<Q", data, at)[0]
            if kind != 9:
                return at + sizes[kind]
            kind, count = struct.unpack_from("<IQ", data, at)
            at += 12
            for _ in range(count if kind == 8 else 0):
                at = skip(at, 8)
            return at + sizes[kind] * count
        n_tensors, n_keys = struct.unpack_from("<QQ", data, 8)
        at = 24
        for _ in range(n_keys):
            at = skip(at, 8)
            at = skip(at + 4, struct.unpack_from("<I", data, at)[0])
        keys, tensors = data[24:at], []
        for _ in range(n_tensors):
            start = at
            at = skip(at, 8)
            at += 4 + 8 * struct.unpack_from("<I", data, at)[0] + 4
            tensors.append((data[start:at], struct.unpack_from("<Q", data, at)[0]))
            at += 8
        blob = data[(at + 31) // 32 * 32:]
        ends = [offset for _, offset in tensors[1:]] + [len(blob)]
        # No tensors in the first part, as llama.cpp can write it.
        for number, (first, end) in enumerate(((0, 0), (0, 20), (20, n_tensors))):
            numbers = b"".join(struct.pack("<Q", len(key)) + key + struct.pack("<IH", 2, value) for key, value in ((b"split.no", number), (b"split.count", 3)))
            part = b"GGUF" + struct.pack("<IQQ", 3, end - first, (n_keys if number == 0 else 0) + 2) + (keys if number == 0 else b"") + numbers
            for description, offset in tensors[first:end]:
                part += description + struct.pack("<Q", offset - tensors[first][1])
            part += bytes(-len(part) % 32) + (blob[tensors[first][1]:ends[end - 1]] if end > first else b"")
            with open(self.path(f"m-{number + 1:05}-of-00003.gguf"), "wb") as f:
                f.write(part)
        model = self.path("m-00001-of-00003.gguf")
        self.assertEqual(self.score(model, tokenizer=False)["loss"], self.score(self.gguf(), tokenizer=False)["loss"])
        self.assertEqual(self.run_json("inspect", model)["model"]["fingerprint"], self.run_json("inspect", self.gguf())["model"]["fingerprint"])
        self.quantize(model, "x.safetensors", "--scheme", "ternary")
        self.assert_fails(self.run_raw("quantize", model, "--scheme", "ternary", "--out", self.path("m-00002-of-00003.gguf")), "output")
        self.assert_fails(self.run_raw("quantize", model, "--scheme", "ternary", "--type", "F16", "--out", self.path("x.gguf")), "join")
        self.assert_fails(self.run_raw("inspect", self.path("m-00002-of-00003.gguf")), "part 2 of 3", "m-00001-of-00003.gguf")
        os.unlink(self.path("m-00003-of-00003.gguf"))
        self.assert_fails(self.run_raw("inspect", model), "part 3 of 3", "m-00003-of-00003.gguf")

    def test_file_is_replaced(self):
        self.quantize(self.gguf(), "x.gguf", "--type", "F16")
        first = os.path.getsize(self.path("x.gguf"))
        self.quantize(self.gguf(), "x.gguf", "--type", "F32")
        self.assertGreater(os.path.getsize(self.path("x.gguf")), first)

    def test_full_disk(self):
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            # Larger than the workspace.
            resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000))
        for out in ("x.gguf", "x.safetensors", "x"):
            result = self.run_raw("quantize", self.gguf(), "--scheme", "ternary", "--out", self.path(out), *(("--type", "F32") if out == "x.gguf" else ()),
                                  "--quiet", preexec=small_files)
            self.assert_fails(result, self.path(out if out != "x" else "x/model.safetensors") + ": cannot be written")
            self.assertEqual([n for n in os.listdir(self.folder) if not n.startswith("workspace")], [])

    def test_interrupt_leaves_nothing(self):
        checkpoint = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools", "make-llama-checkpoint.py")
        subprocess.run([sys.executable, checkpoint, self.path("model"), "--hidden", "1024", "--layers", "4", "--heads", "8", "--kv-heads", "4", "--ff", "2816",
                        "--vocab", "4096"], check=True, capture_output=True)
        for out in ("x.gguf", "x.safetensors", "x"):
            process = subprocess.Popen([PROGRAM, "quantize", self.path("model"), "--scheme", "ternary:lloyd", "--out", self.path(out), "--workspace",
                                        self.workspace], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            deadline = time.time() + 60
            while time.time() < deadline and process.poll() is None:
                if any(n.startswith(".ternion-") for n in os.listdir(self.folder)):
                    break
                time.sleep(0.002)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
            with self.subTest(out):
                self.assertEqual(process.returncode, 130, said)
                self.assertEqual([n for n in os.listdir(self.folder) if not n.startswith("workspace")], ["model"])

    def test_memory_limit(self):
        made = self.run_raw("quantize", self.gguf(), "--scheme", "ternary", "--out", self.path("x.safetensors"), "--memory-limit", "120MB")
        self.assertEqual(made.returncode, 0, made.stderr)


class Sample(CommandTest):
    def test_demo(self):
        out = self.path("demo.html")
        result = self.run_json("demo", "--out", out)
        self.assertTrue(os.path.isfile(result["analysis"]))
        with open(result["analysis"].replace(".html", ".json"), encoding="utf-8") as file:
            self.assertEqual(len(json.load(file)["layers"]), 35)
        self.assertEqual(result["report"], out)
        scores = {s["scheme"]: s["loss"] for s in result["scores"]}
        self.assertLess(scores[None], 1.0)
        self.assertLess(abs(scores["int8"] - scores[None]), 0.05)
        self.assertGreater(scores["ternary"], scores[None] + 0.1)
        with open(out, encoding="utf-8") as f:
            page = f.read()
        self.assertGreaterEqual(page.count("<svg"), 2)
        self.assertIsNone(re.search(r'(src|href)="https?:', page))

    def test_quantized_sample(self):
        sample = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "resources", "sample")
        with open(os.path.join(sample, "stories.txt"), encoding="utf-8") as f:
            text = f.read(6000)
        with open(self.path("text"), "w", encoding="utf-8") as f:
            f.write(text)
        data = ("--data", self.path("text"), "--seq-len", "64")
        whole = self.run_json("eval", sample, *data)["loss"]
        for scheme in ("int8:c", "ternary"):
            wanted = self.run_json("eval", sample, *data, "--scheme", scheme)["loss"]
            self.run_json("quantize", sample, "--scheme", scheme, "--out", self.path("x.safetensors"))
            self.assertEqual(self.run_json("eval", self.path("x.safetensors"), *data, "--tokenizer", os.path.join(sample, "tokenizer.json"))["loss"], wanted)
            self.run_json("quantize", sample, "--scheme", scheme, "--type", "F32", "--out", self.path("x.gguf"))
            # Its tokenizer went with it.
            self.assertLess(abs(self.run_json("eval", self.path("x.gguf"), *data)["loss"] - wanted), 1e-5)
        self.run_json("quantize", sample, "--scheme", "ternary", "--out", self.path("bitnet"))
        self.assertEqual(self.run_json("eval", self.path("bitnet"), *data)["loss"],
                         self.run_json("eval", sample, *data, "--scheme", "ternary", "--activations", "int8:t")["loss"])
        self.run_json("quantize", sample, "--type", "F16", "--out", self.path("x.gguf"))
        self.assertLess(abs(self.run_json("eval", self.path("x.gguf"), *data)["loss"] - whole), 1e-5)

    def test_doctor(self):
        facts = self.run_json("doctor")
        self.assertGreater(facts["read_bandwidth_bytes_per_second"], 1e8)
        self.assertIn("openblas", facts["blas"].lower())
        self.assertEqual(facts["wait_policy"].lower(), "passive")
        # Measured once: the second time it is read.
        self.assertEqual(facts["fp32_flops"], self.run_json("doctor")["fp32_flops"])
        self.assertIn(facts["product"], ("own", "openblas"))
        scalar = self.run_json("doctor", "--device", "cpu-scalar+openblas")
        self.assertEqual((scalar["device"], scalar["product"], scalar["fp32_flops"]), ("cpu-scalar", "openblas", 0))


if __name__ == "__main__":
    unittest.main(verbosity=2)
