#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole program through the eyes of a screen reader: test-workbench.py TERNION-WORKBENCH TERNION

Opens a real model, calibrates it on real text to the end, exports, watches a run of the headless program, opens a broken file,
and closes while work is going on. Skipped where a display, the accessibility tools or the real model are missing."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
# Roles that hold nothing.
LEAVES = ("label", "image", "icon", "separator")
ROWS_IN_FULL = 3


def skip(reason):
    print("skipped:", reason)
    sys.exit(SKIPPED)


# Unit tests end at a warning; the accessibility bus has warnings of its own, and a desktop service that is missing here is no fault of
# the program.
for variable in ("GTK_A11Y", "G_DEBUG"):
    os.environ.pop(variable, None)

try:
    import pyatspi
except ImportError:
    skip("pyatspi is not installed")
if not os.environ.get("DISPLAY"):
    skip("there is no display")
if not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
    skip("there is no session bus")
if shutil.which("xdotool") is None:
    skip("xdotool is not installed")
REALDATA = os.environ.get("TERNION_REALDATA", "")
MODEL = os.path.realpath(os.path.join(REALDATA, "stories260k/stories260K.bin"))
TEXT = os.path.realpath(os.path.join(REALDATA, "text/tinystories_2MB.txt"))
EXPECTED = os.path.join(REALDATA, "expected_stories260k.json")
if not os.path.exists(MODEL) or not os.path.exists(TEXT):
    skip("the real models and data are not present")


def has_place(node):
    """GTK 4.8 has no state for it, but what was never on the screen has no size."""
    try:
        return node.queryComponent().getExtents(pyatspi.WINDOW_COORDS).width > 0
    except NotImplementedError:  # a page of a stack: what it holds has its own place
        return True


