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


F = torch.nn.functional


def simple(name, f, *shapes):
    variables = [variable(v, *shape) for v, shape in enumerate(shapes)]
    case(name, f(*variables), variables)


simple("linear", F.linear, (3, 2, 5), (4, 5), (4,))
simple("embedding", lambda table: table[torch.tensor([[2, 0, 2], [5, 5, 2]])], (6, 5))
simple("multiply-columns", lambda x, f: x * f, (3, 5), (5,))
simple("relu", F.relu, (4, 9))
simple("relu2", lambda x: F.relu(x) ** 2, (4, 9))
simple("silu", lambda x: F.silu(3 * x), (4, 9))
simple("gelu", lambda x: F.gelu(3 * x), (4, 9))
simple("gelu-tanh", lambda x: F.gelu(3 * x, approximate="tanh"), (4, 9))
simple("silu-gate", lambda gate, up: F.silu(gate) * up, (3, 7), (3, 7))
simple("relu2-gate", lambda gate, up: F.relu(gate) ** 2 * up, (3, 7), (3, 7))
simple("rms-norm", lambda x, g: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * g, (4, 9), (9,))
simple("layer-norm", lambda x, g, b: F.layer_norm(x, (9,), g, b, 1e-5), (4, 9), (9,), (9,))
simple("conv2d", lambda x, w, b: F.conv2d(x, w, b, stride=(2, 1), padding=(1, 2)), (2, 3, 7, 5), (4, 3, 3, 4), (4,))
simple("max-pool", lambda x: F.max_pool2d(x, (3, 2), stride=(2, 1), padding=(1, 1)), (2, 3, 7, 5))
simple("average-pool", lambda x: F.avg_pool2d(x, (3, 2), stride=(2, 1), padding=(1, 1)), (2, 3, 7, 5))
simple("global-average-pool", lambda x: F.adaptive_avg_pool2d(x, 1), (2, 3, 7, 5))
simple("batch-norm", lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True, eps=1e-5), (3, 4, 2, 5), (4,), (4,))


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
