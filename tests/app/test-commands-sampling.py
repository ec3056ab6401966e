#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How calibrate draws, when it ends, and what it says of the sample, end to end.

test-commands-sampling.py PROGRAM [unittest arguments], like test-commands.py beside it.
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


class SamplingTest(commands.CommandTest):
    def arguments(self, *more, samples=24, seq_len=64, data="text/tinystories_2MB.txt"):
        return ["calibrate", realdata(MODEL), "--data", realdata(data), "--tokenizer", realdata("stories260k/tok512.bin"), "--samples", str(samples),
                "--seq-len", str(seq_len), "--no-cache", *more]

    def calibrate(self, out, *more, **named):
        return self.run_json(*self.arguments("--out", self.path(out), *more, **named))

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)


class Samplers(SamplingTest):
    def test_batches_and_shards(self):
        """Every sampler: the same bytes for any batch size; its shards are parts of the same draw."""
        weights = self.write("weights", "\n".join(str(1 + i % 7) for i in range(2318)))
        indices = self.write("indices", "# chosen\n5\n2317\n0\n\n77 # good\n")
        for sampler in (["random"], ["systematic"], ["stratified", "--strata", "length"], ["reservoir"], ["importance", "--weights", weights],
                        ["importance", "--candidates", "40"], ["indices", "--indices", indices]):
            with self.subTest(sampler=sampler):
                result = self.calibrate("whole", "--sampler", *sampler)
                self.assertEqual(result["samples"], 4 if sampler[0] == "indices" else 24)
                self.assertEqual(result["sample"]["sampler"], sampler[0])
                self.assertEqual(result["sample"]["records"], 2318)
                self.calibrate("batches", "--sampler", *sampler, "--batch-size", "5")
                self.assertEqual(self.read("whole"), self.read("batches"))
                for i in (1, 2, 3):
                    self.calibrate(f"part{i}", "--sampler", *sampler, "--shard", f"{i}/3", "--batch-size", str(i))
                self.run_json("stats", "merge", *(self.path(f"part{i}") for i in (3, 1, 2)), "--out", self.path("merged"))
                self.assertEqual(self.read("whole"), self.read("merged"))

    def test_reservoir_is_the_random_draw(self):
        self.calibrate("random", "--seed", "5")
        self.calibrate("reservoir", "--seed", "5", "--sampler", "reservoir")
        self.assertEqual(self.read("random"), self.read("reservoir"))
        self.calibrate("other", "--seed", "6")
        self.assertNotEqual(self.read("random"), self.read("other"))

    def test_labels_and_files(self):
        """Strata by a field and by file: all of them are there, the rare one too; a weight says how many records each stands for."""
        with open(realdata("text/names.txt"), encoding="utf-8") as f:
            names = f.read().split()
        lines = [json.dumps({"text": " ".join(names[10 * i: 10 * i + 10]), "kind": "rare" if i == 150 else f"k{i % 3}"}) for i in range(300)]
        data = self.write("data.jsonl", "\n".join(lines) + "\n")
        result = self.run_json("calibrate", realdata(MODEL), "--data", data, "--tokenizer", realdata("stories260k/tok512.bin"), "--samples", "20",
                               "--sampler", "stratified", "--strata", "label", "--label", "kind", "--out", self.path("a"))
        self.assertEqual(result["sample"]["strata"], {"covered": 4, "all": 4})
        self.assertEqual(result["sample"]["labels"], {"covered": 4, "all": 4})
        self.assertTrue(result["sample"]["weighted"])
        self.assertEqual(result["sample"]["least_weight"], 1)
        shown = self.run_json("stats", "show", self.path("a"))
        self.assertAlmostEqual(shown["weighted"]["weight"], 300)
        self.assertEqual(len(shown["weighted"]["sites"]), result["sites"])
        result = self.run_json("calibrate", realdata(MODEL), "--data", realdata("text/names.txt"), "--data", realdata("text/tinystories_2MB.txt"), "--data",
                               realdata("text/expected_stories.txt"), "--tokenizer", realdata("stories260k/tok512.bin"), "--samples", "20", "--seq-len", "32",
                               "--sampler", "stratified", "--strata", "file", "--out", self.path("b"))
        self.assertEqual(result["sample"]["files"], {"covered": 3, "all": 3})

    def test_weights_make_means_unbiased(self):
        """The mean over many seeds of the weighted total of values is the total of all records, which a run over everything counts."""
        names = self.write("names.txt", "\n<|endoftext|>\n".join("word " * (1 + i % 9) for i in range(40)))
        base = ["calibrate", realdata(MODEL), "--data", names, "--tokenizer", realdata("stories260k/tok512.bin"), "--seq-len", "64", "--no-cache", "--out",
                self.path("a")]
        self.run_json(*base, "--samples", "0")
        truth = self.run_json("stats", "show", self.path("a"))["sites"][0]["count"]
        weights = self.write("weights", "\n".join(str(1 + i % 9) for i in range(40)))
        totals = []
        for seed in range(12):
            self.run_json(*base, "--samples", "16", "--weights", weights, "--seed", str(seed))
            totals.append(self.run_json("stats", "show", self.path("a"))["weighted"]["sites"][0]["count"])
        mean = sum(totals) / len(totals)
        error = (sum((x - mean) ** 2 for x in totals) / (len(totals) - 1) / len(totals)) ** 0.5
        self.assertLess(abs(mean - truth), 4 * error + 0.01 * truth)

    def test_wrong_lists(self):
        for name, text, option, words in (
                ("a", "1\nx\n", "--indices", ("a:2", "x", "the number of a record")),
                ("b", "1\n2\n1\n", "--indices", ("b:3", "record 1", "line 1")),
                ("c", "\n#\n", "--indices", ("c", "the list is empty")),
                ("d", "5\n99999\n", "--indices", ("line 2", "no record 99999", "2318")),
                ("e", "-1\n", "--weights", ("e:1", "a size")),
                ("f", "nan\n", "--weights", ("f:1", "a size")),
                ("g", "1\n2\n", "--weights", ("2 sizes", "2318")),
        ):
            with self.subTest(text=text):
                path = self.write(name, text)
                self.assert_fails(self.run_raw(*self.arguments(option, path, "--quiet", "--out", self.path("out"))), *words)
        self.assert_fails(self.run_raw(*self.arguments("--indices", self.path("missing"), "--quiet", "--out", self.path("out"))), "missing")


