#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints torch-golden.inc: what PyTorch computes for the cases of torch_golden_check()."""
import math

import torch

torch.set_default_dtype(torch.float64)


def variable(v, *shape):
    i = torch.arange(math.prod(shape), dtype=torch.float64)
    return torch.sin(0.7 * i + v + 0.3).reshape(shape).requires_grad_(True)


def sums(x):
    x = x.detach().reshape(-1)
    return f"{{{x.sum().item():.15g}, {(x * (torch.arange(len(x)) % 7 - 3)).sum().item():.15g}}}"


def case(name, value, variables):
    value = value.reshape(-1)
    (value * torch.cos(0.9 * torch.arange(len(value)))).sum().backward()
    print(f'    {{"{name}", {{{", ".join(sums(x) for x in [value] + [v.grad for v in variables])}}}}},')


def rotate(x, layout, base):
    n, length, heads, d = x.shape
    frequency = base ** (-2 * torch.arange(d // 2) / d)
    angle = (torch.arange(length)[:, None] * frequency)[None, :, None, :]
    # as in the tables of the engine: rounded to float32
    c, s = (f(angle).float().double() for f in (torch.cos, torch.sin))
    if layout == "interleaved":
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * c - b * s, a * s + b * c], -1).reshape(x.shape)
    a, b = x[..., : d // 2], x[..., d // 2 :]
    return torch.cat([a * c - b * s, a * s + b * c], -1)


def attention(layout):
    n, length, heads, heads_kv, d = 2, 5, 4, 2, 4
    q, k, v = variable(0, n * length, heads * d), variable(1, n * length, heads_kv * d), variable(2, n * length, heads_kv * d)
    rq = rotate(q.reshape(n, length, heads, d), layout, 100.0).transpose(1, 2)
    rk = rotate(k.reshape(n, length, heads_kv, d), layout, 100.0).transpose(1, 2).repeat_interleave(heads // heads_kv, 1)
    rv = v.reshape(n, length, heads_kv, d).transpose(1, 2).repeat_interleave(heads // heads_kv, 1)
    mask = torch.full((length, length), -math.inf).triu(1)
    out = torch.softmax(rq @ rk.transpose(2, 3) / math.sqrt(d) + mask, -1) @ rv
    case("attention-" + layout, out.transpose(1, 2), [q, k, v])


attention("interleaved")
attention("half-split")
