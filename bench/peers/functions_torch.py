#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Causal attention, and a head with cross-entropy, forward and backward in PyTorch: the peer of bench/training/functions.c.

Answers its start with a line that says what it is, and every line "run attention" or "run head" on standard input with the seconds
that one forward and backward pass took. Alone on a terminal it measures itself. PyTorch's fused attention is used where it has one;
rotation, which ours includes, is left out.
"""

import os
import sys
import time

# Its threads must not spin while the other program of the same run measures.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402

WIDTH, HEADS, VOCABULARY, SEQUENCES, LENGTH = 512, 8, 4096, 4, 256


def make(*shape):
    return (torch.rand(*shape) - 0.5).requires_grad_(True)


def attend(q, k, v, mask):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    flat = SEQUENCES * HEADS
    q, k, v = (x.reshape(flat, LENGTH, -1) for x in (q, k, v))
    scores = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=(WIDTH // HEADS) ** -0.5)
    return torch.bmm(torch.softmax(scores, -1), v).view(SEQUENCES, HEADS, LENGTH, -1)


def main():
    torch.manual_seed(1)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    q, k, v = (make(SEQUENCES, HEADS, LENGTH, WIDTH // HEADS) for _ in range(3))
    gradient = torch.rand(SEQUENCES, HEADS, LENGTH, WIDTH // HEADS)
    mask = torch.full((LENGTH, LENGTH), float("-inf")).triu(1)
    x, weight = make(SEQUENCES * LENGTH, WIDTH), make(VOCABULARY, WIDTH)
    targets = torch.randint(VOCABULARY, (SEQUENCES * LENGTH,))

    def measure(name):
        for tensor in (q, k, v, x, weight):
            tensor.grad = None
        start = time.perf_counter()
        if name == "attention":
            attend(q, k, v, mask).backward(gradient)
        else:
            F.cross_entropy(F.linear(x, weight), targets).backward()
        return time.perf_counter() - start

    measure("attention")
    measure("head")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    if sys.stdin.isatty():
        for name in ("attention", "head"):
            print(f"{name}: best {min(measure(name) for _ in range(20)) * 1e3:.1f} ms")
        return
    for line in sys.stdin:
        if line.startswith("run "):
            print(f"{measure(line.split()[1]):.9f}", flush=True)


if __name__ == "__main__":
    main()