class Reference(SamplingTest):
    def test_same_and_other_data(self):
        """A sample of the same data is as far from others as chance would have it; another text is farther."""
        same = self.calibrate("a", "--reference", "150", samples=60)["reference"]
        self.assertEqual(same["samples"], 150)
        ratios = sorted(site["js"] / site["js_expected"] for site in same["sites"])
        self.assertLess(ratios[len(ratios) // 2], 2)
        self.assertGreater(ratios[len(ratios) // 2], 0.4)
        self.assertLess(same["token_js"], 2 * same["token_js_expected"])
        self.assertGreater(same["tokens_seen"], 0.95)
        other = self.calibrate("b", "--reference", self.path("a"), samples=60, data="text/tinyshakespeare.txt")["reference"]
        self.assertIsNone(other["token_js"])
        ratios = sorted(site["js"] / site["js_expected"] for site in other["sites"])
        self.assertGreater(ratios[len(ratios) // 2], 2)
        self.assertEqual(other["sites"], sorted(other["sites"], key=lambda site: -site["ks"] / site["ks_expected"]))

    def test_wrong_reference(self):
        self.assert_fails(self.run_raw(*self.arguments("--reference", self.path("missing"), "--quiet", "--out", self.path("a"))), "missing")
        self.assertTrue(os.path.exists(self.path("a")))


class Ranges(SamplingTest):
    def test_what_was_asked_for(self):
        """Percentiles, an outlier rule and the channels' ranges are those that "stats show" gives."""
        self.assertIsNone(self.calibrate("a")["site_ranges"])
        result = self.calibrate("a", "--percentiles", "2,50,98", "--outlier-rule", "iqr", "--ranges", "channel")
        shown = {site["name"]: site for site in self.run_json("stats", "show", self.path("a"), "--percentiles", "2,50,98")["sites"]}
        self.assertEqual(len(result["site_ranges"]), result["sites"])
        for site in result["site_ranges"]:
            self.assertEqual(site["percentiles"], shown[site["name"]]["percentiles"])
            self.assertEqual(list(site["outliers"]), ["iqr"])
            ranges = site["channel_ranges"]
            self.assertLessEqual(ranges["narrowest"], ranges["median"])
            self.assertLessEqual(ranges["widest"], site["max"] - site["min"] + 1e-6)
            self.assertGreater(ranges["widest"], 0)
        text = self.run_raw(*self.arguments("--outlier-rule", "tail", "--out", self.path("a")))
        self.assertIn("ranges from the 0.1 to the 99.9 % point", text.stdout)


class Stop(SamplingTest):
    def test_stops_at_the_same_place(self):
        first = self.calibrate("a", "--stop-when-stable", "10%", samples=600)
        self.assertEqual(first["ended"], "stable")
        self.assertLess(first["samples"], 600)
        self.assertEqual(first["stop"]["samples"], first["samples"])
        self.assertEqual(first["stop"]["unsettled"], 0)
        self.assertLessEqual(first["stop"]["widest_half_width"], 0.1)
        self.assertGreaterEqual(first["samples"], first["stop"]["samples_needed_for_extremes"])
        for batch in ("1", "3", "16"):
            other = self.calibrate("b", "--stop-when-stable", "10%", "--batch-size", batch, samples=600)
            self.assertEqual(other["stop"], first["stop"])
            self.assertEqual(self.read("a"), self.read("b"))

    def test_not_settled(self):
        result = self.calibrate("a", "--stop-when-stable", "1%", samples=100)
        self.assertEqual(result["ended"], "all")
        self.assertEqual(result["samples"], 100)
        self.assertEqual(result["stop"]["looks"], 3)
        self.assertGreater(result["stop"]["unsettled"], 0)
        text = self.run_raw(*self.arguments("--stop-when-stable", "--out", self.path("a"), samples=70))
        self.assertIn("not settled", text.stdout)

    def test_time_limit_goes_on(self):
        """A run that is out of time is whole for what it saw, and --resume ends where an undisturbed run does."""
        result = self.calibrate("a", "--time-limit", "0.001s", "--batch-size", "4", samples=60)
        self.assertEqual(result["ended"], "time-limit")
        self.assertEqual(result["samples"], 4)
        self.assertFalse(self.run_json("stats", "show", self.path("a"))["partial"])
        result = self.calibrate("a", "--time-limit", "1h", "--resume", samples=60)
        self.assertEqual(result["ended"], "all")
        self.assertEqual(result["samples"], 60)
        self.calibrate("b", samples=60)
        self.assertEqual(self.read("a"), self.read("b"))


class Configuration(SamplingTest):
    def test_file_and_flags(self):
        """A printed configuration does the same as the flags; flags go before it."""
        printed = self.run_raw(*self.arguments("--sampler", "systematic", "--out", self.path("a"), "--batch-size", "3"), "--print-config")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        config = self.write("calibrate.conf", printed.stdout)
        self.assertFalse(os.path.exists(self.path("a")))
        self.run_json("calibrate", "--config", config, "--no-cache")
        self.calibrate("b", "--sampler", "systematic")
        self.assertEqual(self.read("a"), self.read("b"))
        result = self.run_json("calibrate", "--config", config, "--no-cache", "--samples", "5", "--out", self.path("c"))
        self.assertEqual(result["samples"], 5)
        again = self.run_raw("calibrate", "--config", config, "--print-config")
        self.assertEqual(again.stdout, printed.stdout)

    def test_wrong(self):
        for text, words in (("[sample]\nsmples=3\n", ("calibrate.conf:2", "smples")), ("[smple]\n", ("calibrate.conf:1", "smple")),
                            ("[sample]\nsamples=3x\n", ("calibrate.conf:2: samples", "“3x”")), ("[run]\nmemory-limit=1kB\n", ("memory-limit",))):
            with self.subTest(text=text):
                result = self.run_raw("calibrate", "--config", self.write("calibrate.conf", text))
                self.assertIn(result.returncode, (1, 2))
                for word in words:
                    self.assertIn(word, result.stderr)
        for arguments, words in (
                (("--indices", "x", "--sampler", "random"), ("--indices", "--sampler")), (("--sampler", "indices"), ("--indices FILE",)),
                (("--weights", "x", "--sampler", "random"), ("--weights",)), (("--strata", "file"), ("--strata",)),
                (("--sampler", "stratified", "--strata", "label"), ("--label",)), (("--candidates", "5"), ("--candidates",)),
                (("--stop-when-stable", "--shard", "1/2"), ("--shard",)), (("--sampler", "stratified", "--samples", "0"), ("--samples",)),
                (("--time-limit", "5s", "--samples", "0"), ("--samples",)), (("--seed", "x"), ("--seed",)), (("--memory-limit", "much"), ("--memory-limit",)),
        ):
            with self.subTest(arguments=arguments):
                result = self.run_raw("calibrate", "m", "--data", "d", *arguments)
                self.assert_fails(result, *words, status=2)


if __name__ == "__main__":
    unittest.main()
