#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's HistogramObserver on the input of one square linear layer: the peer of bench/core/observer.c.

Answers its start with a line that says what it is, with the BLAS library that is really loaded, and every line "run linearWIDTH"
or "run observedWIDTH" (512, 1024, 2048) on standard input with the seconds that one pass of 1024 tokens took. Alone on a terminal
it measures itself: what the observer adds, median and best of 20 turns.

observer_torch.py --table TERNION [ARRAY.npy…] compares the scales instead: PyTorch's HistogramObserver and MinMaxObserver, and the program
TERNION (calibrate --tensors, stats show), on the same arrays: those given, [tokens, channels] of float32, or else the seven distributions of the
optimality table, 262,144 values each. For every array and 8, 4, 3 and 2 bits on the grid ±(2^(bits-1) - 1) it prints oracle error / achieved error,
the oracle being a search by force on the values; then the medians and worst of each, the time of observing all arrays (16 batches each) and the
peak memory of the process. HistogramObserver looks for a range for 2^8 levels whatever the codes are: that is what it does, and is left so.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

# Its threads must not spin while the other program of the same run measures.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402
from torch.ao.quantization import HistogramObserver, MinMaxObserver  # noqa: E402

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


BITS = (8, 4, 3, 2)
BATCHES = 16


def distributions():
    import numpy

    random = numpy.random.default_rng(1)
    n = 262144
    sign = numpy.where(random.random(n) < 0.5, -1.0, 1.0)
    x = random.standard_normal(n)
    arrays = {
        "gauss": x,
        "laplace": random.laplace(size=n),
        "student3": random.standard_t(3, size=n),
        "gauss-outliers": numpy.where(random.random(n) < 0.001, 20.0, 1.0) * random.standard_normal(n),
        "lognormal": sign * numpy.exp(random.standard_normal(n)),
        "relu-gauss": numpy.maximum(random.standard_normal(n), 0.0),
        "uniform": random.uniform(-1.0, 1.0, size=n),
    }
    return {name: values.astype(numpy.float32).reshape(1024, 256) for name, values in arrays.items()}


def error(values, scale, codes):
    """Mean squared error on the values themselves; values: a tensor of doubles."""
    if not scale > 0.0:
        return float((values * values).mean())
    return float((values - (values / scale).round().clamp(-codes, codes) * scale).square().mean())


def oracle(values, codes):
    """By force: a grid over every scale that can be the best, then finer ones."""
    high = 1.25 * float(values.abs().max()) / codes
    low = 0.3 * float(values.abs().mean()) / codes
    best, best_scale, ratio = float("inf"), high, 0.98
    scale = high
    while scale > low:
        found = error(values, scale, codes)
        if found < best:
            best, best_scale = found, scale
        scale *= ratio
    for _ in range(3):
        center, width = best_scale, 1.0 / ratio
        for k in range(-12, 13):
            found = error(values, center * width ** (k / 12.0), codes)
            if found < best:
                best, best_scale = found, center * width ** (k / 12.0)
        ratio = ratio ** (1.0 / 12.0)
    return best


def observe(kind, arrays):
    """Scales by name and bits, and seconds of observing; in a process of its own, for its memory."""
    scales, seconds = {}, 0.0
    for name, values in arrays.items():
        batches = torch.from_numpy(values).chunk(BATCHES)
        for bits in BITS:
            codes = 2 ** (bits - 1) - 1
            observer = kind(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric, quant_min=-codes, quant_max=codes)
            start = time.perf_counter()
            for batch in batches:
                observer(batch)
            spent = time.perf_counter() - start
            if bits == BITS[0]:
                seconds += spent
            scales[f"{name} {bits}"] = float(observer.calculate_qparams()[0])
    return {"scales": scales, "seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def observe_apart(kind, arrays):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "w") as pipe:
            json.dump(observe(kind, arrays), pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        result = json.load(pipe)
    os.waitpid(child, 0)
    return result


def run_ternion(program, arrays):
    """Ours, from files: what is timed reads them, too."""
    import numpy

    with tempfile.TemporaryDirectory() as folder:
        for name, values in arrays.items():
            numpy.save(os.path.join(folder, name + ".npy"), values)
        files = [os.path.join(folder, name + ".npy") for name in arrays]
        stats = os.path.join(folder, "stats.safetensors")
        options = ["--json", "--workspace", os.path.join(folder, "workspace.db")]
        command = [program, "calibrate", *(f"--tensors={file}" for file in files), "--samples", "0", "--out", stats, *options]
        made = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        results = {"seconds": made["seconds"], "peak": made["peak_rss_bytes"], "scales": {}}
        for method in ("mse", "octav", "kl", "minmax"):
            command = [program, "stats", "show", stats, "--method", method, "--schemes", ",".join(f"int{bits}" for bits in BITS), *options]
            shown = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for site in shown["sites"]:
                for bits in BITS:
                    name = max((array for array in arrays if array in site["name"]), key=len)
                    results["scales"][f"{method} {name} {bits}"] = site["params"][f"int{bits}"]["scale"]
        return results


def print_table(program, paths):
    import numpy

    arrays = {os.path.splitext(os.path.basename(path))[0]: numpy.load(path) for path in paths} if paths else distributions()
    ours = run_ternion(program, arrays)
    peers = {"torch histogram": observe_apart(HistogramObserver, arrays), "torch min-max": observe_apart(MinMaxObserver, arrays)}
    columns = {f"ternion {method}": {key[len(method) + 1:]: scale for key, scale in ours["scales"].items() if key.startswith(method + " ")}
               for method in ("mse", "octav", "kl", "minmax")}
    columns.update({name: peer["scales"] for name, peer in peers.items()})
    ratios = {name: [] for name in columns}
    print(f"{'array':<20} bits " + " ".join(f"{name:>16}" for name in columns))
    for name, values in arrays.items():
        exact = torch.from_numpy(values).double().flatten()
        for bits in BITS:
            codes = 2 ** (bits - 1) - 1
            best = oracle(exact, codes)
            line = []
            for column, scales in columns.items():
                line.append(min(best / error(exact, scales[f"{name} {bits}"], codes), 1.0))
                ratios[column].append(line[-1])
            print(f"{name:<20} {bits:>4} " + " ".join(f"{ratio:>16.4f}" for ratio in line))
    for what, find in (("median", statistics.median), ("worst", min)):
        print(f"{what:<25} " + " ".join(f"{find(values):>16.4f}" for values in ratios.values()))
    n = sum(values.size for values in arrays.values())
    print(f"observing {n} values: ternion {ours['seconds'] * 1e3:.1f} ms with every statistic and reading the files, "
          + ", ".join(f"{name} {peer['seconds'] * 1e3:.1f} ms" for name, peer in peers.items()))
    print(f"peak memory of the process: ternion {ours['peak'] / 2**20:.0f} MiB, "
          + ", ".join(f"{name} {peer['peak'] / 2**20:.0f} MiB" for name, peer in peers.items()))


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "--table":
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
        print_table(sys.argv[2], sys.argv[3:])
        return
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
