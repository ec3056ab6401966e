#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The forward pass with loss of a LLaMA-shaped model in PyTorch: the peer of bench/core/forward.c.

forward_torch.py [WIDTH HIDDEN LAYERS HEADS VOCABULARY SEQUENCES LENGTH]

Answers its start with a line that says what it is, with the BLAS library that is really loaded, and every line "run NAME" on
standard input with the seconds that one pass took. Alone on a terminal it measures itself: the best and the median of 20 passes.
The module is written for speed as far as PyTorch 1.13 goes: queries, keys and values in one product, gate and up in one, causal
attention by batched products over heads, rotation by precomputed tables, everything without gradients.
"""

import os
import statistics
import sys
import time

# Its threads must not spin while the other program of the same run measures.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402


def loaded_blas():
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = {line.split()[-1] for line in maps if "blas" in line}
    return ", ".join(sorted(os.path.realpath(path) for path in paths if path.startswith("/"))) or "no BLAS library"


def rotate(x, cosines, sines):
    """Pairs (2i, 2i + 1) of [batch, heads, length, head width]."""
    pairs = x.view(*x.shape[:-1], -1, 2)
    a, b = pairs.unbind(-1)
    return torch.stack((a * cosines - b * sines, a * sines + b * cosines), -1).flatten(-2)


class Norm(nn.Module):
    def __init__(self, width, epsilon=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon) * self.weight


class Block(nn.Module):
    def __init__(self, width, hidden, heads):
        super().__init__()
        self.heads = heads
        self.attention_norm, self.feed_norm = Norm(width), Norm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def attend(self, x, cosines, sines, mask):
        n, length, width = x.shape
        q, k, v = self.qkv(x).view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k = rotate(q, cosines, sines), rotate(k, cosines, sines)
        scale = (width // self.heads) ** -0.5
        flat = n * self.heads
        scores = torch.baddbmm(mask, q.reshape(flat, length, -1), k.reshape(flat, length, -1).transpose(1, 2), alpha=scale)
        attended = torch.bmm(torch.softmax(scores, -1), v.reshape(flat, length, -1))
        return attended.view(n, self.heads, length, -1).transpose(1, 2).reshape(n, length, width)

    def forward(self, x, cosines, sines, mask):
        x = x + self.output(self.attend(self.attention_norm(x), cosines, sines, mask))
        gate, up = self.gate_up(self.feed_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(nn.Module):
    def __init__(self, width, hidden, layers, heads, vocabulary, length):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, hidden, heads) for _ in range(layers))
        self.norm = Norm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        half = width // heads // 2
        angles = torch.outer(torch.arange(length), 10000.0 ** (-torch.arange(half) / half))
        self.cosines, self.sines = angles.cos(), angles.sin()
        self.mask = torch.full((length, length), float("-inf")).triu(1)

    def forward(self, tokens):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cosines, self.sines, self.mask)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def main():
    width, hidden, layers, heads, vocabulary, sequences, length = (int(text) for text in sys.argv[1:8] or (512, 1376, 4, 8, 4096, 4, 256))
    torch.manual_seed(1)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    model = Model(width, hidden, layers, heads, vocabulary, length).eval()
    tokens = torch.randint(vocabulary, (sequences, length))

    def measure():
        start = time.perf_counter()
        with torch.inference_mode():
            model(tokens)
        return time.perf_counter() - start

    measure()
    print(f"torch {torch.__version__}, {loaded_blas()}, {torch.get_num_threads()} threads", flush=True)
    if sys.stdin.isatty():
        times = [measure() * 1e3 for _ in range(20)]
        print(f"best {min(times):.1f} ms, median {statistics.median(times):.1f} ms")
        return
    for line in sys.stdin:
        if line.startswith("run "):
            print(f"{measure():.9f}", flush=True)


if __name__ == "__main__":
    main()
