#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a file with translatable text is missing from po/POTFILES.in, or one that is listed is gone.

check-potfiles.py ROOT            checks; with --write the list is made anew
"""
import os
import re
import sys

FOLDERS = ("engine", "data", "plots", "bench", "app", "ui", "resources")
IN_C = re.compile(r'\b(_|N_|C_|NC_|ngettext|g_dngettext)\s?\(\s*"')


def translatable(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        text = f.read()
    if path.endswith((".c", ".h")):
        return bool(IN_C.search(text))
    if path.endswith(".ui"):
        return 'translatable="yes"' in text
    if path.endswith(".gschema.xml"):
        return "gettext-domain" in text
    return path.endswith((".desktop.in", ".metainfo.xml.in"))


def main():
    root, write = sys.argv[1], "--write" in sys.argv
    wanted = []
    for top in FOLDERS:
        for folder, _, files in os.walk(os.path.join(root, top)):
            wanted += [os.path.relpath(os.path.join(folder, name), root) for name in files
                       if name.endswith((".c", ".h", ".ui", ".xml", ".in")) and translatable(os.path.join(folder, name))]
    wanted.sort()
    listed_path = os.path.join(root, "po", "POTFILES.in")
    if write:
        with open(listed_path, "w", encoding="utf-8") as f:
            f.write("\n".join(wanted) + "\n")
        return 0
    with open(listed_path, encoding="utf-8") as f:
        listed = [line.strip() for line in f if line.strip() and not line.startswith("#")]
    missing, gone = sorted(set(wanted) - set(listed)), sorted(set(listed) - set(wanted))
    print("\n".join([f"not listed: {p}" for p in missing] + [f"listed for nothing: {p}" for p in gone]) or "po/POTFILES.in is complete")
    return 1 if missing or gone else 0


if __name__ == "__main__":
    sys.exit(main())