class Workbench:
    def __init__(self, program, arguments, folder):
        environment = dict(os.environ, HOME=folder, XDG_DATA_HOME=folder + "/data", XDG_CONFIG_HOME=folder + "/config",
                           XDG_CACHE_HOME=folder + "/cache", GSETTINGS_BACKEND="memory", LC_ALL="C.UTF-8")
        self.environment = environment
        self.program = program
        self.seen = []  # of the last survey
        self.log_path = os.path.join(folder, "log")
        self.process = subprocess.Popen([program] + arguments, env=environment, stdout=subprocess.DEVNULL,
                                        stderr=open(self.log_path, "w"))
        name = os.path.basename(program)
        self.node = self.wait(lambda: next((a for a in pyatspi.Registry.getDesktop(0) if a and a.name == name), None), 30, name)

    def log(self):
        return open(self.log_path).read()

    def wait(self, condition, timeout, what):
        end, last = time.monotonic() + timeout, None
        while time.monotonic() < end:
            try:
                result = condition()
                if result:
                    return result
            except Exception as error:  # nodes come and go while the window changes
                last = error
            if self.process.poll() is not None:
                raise AssertionError(f"the program ended with {self.process.returncode}: {self.log()[-3000:]}")
            time.sleep(0.05)
        raise AssertionError(f"waited in vain for {what} ({last}); {self.log()[-2000:]}")

    def survey(self):
        """All that has a place, as (node, role, name) in the order of the tree. Every question to a node is a call to another process, so what has
        no place is left out with all that is in it, the rows of long tables above all; and rows are alike, so the cells of some stand for all."""
        seen = []
        rows = 0

        def visit(node):
            nonlocal rows
            try:
                if not has_place(node):
                    return
                role = node.getRoleName()
                seen.append((node, role, node.name or ""))
                rows += role == "table row"
                alike = role == "table row" and rows > ROWS_IN_FULL
                children = [] if role in LEAVES or alike else list(node)
            except Exception:  # nodes come and go while the window changes
                return
            for child in children:
                if child is not None:
                    visit(child)

        visit(self.node)
        self.seen = seen
        return seen

    def find(self, role, name, timeout=40, actionable=False):
        pattern = re.compile(name)

        def fits(node):
            try:
                return (pattern.search(node.name or "") and node.getRoleName() == role and has_place(node) and
                        (not actionable or node.queryAction().nActions > 0))
            except Exception:
                return False

        def look():
            """Where it was at the last survey, or else in a new one."""
            known = [node for node, known_role, known_name in self.seen if known_role == role and pattern.search(known_name)]
            found = next((node for node in known if fits(node)), None)
            if found is not None:
                return found
            return next((node for node, new_role, new_name in self.survey()
                         if new_role == role and pattern.search(new_name) and fits(node)), None)

        return self.wait(look, timeout, f"{role} “{name}”")

    def click(self, role, name, timeout=40):
        node = self.find(role, name, timeout, actionable=True)
        self.wait(lambda: node.getState().contains(pyatspi.STATE_SENSITIVE), timeout, f"{name} to be sensitive")
        assert node.queryAction().doAction(0)
        return node

    def find_last(self, role, name):
        """Pages that were shown keep their place; what several of them have, the last one in the order of the pages has too."""
        return [node for node, known_role, known_name in self.survey() if known_role == role and re.search(name, known_name)][-1]

    def row_texts(self, row):
        return [node.name for node in pyatspi.findAllDescendants(row, lambda n: n.getRoleName() == "label")]

    def check_names(self, page):
        """Nothing the keyboard can reach is without a name of its own."""
        nameless = []
        for node, role, name in self.survey():
            if role == "scroll pane" or not node.getState().contains(pyatspi.STATE_FOCUSABLE):
                continue
            # Readers speak what a nameless list item holds.
            name = name or (role == "list item" and " ".join(self.row_texts(node)))
            if not name or re.match(r"^(Gtk|Adw|Tn)[A-Z]", name) or name.startswith("_"):
                nameless.append(f"{role} “{node.name}”")
        assert not nameless, f"{page}: {nameless}"

    def click_on(self, node):
        """With the pointer: what has no action of its own."""
        extents = node.queryComponent().getExtents(pyatspi.WINDOW_COORDS)
        self.click_at(extents.x + extents.width // 2, extents.y + extents.height // 2)

    def enter(self, name, text):
        self.find("text", f"^{name}$").queryEditableText().setTextContents(text)

    @staticmethod
    def click_at(x, y):
        subprocess.run(["xdotool", "mousemove", str(x), str(y), "click", "1"], check=True)

    @staticmethod
    def key(name):
        subprocess.run(["xdotool", "key", name], check=True)

    @staticmethod
    def type(text):
        subprocess.run(["xdotool", "type", "--delay", "5", text], check=True)

    def answer_chooser(self, path):
        """Types a path into the file dialog that opens."""
        self.wait(lambda: self.node.childCount > 1, 10, "a file dialog")
        time.sleep(0.5)  # the dialog has no sign of being ready for keys
        self.key("ctrl+a")
        self.type(path)
        time.sleep(0.5)
        self.key("Return")
        self.wait(lambda: self.node.childCount == 1, 10, "the file dialog to close")


def show_page(app, name):
    pages = ("Layers", "Calibration", "Sensitivity", "Training", "Report", "Runs")
    app.key(f"alt+{pages.index(name) + 1}")


def show_tab(app, tabs, name):
    tab = next(tab for tab in app.find("page tab list", f"^{tabs}$") if tab.name == name)
    app.click_on(tab)
    app.wait(lambda: tab.getState().contains(pyatspi.STATE_SELECTED), 10, f"{name} to be shown")


def check_layers(app):
    row = app.find("table row", "^blk.0.attn_q.weight$", 20)
    expected = json.load(open(EXPECTED))["tensors"]["blk.0.attn_q.weight"] if os.path.exists(EXPECTED) else None
    if expected is not None:
        wanted = "%.1f" % expected["ternary_sqnr_db"]
        app.wait(lambda: wanted in app.row_texts(row), 30, f"{wanted} dB in the row")
        texts = app.row_texts(row)
        assert "%.1f" % expected["int8_absmax_sqnr_db"] in texts, texts
        assert ("%.4f" % expected["min"]).replace("-", "−") in texts, texts
    app.check_names("Layers")

    app.key("ctrl+f")
    entry = app.find("entry", "^Filter by name or type$")
    entry.queryEditableText().setTextContents("ATTN_q f32")
    app.find("label", "^5 of 47 tensors$")
    entry.queryEditableText().setTextContents("")
    app.find("label", "^47 tensors$")
    print("ok: the layers of a real model")


def check_details(app, row):
    app.wait(lambda: any("✓" in text or "±" in text for text in app.row_texts(row)), 30, "the interval of a site")
    for page in ("Settling", "Channels", "Extremes"):
        show_tab(app, "What of the site", page)
        app.check_names("Calibration, " + page)
    app.click("push button", "^Find the _?Texts$")
    app.find("label", "^tinystories_2MB.txt, record at byte", 30)
    print("ok: how a site settled, its channels, and the text of its extremes")


def check_guides(app):
    app.key("F1")
    app.find("label", "^In the window$")
    app.check_names("Guides")
    app.key("Escape")
    app.wait(lambda: app.node.childCount == 1, 10, "the guides to close")
    print("ok: the guides")


def check_calibration(app, folder):
    show_page(app, "Calibration")
    app.find("label", "^Choose the data to calibrate on$")
    app.check_names("Calibration")
    app.click("push button", "^Add data files$")
    app.answer_chooser(TEXT)
    app.find("label", "^tinystories_2MB.txt$")
    app.find("spin button", "^Sequences$").queryValue().currentValue = 48
    app.find("spin button", "^Sequence Length$").queryValue().currentValue = 64
    app.click("push button", "^Start Calibration$")
    app.find("label", r"^Done · 48 sequences · [\d,]+ tokens", 120)
    row = app.find("table row", "^blk.0.ffn_down.in$")
    app.wait(lambda: "…" not in app.row_texts(row), 30, "parameters of every site")
    app.check_names("Calibration, done")
    check_details(app, row)

    exported = os.path.join(folder, "exported.csv")
    # The outer node of a menu button has no action; the button inside has.
    app.click("push button", "^E_?xport")
    app.click("menu item", r"^Table \(CSV\)$")
    app.answer_chooser(exported)
    app.wait(lambda: os.path.exists(exported), 10, exported)
    lines = open(exported).read().splitlines()
    assert len(lines) > 20 and any("blk.0.ffn_down.in" in line for line in lines), lines[:3]
    print("ok: a calibration to the end, and its export")


def check_sensitivity(app, folder):
    show_page(app, "Sensitivity")
    app.find("label", "^Choose the data to analyze on$")
    app.find("label", "^Nothing Analyzed Yet$")
    app.check_names("Sensitivity")
    app.find_last("push button", "^Add data files$").queryAction().doAction(0)
    app.answer_chooser(TEXT)
    app.wait(lambda: app.find("push button", "^Start Analysis$").getState().contains(pyatspi.STATE_SENSITIVE), 40, "data to be taken")
    for name, value in (("Tokens per Sample", 64), ("Samples for Scores", 4), ("Samples for Losses", 4), ("Samples for Errors", 1)):
        app.find("spin button", f"^{name}$").queryValue().currentValue = value
    app.click("push button", "^Start Analysis$")
    app.find("label", r"^[\d,]+ pairs of layer and scheme$", 120)
    app.find("label", "^What can be done$")
    for page in ("Why", "Plots", "Plan"):
        show_tab(app, "What of the analysis", page)
        app.check_names("Sensitivity, " + page)
    summary = app.find("label", r"^[\d.]+ bits · .* · predicted change of the loss [+−]\d", 30)
    before = summary.name
    app.find("slider", "^Budget in bits a weight$").queryValue().currentValue = 2.5
    app.wait(lambda: summary.name != before, 10, "another plan")

    # The layer that is chosen here is chosen on the other page.
    app.find("entry", "^Filter by layer$").queryEditableText().setTextContents("blk.3.attn_v")
    row = app.find("table row", "^blk.3.attn_v.weight$")
    app.click_on(row)
    show_page(app, "Layers")
    app.wait(lambda: app.find("table row", "^blk.3.attn_v.weight$").getState().contains(pyatspi.STATE_SELECTED), 10, "the same layer")

    show_page(app, "Report")
    app.find("label", "^Summary$", 30)
    app.check_names("Report")
    exported = os.path.join(folder, "report.html")
    app.find_last("push button", "^E_?xport").queryAction().doAction(0)
    app.click("menu item", r"^Web Page \(HTML\)$")
    app.answer_chooser(exported)
    app.find("label", "^Exported report.html$", 30)
    assert "<svg" in open(exported).read()
    app.find("push button", "^Show It$")
    print("ok: an analysis to the end, its plans, and its report")


def check_training(app):
    show_page(app, "Training")
    app.find("label", "^Choose the data to train on$")
    app.check_names("Training")
    # The chosen model is trained on, chosen with keys alone.
    app.click_on(app.find("combo box", "^Start$"))
    app.key("Down")
    app.key("Return")
    app.find("list item", "^stories260K.bin$")
    app.find_last("push button", "^Add data files$").queryAction().doAction(0)
    app.answer_chooser(TEXT)
    app.find("push button", "^Remove tinystories_2MB.txt$")
    app.enter("Batch Size", "none")
    app.find("label", "^Batch Size: “none” is not a whole number between 1 and ", 10)
    start = app.find("push button", "^Start Training$")
    assert not start.getState().contains(pyatspi.STATE_SENSITIVE)
    for name, text in (("Batch Size", "2"), ("Tokens per Sequence", "32"), ("Steps", "12"), ("Steps Between Validations", "6")):
        app.enter(name, text)
    app.click("push button", "^Start Training$")
    app.find("label", r"^Done · 12 of 12 steps · .*loss .*validation", 120)
    for page in ("Loss", "Series", "Layers", "Events"):
        show_tab(app, "What of the run", page)
        app.check_names("Training, " + page)
    app.click("push button", "^_?Branch…$")
    app.find("combo box", "^Checkpoint$", 10)
    app.check_names("Training, branch")
    app.click("push button", "^Start anew instead$")
    app.click("push button", "^_?Go On$")
    app.find("spin button", "^Steps$", 10)
    app.check_names("Training, more steps")
    app.click("push button", "^_?Cancel$")
    print("ok: a training run to the end, by keys and names")


def check_training_of_other_program(app, ternion, workspace, folder):
    show_page(app, "Training")
    command = [ternion, "train", "--data", TEXT, "--tokenizer", "bytes", "--width", "32", "--layers", "1", "--heads", "2", "--seq-len", "32",
               "--batch-size", "2", "--steps", "1000000", "--checkpoint-every", "20", "--validation-every", "0", "--workspace", workspace,
               "--out", os.path.join(folder, "terminal-run")]
    terminal = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=app.environment)
    going_on = r"^[\d,]+ of 1,000,000 steps · .*loss"
    try:
        app.find("label", going_on, 60)
        app.check_names("Training, of another program")
        app.click("push button", "^_?Pause$")
        app.find("label", r"^Paused · ", 30)
        app.click("push button", "^_?Resume$")
        app.find("label", going_on, 30)
        app.wait(lambda: os.listdir(os.path.join(folder, "terminal-run", "checkpoints")), 60, "a checkpoint")
        terminal.kill()
        terminal.wait()
        app.find("label", "^Lost: its program is gone · ", 30)
    finally:
        if terminal.poll() is None:
            terminal.kill()
    app.click("push button", "^_?Go On$")
    app.find("label", going_on, 60)
    app.click("push button", "^S_?top$")
    app.find("label", "^Stopped · ", 60)
    print("ok: a training run of another program, paused, killed, and gone on with")


