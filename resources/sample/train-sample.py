#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the bundled sample: a byte-level transformer of about a million parameters on make-stories.py's text.

    apt-get install python3-torch python3-numpy
    resources/sample/train-sample.py --out resources/sample

Writes OUT/config.json, OUT/model.safetensors (f16) and OUT/tokenizer.json (byte-level, no merges, <|bos|> = 256). LLaMA family: RMSNorm, rotary
embedding (half-split), SwiGLU, tied head. It goes on from OUT/training-state.pt if that exists. Takes about 20 minutes on two idle cores.
"""
import argparse
import importlib.util
import json
import math
import os
import struct
import time

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 128, "intermediate_size": 344,
    "num_hidden_layers": 5, "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 257, "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "bos_token_id": 256, "tie_word_embeddings": True,
    "torch_dtype": "float16",
}
BOS = CONFIG["bos_token_id"]


def byte_characters():
    """GPT-2's printable stand-in for each byte."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in visible}
    for n, b in enumerate(b for b in range(256) if b not in table):
        table[b] = chr(256 + n)
    return table


def write_tokenizer(path):
    vocab = {c: b for b, c in byte_characters().items()}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    with open(path, "w", encoding="utf-8") as f:
        json.dump({
            "version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [{"id": BOS, "content": "<|bos|>", "single_word": False, "lstrip": False, "rstrip": False,
                              "normalized": False, "special": True}],
            "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                      "vocab": dict(sorted(vocab.items(), key=lambda item: item[1])), "merges": []},
        }, f, ensure_ascii=False, indent=1)
        f.write("\n")


def write_safetensors(path, tensors):
    header, offset, blobs = {"__metadata__": {"format": "pt"}}, 0, []
    for name in sorted(tensors):
        blob = tensors[name].detach().to(torch.float16).contiguous().numpy().tobytes()
        header[name] = {"dtype": "F16", "shape": list(tensors[name].shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


class Llama:
    def __init__(self, seed):
        torch.manual_seed(seed)
        width, hidden, layers = CONFIG["hidden_size"], CONFIG["intermediate_size"], CONFIG["num_hidden_layers"]
        self.heads = CONFIG["num_attention_heads"]
        p = {"model.embed_tokens.weight": torch.randn(CONFIG["vocab_size"], width) * 0.02, "model.norm.weight": torch.ones(width)}
        for i in range(layers):
            pre = f"model.layers.{i}."
            for name in "qkvo":
                scale = 0.02 / (math.sqrt(2 * layers) if name == "o" else 1)
                p[pre + f"self_attn.{name}_proj.weight"] = torch.randn(width, width) * scale
            p[pre + "mlp.gate_proj.weight"] = torch.randn(hidden, width) * 0.02
            p[pre + "mlp.up_proj.weight"] = torch.randn(hidden, width) * 0.02
            p[pre + "mlp.down_proj.weight"] = torch.randn(width, hidden) * 0.02 / math.sqrt(2 * layers)
            p[pre + "input_layernorm.weight"] = torch.ones(width)
            p[pre + "post_attention_layernorm.weight"] = torch.ones(width)
        self.p = {k: v.requires_grad_(True) for k, v in p.items()}
        half = width // self.heads // 2
        angles = torch.arange(CONFIG["max_position_embeddings"])[:, None] * CONFIG["rope_theta"] ** (-torch.arange(half) / half)
        self.cos, self.sin = angles.cos(), angles.sin()

    def norm(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + CONFIG["rms_norm_eps"]) * self.p[name]

    def rotate(self, x):
        a, b = x.chunk(2, dim=-1)
        cos, sin = self.cos[: x.shape[2]], self.sin[: x.shape[2]]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)

    def loss(self, tokens, targets):
        p, batch, length = self.p, *tokens.shape
        x = p["model.embed_tokens.weight"][tokens]
        mask = torch.full((length, length), -1e9).triu(1)
        for i in range(CONFIG["num_hidden_layers"]):
            pre = f"model.layers.{i}."
            h = self.norm(x, pre + "input_layernorm.weight")
            q, k, v = ((h @ p[pre + f"self_attn.{n}_proj.weight"].T).view(batch, length, self.heads, -1).transpose(1, 2) for n in "qkv")
            q, k = self.rotate(q), self.rotate(k)
            attention = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + mask).softmax(-1) @ v
            x = x + attention.transpose(1, 2).reshape(batch, length, -1) @ p[pre + "self_attn.o_proj.weight"].T
            h = self.norm(x, pre + "post_attention_layernorm.weight")
            gate, up = h @ p[pre + "mlp.gate_proj.weight"].T, h @ p[pre + "mlp.up_proj.weight"].T
            x = x + (F.silu(gate) * up) @ p[pre + "mlp.down_proj.weight"].T
        logits = self.norm(x, "model.norm.weight") @ p["model.embed_tokens.weight"].T
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


