#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Searches the recipes of the MNIST networks: runs `ternion train` with many flags and seeds, and says what each reaches on held-out images.

    mnist-search.py --ternion build/app/programs/ternion --mnist FOLDER --out FOLDER CONFIGURATIONS…

A file of configurations has a line each, `NAME RECIPE SEEDS [FLAGS…]`: RECIPE is one of resources/recipes, SEEDS such as 11-13. Results are lines of JSON
in OUT/results.jsonl; what is there already is not run again, so it may be stopped and started at will. Nothing here reads the test images, unless
--test is said: then they are scored once a run, into the same lines."""
import argparse
import concurrent.futures
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
RECIPES = os.path.join(HERE, "..", "..", "resources", "recipes")
lock = threading.Lock()


def parse(line):
    words = line.split()
    first, _, last = words[2].partition("-")
    return words[0], words[1], range(int(first), int(last or first) + 1), words[3:]


def read_configurations(paths):
    for path in paths:
        with open(path, encoding="utf-8") as file:
            yield from (parse(line) for line in file if line.strip() and not line.startswith("#"))


def read_results(path):
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        results = [json.loads(line) for line in file]
    return {(result["name"], result["seed"]): result for result in results}


def run(arguments, name, recipe, seed, flags):
    out = os.path.join(arguments.out, "runs", f"{name}-{seed}")
    shutil.rmtree(out, ignore_errors=True)
    command = [arguments.ternion, "train", "--recipe", os.path.join(RECIPES, recipe + ".recipe"),
               "--data", os.path.join(arguments.mnist, "train-images-idx3-ubyte.gz"), "--seed", str(seed), "--threads", "1",
               "--validation-every", "0", "--checkpoint-every", "0", "--metrics-every", "0", "--out", out,
               "--workspace", os.path.join(arguments.out, f"workspace-{name}-{seed}.db"), "--json", "--quiet", *flags]
    if arguments.test:
        command += ["--test", os.path.join(arguments.mnist, "t10k-images-idx3-ubyte.gz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    os.unlink(command[command.index("--workspace") + 1])
    if done.returncode != 0:
        print(f"{name} seed {seed}: {done.stderr.strip()}", file=sys.stderr)
        return
    told = json.loads(done.stdout)
    result = {"name": name, "recipe": recipe, "seed": seed, "flags": flags,
              **{key: told[key] for key in ("steps", "seconds", "loss", "validation_loss", "validation_accuracy", "test_accuracy")}}
    if not arguments.keep:
        shutil.rmtree(out)
    with lock, open(os.path.join(arguments.out, "results.jsonl"), "a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def tell(results):
    rows = {}
    for result in results.values():
        rows.setdefault(result["name"], []).append(result)
    for name, group in sorted(rows.items(), key=lambda row: -statistics.mean(r["validation_accuracy"] for r in row[1])):
        held_out = [result["validation_accuracy"] for result in group]
        tests = [result["test_accuracy"] for result in group if result["test_accuracy"] is not None]
        text = f"{name:28} {len(group)} seeds, held out {100 * statistics.mean(held_out):.3f} %"
        text += f" loss {statistics.mean(r['validation_loss'] for r in group):.4f}"
        if len(held_out) > 1:
            text += f" ± {100 * statistics.stdev(held_out) / len(held_out) ** 0.5:.3f}"
        if tests:
            text += f", test {100 * statistics.mean(tests):.3f} %"
        print(f"{text}  {' '.join(group[0]['flags'])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ternion", default="ternion")
    parser.add_argument("--mnist", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the runs")
    parser.add_argument("configurations", nargs="*")
    arguments = parser.parse_args()
    path = os.path.join(arguments.out, "results.jsonl")
    os.makedirs(os.path.join(arguments.out, "runs"), exist_ok=True)
    done = read_results(path)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for name, recipe, seeds, flags in read_configurations(arguments.configurations):
            for seed in seeds:
                if (name, seed) not in done:
                    pool.submit(run, arguments, name, recipe, seed, flags)
    tell(read_results(path))


if __name__ == "__main__":
    main()
