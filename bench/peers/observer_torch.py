#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's HistogramObserver on the input of one square linear layer: the peer of bench/core/observer.c.

Answers its start with a line that says what it is, with the BLAS library that is really loaded, and every line "run linearWIDTH"
or "run observedWIDTH" (512, 1024, 2048) on standard input with the seconds that one pass of 1024 tokens took. Alone on a terminal
it measures itself: what the observer adds, median and best of 20 turns.
"""

import os
import statistics
import sys
import time

# Its threads must not spin while the other program of the same run measures.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402
from torch.ao.quantization import HistogramObserver  # noqa: E402

TOKENS = 1024
WIDTHS = (512, 1024, 2048)


def loaded_blas():
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = {line.split()[-1] for line in maps if "blas" in line}
    return ", ".join(sorted(os.path.realpath(path) for path in paths if path.startswith("/"))) or "no BLAS library"


class Case:
    def __init__(self, width):
        self.linear = torch.nn.Linear(width, width, bias=False).eval()
        self.observer = HistogramObserver()
        self.x = torch.randn(TOKENS, width)
        self.measure(True)

    def measure(self, observed):
        start = time.perf_counter()
        with torch.no_grad():
            if observed:
                self.observer(self.x)
            self.linear(self.x)
        return time.perf_counter() - start


def main():
    torch.manual_seed(1)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    cases = {width: Case(width) for width in WIDTHS}
    print(f"torch {torch.__version__}, {loaded_blas()}, {torch.get_num_threads()} threads", flush=True)
    if sys.stdin.isatty():
        for width, case in cases.items():
            pairs = [(case.measure(False), case.measure(True)) for _ in range(20)]
            median = statistics.median(observed / plain for plain, observed in pairs) - 1
            best = min(observed for _, observed in pairs) / min(plain for plain, _ in pairs) - 1
            print(f"width {width}: {median:.1%} median, {best:.1%} best")
        return
    runs = {f"{name}{width}": (width, name == "observed") for width in WIDTHS for name in ("linear", "observed")}
    for line in sys.stdin:
        word, _, name = line.strip().partition(" ")
        if word == "run" and name in runs:
            width, observed = runs[name]
            print(f"{cases[width].measure(observed):.9f}", flush=True)


if __name__ == "__main__":
    main()
