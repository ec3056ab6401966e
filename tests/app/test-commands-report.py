#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reports of an analysis in every format, and what bad input gets.

test-commands-report.py PROGRAM [unittest arguments], like test-commands.py beside it.
"""
import csv
import html.parser
import importlib.util
import json
import os
import re
import unittest
import xml.etree.ElementTree

spec = importlib.util.spec_from_file_location("commands", os.path.join(os.path.dirname(os.path.abspath(__file__)), "test-commands.py"))
commands = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commands)

SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "resources", "sample")
SCHEMES = ["ternary", "int4:g32", "int8:c"]
VOID = {"meta", "link", "br", "hr", "img", "input", "col", "wbr"}


class Checker(html.parser.HTMLParser):
    """Every element is closed in its turn."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.links = [], {}, []

    def handle_starttag(self, tag, attributes):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        self.links += [value for name, value in attributes if name in ("src", "href", "action", "xlink:href") and not value.startswith("#")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen[tag] = self.seen.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open[-3:], self.getpos())
        self.open.pop()


class ReportTest(commands.CommandTest):
    analysis = None

    def setUp(self):
        super().setUp()
        self.file = self.path("sample.analysis")
        if ReportTest.analysis is None:
            out = self.run_raw("analyze", SAMPLE, "--data", os.path.join(SAMPLE, "stories.txt"), "--seq-len", "64", "--samples", "4", "--measure", "all",
                               "--measure-samples", "4", "--schemes", ",".join(SCHEMES), "--out", self.file, "--quiet")
            self.assertEqual(out.returncode, 0, out.stderr)
            with open(self.file, encoding="utf-8") as f:
                ReportTest.analysis = f.read()
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(ReportTest.analysis)
        self.document = json.loads(ReportTest.analysis)

    def report(self, name):
        out = self.run_json("report", self.file, "--out", self.path(name))
        self.assertEqual(out, {"out": self.path(name)})
        with open(self.path(name), "rb") as f:
            return f.read()

    def test_html(self):
        page = self.report("a.html")
        self.assertLess(len(page), 3 << 20)
        text, checker = page.decode(), Checker()
        checker.feed(text)
        checker.close()
        self.assertEqual(checker.open, [])
        self.assertEqual(checker.links, [])
        self.assertNotRegex(text, r"@import|url\(|fetch\(|XMLHttpRequest")
        self.assertGreaterEqual(checker.seen["svg"], 7)
        for layer in self.document["layers"]:
            self.assertIn(layer["name"].removesuffix(".weight"), text)
        self.assertIn(self.document["model"]["fingerprint"], text)
        self.assertEqual(page, self.report("b.html"))

    def test_pdf(self):
        paper = self.report("a.pdf")
        self.assertTrue(paper.startswith(b"%PDF-"))
        self.assertIn(b"%%EOF", paper[-1024:])

    def test_markdown(self):
        text = self.report("a.md").decode()
        figures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
        self.assertGreaterEqual(len(figures), 7)
        for figure in figures:
            xml.etree.ElementTree.parse(os.path.join(self.folder, figure))
        self.assertIn("| Plan | Bits | Predicted | Measured | Measured / predicted |", text)

    def test_csv(self):
        rows = list(csv.DictReader(self.report("a.csv").decode().splitlines()))
        expected = [(layer["name"].removesuffix(".weight"), scheme, cell) for layer in self.document["layers"]
                    for scheme, cell in zip(SCHEMES, layer["cells"]) if cell is not None]
        self.assertEqual([(row["Layer"], row["Scheme"]) for row in rows], [(name, scheme) for name, scheme, _ in expected])
        for row, (_, _, cell) in zip(rows, expected):
            self.assertLess(abs(float(row["Weights, dB"]) - cell["weight"]["sqnr_db"]), 0.006)
            self.assertLess(abs(float(row["Loss change"]) - cell["measured"]["value"]), 0.000006)

    def test_json(self):
        self.assertEqual(json.loads(self.report("a.json")), self.document)

    def test_bad(self):
        run = lambda source, out: self.run_raw("report", source, "--out", self.path(out))
        self.assert_fails(run(self.file, "a.docx"), "a.docx", ".html, .pdf, .md, .csv or .json")
        self.assert_fails(run(self.file, "a"), ".html, .pdf, .md, .csv or .json")
        for end in ("html", "pdf", "md", "csv", "json"):
            self.assert_fails(run(self.file, "sample.analysis/a." + end), "sample.analysis/a")
        self.assert_fails(run(self.path("none.analysis"), "a.html"), "none.analysis")
        self.assert_fails(self.run_raw("report", self.file), "--out", status=2)
        for spoil, word in ((lambda text: text[:len(text) // 2], "damaged"), (lambda text: text.replace('"rows":', '"row":', 1), "layers[0].rows"),
                            (lambda text: "[]", "damaged"), (lambda text: "", "damaged")):
            with open(self.path("damaged.analysis"), "w", encoding="utf-8") as f:
                f.write(spoil(ReportTest.analysis))
            self.assert_fails(run(self.path("damaged.analysis"), "b.html"), word)
            self.assertFalse(os.path.exists(self.path("b.html")))


if __name__ == "__main__":
    unittest.main()
