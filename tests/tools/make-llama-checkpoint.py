#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a Hugging Face directory in the shape of LLaMA with random f16 weights, for trials of memory and speed.

The weights look roughly normal (standard deviation 0.02, another scale every block): a block of such numbers is made once and laid out
again and again from changing places. The same arguments give the same bytes.
"""

import argparse
import json
import os
import random
import struct
import sys
import time

BLOCK_NUMBERS = 1 << 19
SCALES = 16


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('directory', help='made when it does not exist')
    for name, value, text in (('hidden', 2048, 'embedding length'), ('layers', 22, 'number of blocks'), ('heads', 32, 'query heads'),
                              ('kv-heads', 4, 'key and value heads'), ('ff', 5632, 'feed-forward length'), ('vocab', 32000, 'vocabulary'),
                              ('context', 2048, 'longest sequence'), ('seed', 1, 'of the weights')):
        parser.add_argument('--' + name, type=int, default=value, help='%s (%d)' % (text, value))
    parser.add_argument('--tied', action='store_true', help='no head of its own')
    arguments = parser.parse_args()
    if min(arguments.hidden, arguments.layers, arguments.heads, arguments.kv_heads, arguments.ff, arguments.vocab, arguments.context) < 1:
        parser.error('sizes must be positive')
    if arguments.hidden % arguments.heads or arguments.heads % arguments.kv_heads or arguments.hidden // arguments.heads % 2:
        parser.error('heads must divide hidden into an even length, and kv-heads must divide heads')
    return arguments


def list_tensors(arguments):
    hidden, ff = arguments.hidden, arguments.ff
    kv = hidden // arguments.heads * arguments.kv_heads
    tensors = [('model.embed_tokens.weight', (arguments.vocab, hidden))]
    for layer in range(arguments.layers):
        prefix = 'model.layers.%d.' % layer
        tensors += [(prefix + 'input_layernorm.weight', (hidden,)), (prefix + 'mlp.down_proj.weight', (hidden, ff)),
                    (prefix + 'mlp.gate_proj.weight', (ff, hidden)), (prefix + 'mlp.up_proj.weight', (ff, hidden)),
                    (prefix + 'post_attention_layernorm.weight', (hidden,)), (prefix + 'self_attn.k_proj.weight', (kv, hidden)),
                    (prefix + 'self_attn.o_proj.weight', (hidden, hidden)), (prefix + 'self_attn.q_proj.weight', (hidden, hidden)),
                    (prefix + 'self_attn.v_proj.weight', (kv, hidden))]
    tensors.append(('model.norm.weight', (hidden,)))
    if not arguments.tied:
        tensors.append(('lm_head.weight', (arguments.vocab, hidden)))
    return tensors


def count_of(shape):
    return shape[0] * (shape[1] if len(shape) > 1 else 1)


def make_header(tensors):
    header, end = {'__metadata__': {'format': 'pt'}}, 0
    for name, shape in tensors:
        begin, end = end, end + 2 * count_of(shape)
        header[name] = {'dtype': 'F16', 'shape': list(shape), 'data_offsets': [begin, end]}
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    return struct.pack('<Q', len(text)) + text, end


def make_blocks(seed):
    """The same normal numbers at several scales, each block twice in a row so that a slice may begin anywhere in the first half."""
    generator = random.Random(seed)
    # A few thousand distinct values, dealt out by bytes, take the generator a fraction of the time of one number each.
    levels = [struct.pack('<e', generator.gauss(0.0, 0.02)) for _ in range(65536)]
    picks = memoryview(generator.randbytes(2 * BLOCK_NUMBERS)).cast('H')
    base = b''.join([levels[pick] for pick in picks])
    blocks = []
    values = struct.unpack('<%de' % 65536, b''.join(levels))
    for i in range(SCALES):
        scale = 0.5 + 1.5 * i / SCALES
        if i == SCALES // 3:
            block = base
        else:
            scaled = [struct.pack('<e', value * scale) for value in values]
            block = b''.join([scaled[pick] for pick in picks])
        blocks.append(memoryview(block + block))
    return blocks, generator


def write_matrix(file, count, blocks, generator):
    block = blocks[generator.randrange(SCALES)]
    while count > 0:
        n = min(count, BLOCK_NUMBERS)
        start = generator.randrange(BLOCK_NUMBERS)
        file.write(block[2 * start:2 * (start + n)])
        count -= n


def write_config(arguments):
    config = {
        'architectures': ['LlamaForCausalLM'], 'model_type': 'llama', 'hidden_size': arguments.hidden, 'intermediate_size': arguments.ff,
        'num_hidden_layers': arguments.layers, 'num_attention_heads': arguments.heads, 'num_key_value_heads': arguments.kv_heads,
        'vocab_size': arguments.vocab, 'max_position_embeddings': arguments.context, 'rms_norm_eps': 1e-5, 'rope_theta': 10000.0,
        'hidden_act': 'silu', 'bos_token_id': 1, 'eos_token_id': 2, 'tie_word_embeddings': arguments.tied, 'torch_dtype': 'float16',
    }
    with open(os.path.join(arguments.directory, 'config.json'), 'w', encoding='utf-8') as file:
        json.dump(config, file, indent=1)
        file.write('\n')


def main():
    arguments = parse_arguments()
    start = time.monotonic()
    tensors = list_tensors(arguments)
    header, n_bytes = make_header(tensors)
    blocks, generator = make_blocks(arguments.seed)
    os.makedirs(arguments.directory, exist_ok=True)
    write_config(arguments)
    with open(os.path.join(arguments.directory, 'model.safetensors'), 'wb', buffering=0) as file:
        file.write(header)
        for _, shape in tensors:
            if len(shape) == 1:
                file.write(struct.pack('<e', 1.0) * shape[0])
            else:
                write_matrix(file, count_of(shape), blocks, generator)
    seconds = time.monotonic() - start
    print('%d parameters, %.2f GB, %.0f MB/s' % (n_bytes // 2, n_bytes / 1e9, n_bytes / 1e6 / seconds), file=sys.stderr)


if __name__ == '__main__':
    main()
