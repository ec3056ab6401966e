#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Training steps of a LLaMA-shaped model in PyTorch: the peer of bench/training.

training_torch.py [WIDTH HIDDEN LAYERS HEADS VOCABULARY SEQUENCES LENGTH]

Answers its start with a line that says what it is, and every line "run NAME" on standard input with the seconds that one step took:
"fp32" is forward, backward and AdamW in float32; "bitlinear" the same with the layers of the blocks as BitNet b1.58 has them (Ma et al.,
2024): ternary weights by absmean, int8 activations a token, straight-through estimators written with detach(), as every training
script does it. Alone on a terminal it measures itself.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from forward_torch import Model, loaded_blas  # noqa: E402


class BitLinear(nn.Linear):
    def forward(self, x):
        weight_scale = self.weight.abs().mean().clamp(min=1e-5)
        weight = (self.weight / weight_scale).round().clamp(-1, 1) * weight_scale
        weight = self.weight + (weight - self.weight).detach()
        scale = 127.0 / x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
        rounded = (x * scale).round().clamp(-128, 127) / scale
        return F.linear(x + (rounded - x).detach(), weight)


def with_bit_linear(model):
    for block in model.blocks:
        for name, layer in list(block.named_children()):
            if isinstance(layer, nn.Linear):
                setattr(block, name, BitLinear(layer.in_features, layer.out_features, bias=False))
    return model


class Trainer:
    def __init__(self, model, tokens):
        self.model, self.tokens = model, tokens
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1)

    def step(self):
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        self.model(self.tokens).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return time.perf_counter() - start


def main():
    width, hidden, layers, heads, vocabulary, sequences, length = (int(text) for text in sys.argv[1:8] or (512, 1376, 4, 8, 4096, 4, 256))
    torch.manual_seed(1)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    tokens = torch.randint(vocabulary, (sequences, length))
    trainers = {}

    def measure(name):
        if name not in trainers:
            model = Model(width, hidden, layers, heads, vocabulary, length)
            trainers[name] = Trainer(with_bit_linear(model) if name == "bitlinear" else model, tokens)
            trainers[name].step()
        return trainers[name].step()

    print(f"torch {torch.__version__}, {loaded_blas()}, {torch.get_num_threads()} threads", flush=True)
    if sys.stdin.isatty():
        for name in "fp32", "bitlinear":
            times = [measure(name) * 1e3 for _ in range(10)]
            print(f"{name}: best {min(times):.1f} ms, median {statistics.median(times):.1f} ms")
        return
    for line in sys.stdin:
        words = line.split()
        if words[:1] == ["run"]:
            print(f"{measure(words[1]):.9f}", flush=True)


if __name__ == "__main__":
    main()
