#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What statistics say of a site, end to end: recorded activations with known numbers, a real model's extremes traced to their text, and the file
read as the guide tells.

test-commands-details.py PROGRAM [unittest arguments], like test-commands.py beside it.
"""
import importlib.util
import json
import math
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import unittest

spec = importlib.util.spec_from_file_location("commands", os.path.join(os.path.dirname(os.path.abspath(__file__)), "test-commands.py"))
commands = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commands)
realdata = commands.realdata

try:
    import numpy
except ImportError:
    numpy = None

MODEL = "stories260k/stories260K.bin"
TEXT = "text/tinystories_2MB.txt"
ROWS, WIDTH = 600, 7


def write_npy(path, rows):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (len(rows), len(rows[0]))
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        for row in rows:
            f.write(struct.pack("<%df" % len(row), *row))


def single(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def ranked(ordered, percent):
    return ordered[max(math.ceil(percent / 100 * len(ordered)), 1) - 1]


class Recorded(commands.CommandTest):
    """Against plain sums and sorted lists of the recorded values."""

    def setUp(self):
        super().setUp()
        generator = random.Random(5)
        self.rows = [[single(generator.gauss(0.1 * c, 1 + c) * (0 if generator.random() < 0.05 else 1)) for c in range(WIDTH)] for _ in range(ROWS)]
        self.rows[17][3] = single(900.0)
        self.rows[400][6] = single(-700.5)
        write_npy(self.path("x.npy"), self.rows)
        self.run_json("calibrate", "--tensors", self.path("x.npy"), "--channel-histograms", "all", "--out", self.path("stats"))
        self.percents = [0, 0.1, 1, 12.5, 25, 50, 75, 97, 99.9, 100]
        self.site = self.run_json("stats", "show", self.path("stats"), "--percentiles", ",".join(map(str, self.percents)), "--channels",
                                  "--intervals")["sites"][0]

    def check_order(self, found, values):
        ordered = sorted(values)
        for percent in self.percents:
            name = "%.10g" % percent
            truth = ranked(ordered, percent)
            low, high = found["percentile_bounds"][name]
            self.assertLessEqual(low, truth)
            self.assertGreaterEqual(high, truth)
            self.assertLessEqual(high - low, abs(truth) / 64 + 1e-12)
            self.assertTrue(low <= found["percentiles"][name] <= high)
        median, iqr = ranked(ordered, 50), ranked(ordered, 75) - ranked(ordered, 25)
        mad = ranked(sorted(abs(v - median) for v in values), 50)
        for name, truth in (("iqr", iqr), ("mad", mad)):
            self.assertLessEqual(found[name]["low"], truth + 1e-12)
            self.assertGreaterEqual(found[name]["high"], truth - 1e-12)
        for rule, (low, high) in {"iqr": (ranked(ordered, 25) - 1.5 * iqr, ranked(ordered, 75) + 1.5 * iqr),
                                  "modified-z": (median - 3.5 / 0.6745 * mad, median + 3.5 / 0.6745 * mad)}.items():
            outside = sum(v < low or v > high for v in values)
            self.assertLessEqual(found["outliers"][rule]["least"], outside, rule)
            self.assertGreaterEqual(found["outliers"][rule]["most"], outside, rule)

    def test_site(self):
        values = [v for row in self.rows for v in row]
        n, mean = len(values), math.fsum(values) / len(values)
        variance = math.fsum((v - mean) ** 2 for v in values) / n
        self.assertEqual(self.site["count"], n)
        self.assertAlmostEqual(self.site["mean"], mean, delta=1e-9)
        self.assertAlmostEqual(self.site["variance"], variance, delta=1e-9 * variance)
        self.assertAlmostEqual(self.site["std"], math.sqrt(variance), delta=1e-9)
        self.assertAlmostEqual(self.site["absmean"], math.fsum(map(abs, values)) / n, delta=1e-9)
        self.assertAlmostEqual(self.site["skewness"], math.fsum((v - mean) ** 3 for v in values) / n / variance ** 1.5, delta=1e-6)
        self.assertAlmostEqual(self.site["kurtosis"], math.fsum((v - mean) ** 4 for v in values) / n / variance ** 2, delta=1e-5)
        self.assertAlmostEqual(self.site["zeros"], values.count(0) / n, delta=1e-12)
        self.assertAlmostEqual(self.site["sparsity"], 1 - self.site["absmean"] / math.sqrt(variance + mean ** 2), delta=1e-9)
        self.check_order(self.site, values)
        low, high = mean - 3 * math.sqrt(variance), mean + 3 * math.sqrt(variance)
        outside = sum(v < low or v > high for v in values)
        self.assertTrue(self.site["outliers"]["sigma"]["least"] <= outside <= self.site["outliers"]["sigma"]["most"])
        self.assertEqual(self.site["outliers"]["massive"]["most"], 0)
        keys = [struct.pack("<f", v + 0.0)[2:] for v in values]
        entropy = -math.fsum(keys.count(k) / n * math.log2(keys.count(k) / n) for k in set(keys))
        self.assertAlmostEqual(self.site["entropy"]["bits_128_bins_an_octave"], entropy, delta=1e-9)
        self.assertEqual(self.site["largest"][0]["value"], 900)
        self.assertEqual((self.site["largest"][0]["channel"], self.site["max_at"]["channel"], self.site["min_at"]["channel"]), (3, 3, 6))

    def test_tensor_of_the_same_values(self):
        # A weight's numbers are those of a site that saw the same values.
        values = struct.pack(f"<{ROWS * WIDTH}f", *(v for row in self.rows for v in row))
        header = json.dumps({"x.weight": {"dtype": "F32", "shape": [ROWS, WIDTH], "data_offsets": [0, len(values)]}}).encode()
        with open(self.path("x.safetensors"), "wb") as f:
            f.write(struct.pack("<Q", len(header)) + header + values)
        tensor = self.run_json("inspect", self.path("x.safetensors"), "--tensor", "x.weight")["tensors"][0]
        site = self.run_json("stats", "show", self.path("stats"))["sites"][0]
        for name in ("count", "min", "max", "nonfinite", "nans", "positive_infinities", "negative_infinities", "percentiles", "percentile_bounds", "iqr",
                     "mad", "entropy"):
            self.assertEqual(tensor[name], site[name], name)
        for name in ("mean", "std", "absmean", "zeros", "skewness", "kurtosis", "sparsity"):
            self.assertAlmostEqual(tensor[name], site[name], delta=1e-9 * max(1, abs(site[name])), msg=name)
        self.assertEqual(set(tensor["outliers"]), set(site["outliers"]))
        for rule, found in tensor["outliers"].items():
            self.assertEqual((found["least"], found["most"]), (site["outliers"][rule]["least"], site["outliers"][rule]["most"]), rule)
        whole = self.run_json("inspect", self.path("x.safetensors"), "--details")["tensors"][0]
        self.assertEqual(whole, tensor)
        self.assertNotIn("kurtosis", self.run_json("inspect", self.path("x.safetensors"))["tensors"][0])
        shown = self.run_raw("inspect", self.path("x.safetensors"), "--details").stdout
        for word in ("kurtosis", "percentile 50", "modified-z"):
            self.assertIn(word, shown)

    def test_counts_are_grouped_as_the_locale_has_them(self):
        environment = {**os.environ, "LOCPATH": self.folder, "LANGUAGE": "C"}
        # What cannot be made here is left out.
        locales = [("C.UTF-8", "4,200")] + [(f"{name}.UTF-8", count) for name, count in (("en_US", "4,200"), ("de_DE", "4.200"), ("de_CH", "4’200"))
                                            if shutil.which("localedef") is not None
                                            and subprocess.run(["localedef", "-i", name, "-f", "UTF-8", self.path(f"{name}.UTF-8")],
                                                               capture_output=True).returncode == 0]
        for locale, count in locales:
            for arguments in ((), ("--site", self.site["name"])):
                result = subprocess.run([commands.PROGRAM, "stats", "show", self.path("stats"), *arguments], capture_output=True, text=True,
                                        env={**environment, "LC_ALL": locale}, timeout=60)
                self.assertIn(f" {count} ", result.stdout, locale)
                # All other numbers are as programs read them.
                self.assertIn(" 900 ", result.stdout)

    def test_channels(self):
        self.assertEqual([c["channel"] for c in self.site["channels"]], list(range(WIDTH)))
        for c, found in enumerate(self.site["channels"]):
            values = [row[c] for row in self.rows]
            mean = math.fsum(values) / ROWS
            self.assertEqual(found["count"], ROWS)
            self.assertEqual((found["min"], found["max"]), (min(values), max(values)))
            self.assertAlmostEqual(found["mean"], mean, delta=1e-9)
            self.assertAlmostEqual(found["std"] ** 2, math.fsum((v - mean) ** 2 for v in values) / ROWS, delta=1e-6)
            self.assertAlmostEqual(found["zeros"], values.count(0) / ROWS, delta=1e-12)
            self.check_order(found, values)
        self.assertIn("large", self.site["channels"][3]["flags"])

    @unittest.skipIf(numpy is None, "no numpy")
    def test_numpy(self):
        x = numpy.array(self.rows, numpy.float32).astype(numpy.float64)
        self.assertAlmostEqual(self.site["variance"], x.var(), delta=1e-9 * x.var())
        for c in range(WIDTH):
            self.assertAlmostEqual(self.site["channels"][c]["std"], x[:, c].std(), delta=1e-7)
            for percent in (1, 12.5, 50, 97):
                low, high = self.site["channels"][c]["percentile_bounds"]["%.10g" % percent]
                truth = numpy.percentile(x[:, c], percent, method="inverted_cdf")
                self.assertTrue(low <= truth <= high)
        quartiles = numpy.percentile(x, [25, 75], method="inverted_cdf")
        self.assertTrue(self.site["iqr"]["low"] <= quartiles[1] - quartiles[0] <= self.site["iqr"]["high"])

    def test_text(self):
        name = self.site["name"]
        shown = self.run_raw("stats", "show", self.path("stats"), "--site", name, "--outliers", "tail").stdout
        self.assertIn("tail", shown)
        self.assertNotIn("modified-z", shown)
        self.assertIn("900", shown)
        channel = self.run_raw("stats", "show", self.path("stats"), "--site", name, "--channel", "3", "--percentiles", "50").stdout
        self.assertIn("percentile 50", channel)
        self.assertNotIn("percentile 25", channel)
        for arguments, named in ((("--percentiles", "1,x"), "x"), (("--percentiles", "101"), "101"), (("--outliers", "forest"), "forest"),
                                 (("--channel", "2"), "--site")):
            self.assert_fails(self.run_raw("stats", "show", self.path("stats"), *arguments), named, status=2)
        self.assert_fails(self.run_raw("stats", "show", self.path("stats"), "--site", "nowhere"), "nowhere")
        self.assert_fails(self.run_raw("stats", "show", self.path("stats"), "--site", name, "--channel", str(WIDTH)), str(WIDTH))
        self.assert_fails(self.run_raw("stats", "show", self.path("stats"), "--extremes"), "--model", status=2)


class OutlierFeatures(commands.CommandTest):
    """Against a plain count over recorded activations of eight layers."""

    LAYERS, TOKENS, CHANNELS = 8, 600, 6

    def test_features(self):
        generator = random.Random(11)
        # Each channel: in how many layers it reaches 6, and at what share of positions there.
        plan = {1: (8, 0.10), 2: (2, 0.30), 3: (1, 0.9), 4: (8, 0.03), 5: (2, 0.2)}
        layers = {}
        for layer in range(self.LAYERS):
            rows = [[generator.uniform(-5.9, 5.9) for _ in range(self.CHANNELS)] for _ in range(self.TOKENS)]
            for channel, (holding, share) in plan.items():
                for row in rows if layer < holding else ():
                    if generator.random() < share:
                        row[channel] = generator.choice((6.0, -6.0, 77.0, -6.5))
            layers[f"blk.{layer}.ffn_up.in"] = rows
        layers["output.in"] = layers["blk.0.ffn_up.in"]
        header, data = {}, b""
        for name, rows in layers.items():
            values = struct.pack(f"<{self.TOKENS * self.CHANNELS}f", *(v for row in rows for v in row))
            header[name] = {"dtype": "F32", "shape": [self.TOKENS, self.CHANNELS], "data_offsets": [len(data), len(data) + len(values)]}
            data += values
        text = json.dumps(header).encode()
        with open(self.path("x.safetensors"), "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text + data)
        expected = []
        for channel in range(self.CHANNELS):
            large = [sum(abs(row[channel]) >= 6 for row in layers[f"blk.{layer}.ffn_up.in"]) for layer in range(self.LAYERS)]
            holding, share = sum(n > 0 for n in large), sum(large) / (self.LAYERS * self.TOKENS)
            if holding >= 0.25 * self.LAYERS and share >= 0.06:
                expected.append({"kind": "ffn_up.in", "channel": channel, "layers": holding, "of_layers": self.LAYERS, "positions": share})
        self.assertEqual([e["channel"] for e in expected], [1, 2])
        self.run_json("calibrate", "--tensors", self.path("x.safetensors"), "--channel-histograms", "all", "--out", self.path("a"))
        self.assertEqual(self.run_json("stats", "show", self.path("a"))["outlier_features"], expected)
        shown = self.run_raw("stats", "show", self.path("a")).stdout
        self.assertIn("in 2 of 8 layers", shown)
        # Without histograms of channels, or with those of one layer only, it is not known.
        self.run_json("calibrate", "--tensors", self.path("x.safetensors"), "--out", self.path("b"))
        self.assertIsNone(self.run_json("stats", "show", self.path("b"))["outlier_features"])
        self.assertNotIn("LLM.int8", self.run_raw("stats", "show", self.path("b")).stdout)
        self.run_json("calibrate", "--tensors", self.path("x.safetensors"), "--channel-histograms", "blk.1.ffn_up.in", "--out", self.path("c"))
        self.assertIsNone(self.run_json("stats", "show", self.path("c"))["outlier_features"])


class RealModel(commands.CommandTest):
    def calibrate(self, out, *more, samples=24):
        return self.run_json("calibrate", realdata(MODEL), "--data", realdata(TEXT), "--samples", str(samples), "--seq-len", "64", "--no-cache", "--out",
                             self.path(out), *more)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def test_histograms_of_channels_and_moving_ranges(self):
        options = ("--channel-histograms", "blk.0.ffn_down.in,blk.1.attn_k.in", "--ema-decay", "0.9")
        self.calibrate("a", *options)
        self.calibrate("b", *options, "--batch-size", "3", "--threads", "1")
        self.assertEqual(self.read("a"), self.read("b"))
        sites = {s["name"]: s for s in self.run_json("stats", "show", self.path("a"))["sites"]}
        self.assertEqual([n for n, s in sites.items() if s["channel_histograms"]], ["blk.0.ffn_down.in", "blk.1.attn_q.in"])
        for site in sites.values():
            self.assertEqual(site["moving_range"]["sequences"], 24)
            self.assertFalse(site["moving_range"]["mergeable"])
            self.assertTrue(site["min"] <= site["moving_range"]["min"] < site["moving_range"]["max"] <= site["max"])
        self.assert_fails(self.run_raw("calibrate", realdata(MODEL), "--data", realdata(TEXT), "--channel-histograms", "nowhere", "--no-cache", "--out",
                                       self.path("c")),
                          "nowhere")

    def test_moving_ranges_are_kept_when_asked_for_alone(self):
        # Even where what is asked for is what would be taken anyway: the first run's statistics must not be used again.
        arguments = ("calibrate", realdata(MODEL), "--data", realdata(TEXT), "--samples", "4", "--seq-len", "32")
        self.run_json(*arguments, "--out", self.path("a"))
        self.run_json(*arguments, "--out", self.path("b"), "--ema-decay", "0.99")
        self.assertIsNone(self.run_json("stats", "show", self.path("a"))["sites"][0]["moving_range"])
        self.assertEqual(self.run_json("stats", "show", self.path("b"))["sites"][0]["moving_range"]["decay"], 0.99)

    def test_merging_drops_moving_ranges_with_a_word(self):
        for i in (1, 2):
            self.calibrate(f"part{i}", "--ema-decay", "0.9", "--channel-histograms", "all", "--shard", f"{i}/2")
        self.calibrate("whole", "--channel-histograms", "all")
        merged = self.run_raw("stats", "merge", self.path("part2"), self.path("part1"), "--out", self.path("merged"))
        self.assertEqual(merged.returncode, 0, merged.stderr)
        self.assertIn("moving ranges", merged.stderr)
        self.assertEqual(self.read("whole"), self.read("merged"))

    def test_histograms_of_channels_are_bounded(self):
        result = self.run_raw("calibrate", realdata(MODEL), "--data", realdata(TEXT), "--samples", "8", "--seq-len", "64", "--channel-histograms", "all",
                              "--memory-limit", "100MB", "--no-cache", "--out", self.path("a"))
        self.assert_fails(result, "histograms")

    def test_extremes_are_traced(self):
        self.calibrate("a")
        traced = self.run_json("stats", "show", self.path("a"), "--site", "blk.2.ffn_down.in", "--extremes", "--model", realdata(MODEL), "--data",
                               realdata(TEXT), "--seq-len", "64")
        self.assertEqual([t["kind"] for t in traced], ["min", "max"] + 8 * ["largest"])
        with open(realdata(TEXT), "rb") as f:
            text = f.read()
        for extreme in traced:
            self.assertTrue(extreme["found"])
            around = (extreme["before"] + (extreme["text"] if extreme["token"] > 0 else "") + extreme["after"]).strip().encode()
            self.assertIn(around, text[extreme["offset"]:extreme["offset"] + 4096])
        shown = self.run_raw("stats", "show", self.path("a"), "--site", "blk.2.ffn_down.in", "--extremes", "--model", realdata(MODEL), "--data",
                             realdata(TEXT), "--seq-len", "64").stdout
        self.assertIn(realdata(TEXT), shown)

    def test_intervals(self):
        self.calibrate("few", samples=48)
        self.calibrate("many", samples=768)
        few = {s["name"]: s for s in self.run_json("stats", "show", self.path("few"), "--intervals")["sites"]}
        many = {s["name"]: s for s in self.run_json("stats", "show", self.path("many"), "--intervals")["sites"]}
        held = total = 0
        for name, site in few.items():
            pairs = [(site["intervals"][k], many[name][k]) for k in ("mean", "std", "absmean")]
            pairs += [(site["intervals"]["percentiles"][p], many[name]["percentiles"][p]) for p in ("1", "25", "75", "99")]
            for interval, truth in pairs:
                self.assertTrue(interval["low"] <= interval["value"] <= interval["high"])
                held += interval["low"] <= truth <= interval["high"]
                total += 1
            for scheme in ("int8", "int4"):
                interval = site["params"][scheme]["sqnr_interval"]
                self.assertTrue(interval["low"] <= site["params"][scheme]["sqnr_db"] <= interval["high"])
                self.assertLess(interval["high"] - interval["low"], 3)
                self.assertTrue(0 < site["params"][scheme]["code_entropy"] <= (8 if scheme == "int8" else 4))
            self.assertGreaterEqual(site["intervals"]["max"]["limit"], site["max"])
            self.assertAlmostEqual(site["intervals"]["max"]["next_sequence_beyond"], 1 / 49)
        # Sites of one model move together: no more than a rough check.
        self.assertGreater(held / total, 0.75)


class Guide(commands.CommandTest):
    """The programs of statistics-file.md, run on a file."""

    def test_programs(self):
        self.run_json("calibrate", realdata(MODEL), "--data", realdata(TEXT), "--samples", "12", "--seq-len", "64", "--no-cache", "--channel-histograms",
                      "blk.0.ffn_down.in", "--out", self.path("stats.safetensors"))
        shown = {s["name"]: s for s in self.run_json("stats", "show", self.path("stats.safetensors"), "--channels")["sites"]}
        guide = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "resources", "guides", "statistics-file.md")
        with open(guide, encoding="utf-8") as f:
            programs = re.findall(r"```python\n(.*?)```", f.read(), re.S)
        self.assertGreaterEqual(len(programs), 1)
        for program in programs:
            result = subprocess.run([sys.executable, "-c", program, self.path("stats.safetensors")], capture_output=True, text=True, timeout=300)
            self.assertEqual(result.returncode, 0, result.stderr)
            lines = result.stdout.splitlines()
            self.assertEqual(len(lines), len(shown))
            for line in lines:
                fields = line.split()
                site = shown[fields[0]]
                self.assertAlmostEqual(float(fields[2]), site["mean"], delta=1e-9)
                self.assertAlmostEqual(float(fields[4]), site["std"], delta=1e-9)
                self.assertAlmostEqual(float(fields[6]), site["channels"][5]["rms"], delta=1e-9)
                self.assertEqual(int(fields[8]), site["count"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
