#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when an #include runs upwards between the rooms of the house, or between the floors of the engine.

check-arrows.py ROOT              checks the tree
check-arrows.py --self-test       shows that violations are found
"""
import os
import re
import sys
import tempfile

# What each room may include of ours.
ROOMS = {
    "engine": {"engine"},
    "data": {"data", "engine"},
    "plots/figures": {"plots/figures"},
    "plots/reports": {"plots/reports", "plots/figures", "data", "engine"},
    "plots/widgets": {"plots/widgets", "plots/figures"},
    "bench": {"bench", "app/tasks", "plots/figures", "data", "engine"},
    "app/tasks": {"app/tasks", "plots/reports", "plots/figures", "data", "engine"},
    "ui": {"ui", "app/tasks", "plots/widgets", "plots/figures", "plots/reports", "data", "engine"},
    "app/programs": {"app/programs", "bench", "ui", "app/tasks", "plots/widgets", "plots/figures", "plots/reports", "data", "engine"},
}
# Folders of the engine, ground floor first; files directly in engine/ stand below all of them.
FLOORS = ["memory", "device", "tensor", "kernels", "quant", "autograd", "nn", "metrics", "calibration", "qat", "analysis"]
# Libraries a room must not know. ternion itself is a program without a window.
LIBRARIES = {
    "engine": r"gtk/|adwaita|epoxy|sqlite3|cairo|pango|json-glib",
    "data": r"gtk/|adwaita|epoxy|cairo|pango",
    "plots/figures": r"gtk/|adwaita|epoxy|sqlite3|json-glib",
    "plots/reports": r"gtk/|adwaita|epoxy|sqlite3",
    "app/tasks": r"gtk/|adwaita|epoxy|sqlite3",
    "app/programs/ternion/": r"gtk/|adwaita|epoxy|sqlite3",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    return next((room for room in ROOMS if path.startswith(room + "/")), None)


def floor_of(path):
    parts = path.split("/")
    return FLOORS.index(parts[1]) if parts[0] == "engine" and len(parts) > 2 and parts[1] in FLOORS else -1


def check(root):
    wrong = []
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith((".", "build"))]
        for name in files:
            if not name.endswith((".c", ".h")):
                continue
            path = os.path.relpath(os.path.join(folder, name), root)
            room = room_of(path)
            if room is None:
                continue
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                for number, line in enumerate(f, 1):
                    found = INCLUDE.match(line)
                    if not found:
                        continue
                    target = found.group(2)
                    target_room = room_of(target)
                    if target_room is not None and target_room not in ROOMS[room]:
                        wrong.append(f"{path}:{number}: {room} must not include {target}")
                    elif room == "engine" and target_room == "engine" and floor_of(target) > floor_of(path):
                        wrong.append(f"{path}:{number}: {target} stands on a floor above")
                    for prefix, pattern in LIBRARIES.items():
                        if path.startswith(prefix) and re.match(pattern, target):
                            wrong.append(f"{path}:{number}: {prefix.rstrip('/')} must not use {target}")
                    if found.group(1) == '"' and target_room is None and not target.startswith("tests/") and "/" in target:
                        wrong.append(f"{path}:{number}: {target} belongs to no room")
    return wrong


def self_test():
    cases = {
        "engine/nn/a.c": ('#include "data/files/b.h"', True), "engine/tensor/a.c": ('#include "engine/nn/b.h"', True),
        "engine/nn/b.c": ('#include "engine/tensor/b.h"', False), "engine/memory/c.c": ('#include "engine/error.h"', False),
        "data/models/a.c": ("#include <gtk/gtk.h>", True), "data/models/b.c": ("#include <sqlite3.h>", False),
        "plots/figures/a.c": ('#include "engine/error.h"', True), "app/tasks/a.c": ('#include "ui/window.h"', True),
        "ui/a.c": ('# include "app/programs/ternion/command.h"', True), "app/programs/ternion/a.c": ("#include <adwaita.h>", True),
        "app/programs/workbench/a.c": ("#include <adwaita.h>", False),
    }
    with tempfile.TemporaryDirectory() as root:
        for path, (line, _) in cases.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(line + "\n")
        found = {line.split(":")[0] for line in check(root)}
    expected = {path for path, (_, wrong) in cases.items() if wrong}
    return [f"self-test: {path}" for path in found ^ expected]


def main():
    wrong = self_test() if sys.argv[1:] == ["--self-test"] else check(sys.argv[1])
    print("\n".join(wrong) or "all arrows run downwards")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
