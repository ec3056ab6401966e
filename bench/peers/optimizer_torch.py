#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A step of AdamW in PyTorch: the peer of bench/training/optimizer.c.

optimizer_torch.py [COUNT]

Answers its start with a line that says what it is, and every line "run NAME" on standard input with the seconds that one step over COUNT
numbers took. Alone on a terminal it measures itself: the best and the median of 20 steps. Of the implementations this PyTorch has for
processors (fused, foreach, one operation after the other) the fastest in a short trial is taken.
"""

import os
import statistics
import sys
import time

# Its threads must not spin while the other program of the same run measures.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402


class Step:
    def __init__(self, count, **options):
        self.options = options
        self.weight = torch.nn.Parameter(torch.randn(count))
        self.weight.grad = torch.randn(count) * 1e-3
        self.optimizer = torch.optim.AdamW([self.weight], lr=1e-6, betas=(0.9, 0.95), weight_decay=0.1, **options)

    def measure(self):
        start = time.perf_counter()
        self.optimizer.step()
        return time.perf_counter() - start


def fastest(count):
    best, found = float("inf"), None
    for options in ({"fused": True}, {"foreach": True}, {"foreach": False}):
        try:
            step = Step(count, **options)
            seconds = min(step.measure() for _ in range(4))
        except (RuntimeError, TypeError, ValueError):
            continue  # this PyTorch does not have it for processors
        if seconds < best:
            best, found = seconds, step
    return found


def main():
    torch.manual_seed(1)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    step = fastest(int(sys.argv[1]) if len(sys.argv) > 1 else 1 << 24)
    print(f"torch {torch.__version__}, AdamW {step.options}, {torch.get_num_threads()} threads", flush=True)
    if sys.stdin.isatty():
        seconds = [step.measure() for _ in range(20)]
        print(f"{min(seconds) * 1e3:.1f} ms best, {statistics.median(seconds) * 1e3:.1f} ms median")
        return
    for line in sys.stdin:
        if line.strip() == "run adamw":
            print(f"{step.measure():.9f}", flush=True)


if __name__ == "__main__":
    main()