def windows(text, length):
    """Rows of [length + 1] tokens: stories behind each other, each led by BOS."""
    stories = [s.strip() for s in text.split("<|endoftext|>")]
    stream = np.concatenate([np.concatenate(([BOS], np.frombuffer(s.encode(), np.uint8))) for s in stories if s]).astype(np.int64)
    rows = (len(stream) - 1) // length
    return torch.from_numpy(np.stack([stream[i * length:(i + 1) * length + 1] for i in range(rows)]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=HERE)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)

    spec = importlib.util.spec_from_file_location("make_stories", os.path.join(HERE, "make-stories.py"))
    make_stories = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_stories)

    def text(seed, size):
        parts, written = [], 0
        for story in make_stories.stories(seed):
            parts.append(story)
            written += len(story)
            if written >= size:
                return "<|endoftext|>".join(parts)

    length = CONFIG["max_position_embeddings"]
    train = windows(text(options.seed + 1000, options.steps * options.batch * length), length)
    held_out = windows(text(options.seed + 2000, 60_000), length)
    model = Llama(options.seed)
    matrices = [v for v in model.p.values() if v.dim() == 2]
    vectors = [v for v in model.p.values() if v.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
                                  lr=options.rate, betas=(0.9, 0.95))
    state_path, first = os.path.join(options.out, "training-state.pt"), 0
    if os.path.exists(state_path):
        state = torch.load(state_path)
        for k, v in state["parameters"].items():
            model.p[k].data.copy_(v)
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    order = np.random.default_rng(options.seed).permutation(len(train))
    started = time.time()
    for step in range(first, options.steps):
        rows = train[order[np.arange(step * options.batch, (step + 1) * options.batch) % len(train)]]
        progress = step / options.steps
        rate = options.rate * min(1.0, (step + 1) / 60) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = model.loss(rows[:, :-1], rows[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(model.p.values()), 1.0)
        optimizer.step()
        if (step + 1) % 100 == 0 or step + 1 == options.steps:
            with torch.no_grad():
                validation = model.loss(held_out[:, :-1], held_out[:, 1:])
            print(f"step {step + 1} loss {loss.item():.4f} held-out {validation.item():.4f} rate {rate:.2e} {time.time() - started:.0f} s", flush=True)
            torch.save({"parameters": {k: v.data for k, v in model.p.items()}, "optimizer": optimizer.state_dict(), "step": step + 1},
                       state_path + ".new")
            os.replace(state_path + ".new", state_path)

    print(sum(v.numel() for v in model.p.values()), "parameters")
    write_safetensors(os.path.join(options.out, "model.safetensors"), model.p)
    write_tokenizer(os.path.join(options.out, "tokenizer.json"))
    with open(os.path.join(options.out, "config.json"), "w", encoding="utf-8") as f:
        json.dump(CONFIG, f, indent=1)
        f.write("\n")
    os.remove(state_path)


if __name__ == "__main__":
    main()