def check_other_program(app, ternion, workspace, folder):
    show_page(app, "Runs")
    command = [ternion, "calibrate", MODEL, "--data", TEXT, "--samples", "100000", "--seq-len", "64", "--workspace", workspace,
               "--out", os.path.join(folder, "terminal.safetensors")]
    terminal = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=app.environment)
    try:
        app.find("label", r"^Running · .* sequences", 20)
        app.check_names("Runs")
        app.click("push button", "^Cancel$")
        assert terminal.wait(30) == 130, terminal.returncode
        app.find("label", "^Cancelled · ", 20)
    finally:
        if terminal.poll() is None:
            terminal.kill()
    print("ok: a run of another program, shown and cancelled")


def check_broken(app, folder):
    broken = os.path.join(folder, "broken.gguf")
    with open(broken, "wb") as file:
        file.write(b"GGUF\x03\x00\x00\x00" + b"\xff" * 40)
    # A second start hands its file to the first.
    subprocess.run([app.program, broken], env=app.environment, check=True, timeout=20)
    app.find("label", re.escape(broken), 10)
    app.find("push button", "Open Another Model…")
    app.check_names("Layers, failed")
    print("ok: a broken file ends in a message")


def check_closing(app):
    subprocess.run([app.program, MODEL], env=app.environment, check=True, timeout=20)
    app.find("table row", "^blk.0.attn_q.weight$", 20)
    show_page(app, "Calibration")
    app.find("spin button", "^Sequences$").queryValue().currentValue = 100000
    app.click("push button", "^Start Calibration$", 20)
    app.find("label", r"^[\d,]+ (of [\d,]+ )?sequences", 60)
    app.click("push button", "^Pause$")
    app.find("label", "^Paused · ")
    app.click("push button", "^Resume$")
    app.find("label", r"^[\d,]+ (of [\d,]+ )?sequences", 60)
    app.key("ctrl+w")
    app.click("push button", "^Stop and Close$")
    assert app.process.wait(30) == 0, app.log()
    print("ok: closing asks, and keeps what was measured")


def main():
    program, ternion = map(os.path.abspath, sys.argv[1:3])
    folder = tempfile.mkdtemp(prefix="ternion-workbench-")
    workspace = os.path.join(folder, "workspace.db")
    app = Workbench(program, ["--workspace", workspace, MODEL], folder)
    try:
        check_layers(app)
        check_calibration(app, folder)
        check_sensitivity(app, folder)
        check_training(app)
        check_training_of_other_program(app, ternion, workspace, folder)
        check_guides(app)
        check_other_program(app, ternion, workspace, folder)
        check_broken(app, folder)
        check_closing(app)
        for line in app.log().splitlines():
            assert "CRITICAL" not in line and "Gtk-WARNING" not in line and "Adwaita-WARNING" not in line, line
    except AssertionError:
        # For whoever looks into a failure: TERNION_TEST_SHOT=FILE.png keeps a picture of it.
        if os.environ.get("TERNION_TEST_SHOT") and shutil.which("import"):
            subprocess.run(["import", "-window", "root", os.environ["TERNION_TEST_SHOT"]], check=False)
        raise
    finally:
        if app.process.poll() is None:
            app.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


main()
