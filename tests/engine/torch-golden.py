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


def targets(rows, vocabulary, modulus):
    return torch.tensor([-1 if modulus and i % modulus == 0 else (i * 7 + 3) % vocabulary for i in range(rows)])


def head(name, z_loss, distillation, tau, modulus):
    x, w = variable(0, 6, 4), variable(1, 9, 4)
    z, t = x @ w.T, targets(6, 9, modulus)
    loss = (1 - distillation) * torch.nn.functional.cross_entropy(z, t, ignore_index=-1)
    loss = loss + z_loss * (torch.logsumexp(z, 1)[t >= 0] ** 2).mean()
    if distillation:
        teacher = variable(2, 6, 9).detach()
        kl = torch.nn.functional.kl_div(
            torch.log_softmax(z / tau, 1), torch.log_softmax(teacher / tau, 1), log_target=True, reduction="batchmean"
        )
        loss = loss + distillation * tau**2 * kl
    case(name, loss, [x, w])


head("head-cross-entropy", 0, 0, 1, 4)
head("head-z-loss", 0.01, 0, 1, 4)
head("head-distillation", 0, 0.5, 2, 0)


def regression(name, loss):
    x, y = variable(0, 4, 6), variable(1, 4, 6)
    case(name, loss(x, y), [x, y])


regression("mse", torch.nn.functional.mse_loss)
regression("l1", torch.nn.functional.l1_loss)
regression("smooth-l1", lambda x, y: torch.nn.functional.smooth_l1_loss(x, y, beta=0.7))
regression("cosine", lambda x, y: (1 - torch.nn.functional.cosine_similarity(x, y)).mean())
x, y, tau = variable(0, 4, 6), variable(1, 4, 6).detach(), 1.7
logs = [torch.log_softmax(v / tau, 1) for v in (x, y)]
case("distillation", tau**2 * torch.nn.functional.kl_div(*logs, log_target=True, reduction="batchmean"), [x])
z = variable(0, 6, 5)
case("cross-entropy-smoothed", torch.nn.functional.cross_entropy(z, targets(6, 5, 4), ignore_index=-1, label_smoothing=0.1), [z])


def penalty(name, loss):
    w = variable(0, 3, 8)
    case(name, loss(w, torch.tensor([[0.375], [0.4375], [0.5]])), [w])


def kurtosis(w, scales):
    d = w - w.mean()
    return (((d**4).mean() / (d**2).mean() ** 2) - 1.8) ** 2


def dampening(w, scales):
    return ((variable(1, 3, 8).detach() - torch.minimum(torch.maximum(w, -scales), scales)) ** 2).sum()


def bins(w, scales):
    codes = torch.clamp(torch.round(w / scales), -2, 1).detach()
    return sum(((w - scales * c)[codes == c] ** 2).mean() for c in range(-2, 2) if (codes == c).any())


penalty("l2", lambda w, scales: (w**2).sum())
penalty("kurtosis", kurtosis)
penalty("dampening", dampening)
penalty("bins", bins)


def relation(name, normalized, tau):
    student, teacher = variable(0, 10, 6), variable(1, 10, 8).detach()
    logs = []
    for x, d in ((student, 3), (teacher, 4)):
        a = x.reshape(2, 5, 2, d).transpose(1, 2)
        if normalized:
            a = torch.nn.functional.normalize(a, dim=-1)
        logs.append(torch.log_softmax(a @ a.transpose(2, 3) / (tau or math.sqrt(d)), -1))
    case(name, torch.nn.functional.kl_div(*logs, log_target=True, reduction="none").sum(-1).mean(), [student])


relation("relation-normalized", True, 0)
relation("relation-plain", False, 0.7)
