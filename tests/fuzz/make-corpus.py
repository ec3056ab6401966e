#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the small valid files that fuzz-parsers.c mutates: corpus/PARSER/*. Run it in this folder; the result is committed.

Every file is made here, from counters and a fixed generator: the same run gives the same bytes. The exceptions are
statistics/packed.safetensors, statistics/summary.safetensors and safetensors/packed-*.safetensors, which the program itself writes, and statistics/small.safetensors, which its first
version wrote:

    ../tools/make-llama-checkpoint.py tiny --hidden 2 --layers 1 --heads 1 --kv-heads 1 --ff 2 --vocab 257 --context 64 --tied
    ternion calibrate tiny --tokenizer bytes --data corpus/text --samples 2 --seq-len 8 --channel-histograms all --ema-decay 0.9 \\
        --out corpus/statistics/packed.safetensors
    ternion stats export corpus/statistics/packed.safetensors --format safetensors --summary --out corpus/statistics/summary.safetensors
    mkdir small; cp corpus/hf-config/llama.json small/config.json; cp corpus/safetensors/llama.safetensors small/model.safetensors
    ternion quantize small --scheme ternary:c --out corpus/safetensors/packed-ternary.safetensors
    ternion quantize small --scheme int4:asym:g2 --out corpus/safetensors/packed-bits.safetensors
    ternion quantize small --scheme int8 --out corpus/safetensors/packed-int8.safetensors
"""

import json
import os
import struct
import zlib

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus')


def write(parser, name, data):
    folder = os.path.join(HERE, parser)
    os.makedirs(folder, exist_ok=True)
    if isinstance(data, str):
        data = data.encode('utf-8')
    with open(os.path.join(folder, name), 'wb') as file:
        file.write(data)


def noise(count, seed):
    state = seed * 2654435761 % 2**32
    out = bytearray()
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        out.append(state >> 24)
    return bytes(out)


def floats(count, seed):
    return struct.pack('<%df' % count, *((byte - 127.5) / 128 for byte in noise(count, seed)))


# hidden 4, one layer, two heads of which one for keys and values, feed-forward 6, five words
LLAMA = [
    ('model.embed_tokens.weight', (5, 4), 'token_embd.weight'),
    ('model.layers.0.input_layernorm.weight', (4,), 'blk.0.attn_norm.weight'),
    ('model.layers.0.self_attn.q_proj.weight', (4, 4), 'blk.0.attn_q.weight'),
    ('model.layers.0.self_attn.k_proj.weight', (2, 4), 'blk.0.attn_k.weight'),
    ('model.layers.0.self_attn.v_proj.weight', (2, 4), 'blk.0.attn_v.weight'),
    ('model.layers.0.self_attn.o_proj.weight', (4, 4), 'blk.0.attn_output.weight'),
    ('model.layers.0.post_attention_layernorm.weight', (4,), 'blk.0.ffn_norm.weight'),
    ('model.layers.0.mlp.gate_proj.weight', (6, 4), 'blk.0.ffn_gate.weight'),
    ('model.layers.0.mlp.up_proj.weight', (6, 4), 'blk.0.ffn_up.weight'),
    ('model.layers.0.mlp.down_proj.weight', (4, 6), 'blk.0.ffn_down.weight'),
    ('model.norm.weight', (4,), 'output_norm.weight'),
]

CONFIG = {
    'architectures': ['LlamaForCausalLM'], 'model_type': 'llama', 'hidden_size': 4, 'intermediate_size': 6, 'num_hidden_layers': 1,
    'num_attention_heads': 2, 'num_key_value_heads': 1, 'vocab_size': 5, 'max_position_embeddings': 16, 'rms_norm_eps': 1e-5,
    'rope_theta': 10000.0, 'hidden_act': 'silu', 'bos_token_id': 1, 'eos_token_id': [2], 'tie_word_embeddings': True,
}


def count_of(shape):
    count = 1
    for size in shape:
        count *= size
    return count


def safetensors(tensors, metadata=None, padding=8):
    header, data = {}, b''
    if metadata is not None:
        header['__metadata__'] = metadata
    for name, dtype, shape, content in tensors:
        header[name] = {'dtype': dtype, 'shape': list(shape), 'data_offsets': [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % padding)
    return struct.pack('<Q', len(text)) + text + data


def make_safetensors():
    write('safetensors', 'one.safetensors', safetensors([('a', 'F32', (2,), struct.pack('<2f', 1, 2))]))
    write('safetensors', 'llama.safetensors',
          safetensors([(name, 'F32', shape, floats(count_of(shape), i)) for i, (name, shape, _) in enumerate(LLAMA)], {'format': 'pt'}))
    sizes = {'BOOL': 1, 'U8': 1, 'I8': 1, 'F8_E5M2': 1, 'F8_E4M3': 1, 'F8_E8M0': 1, 'I16': 2, 'U16': 2, 'F16': 2, 'BF16': 2, 'I32': 4,
             'U32': 4, 'F32': 4, 'C64': 8, 'F64': 8, 'I64': 8, 'U64': 8}
    write('safetensors', 'types.safetensors',
          safetensors([(dtype.lower(), dtype, (3, 1), noise(3 * size, size)) for dtype, size in sizes.items()] +
                      [('scalar', 'F32', (), floats(1, 1)), ('empty', 'F32', (0, 7), b''), ('four', 'F4', (2, 2), b'ab')], {'a': 'é', 'b': ''}, 7))


def string(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack('<Q', len(data)) + data


def value(kind, content):
    formats = {0: '<B', 1: '<b', 2: '<H', 3: '<h', 4: '<I', 5: '<i', 6: '<f', 7: '<?', 10: '<Q', 11: '<q', 12: '<d'}
    if kind == 8:
        return string(content)
    if kind == 9:
        element, items = content
        return struct.pack('<IQ', element, len(items)) + b''.join(value(element, item) for item in items)
    return struct.pack(formats[kind], content)


def gguf(values, tensors, version=3, alignment=32):
    head = b'GGUF' + struct.pack('<IQQ', version, len(tensors), len(values))
    for key, kind, content in values:
        head += string(key) + struct.pack('<I', kind) + value(kind, content)
    data = b''
    for name, kind, dims, content in tensors:
        head += string(name) + struct.pack('<I', len(dims)) + b''.join(struct.pack('<Q', size) for size in dims)
        head += struct.pack('<IQ', kind, len(data))
        data += content + bytes(-len(content) % alignment)
    return head + bytes(-len(head) % alignment) + data


def llama_values():
    return [
        ('general.architecture', 8, 'llama'), ('general.name', 8, 'tiny'), ('llama.context_length', 4, 16), ('llama.embedding_length', 4, 4),
        ('llama.block_count', 4, 1), ('llama.feed_forward_length', 4, 6), ('llama.attention.head_count', 4, 2),
        ('llama.attention.head_count_kv', 4, 1), ('llama.rope.dimension_count', 4, 2), ('llama.rope.freq_base', 6, 10000.0),
        ('llama.attention.layer_norm_rms_epsilon', 6, 1e-5), ('tokenizer.ggml.model', 8, 'llama'),
        ('tokenizer.ggml.tokens', 9, (8, ['<unk>', '<s>', '</s>', '▁a', 'b'])), ('tokenizer.ggml.scores', 9, (6, [0.0, 0.0, 0.0, -1.0, -2.0])),
        ('tokenizer.ggml.token_type', 9, (5, [2, 3, 3, 1, 1])), ('tokenizer.ggml.bos_token_id', 4, 1), ('tokenizer.ggml.eos_token_id', 4, 2),
    ]


def make_gguf():
    write('gguf', 'llama.gguf',
          gguf(llama_values(), [(name, 0, tuple(reversed(shape)), floats(count_of(shape), i)) for i, (_, shape, name) in enumerate(LLAMA)]))
    blocks = {0: 1024, 1: 512, 2: 144, 3: 160, 6: 176, 7: 192, 8: 272, 12: 144, 14: 210, 24: 256, 25: 512, 26: 1024, 27: 2048, 28: 2048, 30: 512,
              34: 54, 35: 66, 10: 84, 36: 96, 39: 136, 42: 72, 99: 64}
    write('gguf', 'types.gguf',
          gguf([('general.architecture', 8, 'bitnet')] + [('k.%d' % kind, kind, 1) for kind in (0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12)],
               [('t%d' % kind, kind, (256,), noise(size, kind)) for kind, size in blocks.items()]))
    merges = ['a b', 'ab c', 'Ġ a']
    write('gguf', 'bpe.gguf',
          gguf([('general.architecture', 8, 'gpt2'), ('general.alignment', 4, 64), ('tokenizer.ggml.model', 8, 'gpt2'),
                ('tokenizer.ggml.pre', 8, 'gpt-2'), ('tokenizer.ggml.tokens', 9, (8, ['a', 'b', 'c', 'ab', 'abc', 'Ġ', 'Ġa', '<|endoftext|>'])),
                ('tokenizer.ggml.token_type', 9, (5, [1, 1, 1, 1, 1, 1, 1, 3])), ('tokenizer.ggml.merges', 9, (8, merges)),
                ('tokenizer.ggml.bos_token_id', 4, 7), ('tokenizer.ggml.eos_token_id', 4, 7)], [], 2, 64))


# hidden 16, one layer, two heads of which one for keys and values, feed-forward 20, five words
BITNET = [
    ('model.embed_tokens.weight', (5, 16), 'token_embd.weight'),
    ('model.layers.0.input_layernorm.weight', (16,), 'blk.0.attn_norm.weight'),
    ('model.layers.0.self_attn.q_proj.weight', (16, 16), 'blk.0.attn_q.weight'),
    ('model.layers.0.self_attn.k_proj.weight', (8, 16), 'blk.0.attn_k.weight'),
    ('model.layers.0.self_attn.v_proj.weight', (8, 16), 'blk.0.attn_v.weight'),
    ('model.layers.0.self_attn.o_proj.weight', (16, 16), 'blk.0.attn_output.weight'),
    ('model.layers.0.self_attn.attn_sub_norm.weight', (16,), 'blk.0.attn_sub_norm.weight'),
    ('model.layers.0.post_attention_layernorm.weight', (16,), 'blk.0.ffn_norm.weight'),
    ('model.layers.0.mlp.gate_proj.weight', (18, 16), 'blk.0.ffn_gate.weight'),
    ('model.layers.0.mlp.up_proj.weight', (18, 16), 'blk.0.ffn_up.weight'),
    ('model.layers.0.mlp.down_proj.weight', (16, 18), 'blk.0.ffn_down.weight'),
    ('model.layers.0.mlp.ffn_sub_norm.weight', (18,), 'blk.0.ffn_sub_norm.weight'),
    ('model.norm.weight', (16,), 'output_norm.weight'),
]
BITNET_CONFIG = {
    **CONFIG, 'model_type': 'bitnet', 'hidden_size': 16, 'intermediate_size': 18, 'hidden_act': 'relu2',
    'quantization_config': {'quant_method': 'bitnet', 'linear_class': 'autobitlinear', 'quantization_mode': 'offline',
                            'modules_to_not_convert': ['lm_head']},
}


def codes(count, seed):
    return bytes(byte % 3 for byte in noise(count, seed))


def pack_huggingface(rows, columns, seed):
    content, stride = codes(rows * columns, seed), (rows + 3) // 4
    packed = bytearray(stride * columns)
    for i, code in enumerate(content):
        row, column = divmod(i, columns)
        packed[row % stride * columns + column] |= code << 2 * (row // stride)
    return bytes(packed)


def pack_i2_s(count, seed):
    packed = bytearray(count // 4)
    for i, code in enumerate(codes(count, seed)):
        packed[i // 128 * 32 + i % 32] |= code << (6 - 2 * (i % 128 // 32))
    return bytes(packed) + struct.pack('<f', 0.5) + bytes(28)


def make_bitnet():
    tensors = []
    for i, (name, shape, _) in enumerate(BITNET):
        if '_proj' not in name:
            tensors.append((name, 'F32', shape, floats(count_of(shape), i)))
            continue
        tensors.append((name, 'U8', ((shape[0] + 3) // 4, shape[1]), pack_huggingface(*shape, i)))
        tensors.append((name + '_scale', 'BF16', (1,), struct.pack('<H', 0x3f00)))
    write('hf-bitnet', 'packed.safetensors', safetensors(tensors))
    write('hf-config', 'bitnet.json', json.dumps(BITNET_CONFIG))
    values = [('general.architecture', 8, 'bitnet-b1.58')] + [
        ('bitnet-b1.58.' + key, 4, number) for key, number in (
            ('context_length', 16), ('embedding_length', 16), ('block_count', 1), ('feed_forward_length', 18), ('attention.head_count', 2),
            ('attention.head_count_kv', 1))] + [('bitnet-b1.58.attention.layer_norm_rms_epsilon', 6, 1e-5)]
    tensors = []
    for i, (_, shape, name) in enumerate(BITNET):
        count = count_of(shape)
        if len(shape) == 2 and count % 128 == 0:
            tensors.append((name, 36, tuple(reversed(shape)), pack_i2_s(count, i)))
        elif 'ffn_up' in name:
            tensors.append((name, 0, tuple(reversed(shape)), struct.pack('<%df' % count, *(code - 1.0 for code in codes(count, i)))))
            tensors.append((name.replace('.weight', '.scale'), 0, (1,), struct.pack('<f', 0.25)))
        else:
            tensors.append((name, 0, tuple(reversed(shape)), floats(count, i)))
    write('gguf', 'bitnet.gguf', gguf(values, tensors))


def make_llama2c():
    fields = (4, 6, 1, 2, 1, 5, 8)
    shapes = {name: count_of(shape) for _, shape, name in LLAMA}
    total = sum(shapes.values())
    write('llama2c', 'v0.bin', struct.pack('<7i', *fields) + floats(total + 8 * 2, 1))
    write('llama2c', 'v0-untied.bin', struct.pack('<7i', 4, 6, 1, 2, 1, -5, 8) + floats(total + 8 * 2 + 20, 2))
    head = struct.pack('<Ii7iB', 0x616b3432, 1, *fields, 1)
    write('llama2c', 'v1.bin', head + bytes(256 - len(head)) + floats(total, 3))
    head = struct.pack('<Ii7iBi', 0x616b3432, 2, *fields, 1, 2)
    body = floats(12, 4)
    for i, count in enumerate(count for count in shapes.values() if count != 4):
        body += noise(count, i) + floats(count // 2, i)
    write('llama2c', 'v2.bin', head + bytes(256 - len(head)) + body)


def make_text():
    write('hf-config', 'llama.json', json.dumps(CONFIG, indent=1))
    write('hf-config', 'scaled.json', json.dumps({**CONFIG, 'head_dim': 2, 'rope_scaling': {'type': 'linear', 'factor': 2.0}}))
    write('hf-config', 'quantized.json', json.dumps({**CONFIG, 'quantization_config': {'quant_method': 'bitnet', 'modules': ['lm_head']}}))
    write('hf-config', 'gpt2.json', json.dumps({'model_type': 'gpt2', 'n_embd': 4, 'n_layer': 1, 'task_specific_params': {'a': {'b': None}}}))
    write('index', 'index.json', json.dumps({'metadata': {'total_size': 8},
                                             'weight_map': {name: 'shard.safetensors' for name, _, _ in LLAMA}}, indent=1))
    write('json', 'all.json', '{"a":[1,-2.5e-3,true,false,null,"\\u00e9\\ud83d\\ude00\\n\\"\\\\\\/é😀",{}],"b":{"c":[[[[]]]]},"":0}\n')
    write('json', 'names.json', json.dumps({'name%d' % i: i for i in range(40)}))
    write('json', 'deep.json', '[' * 64 + ']' * 64)


def make_tokenizers():
    write('gguf-tokenizer', 'spm.gguf', gguf(llama_values(), []))
    write('gguf-tokenizer', 'bpe.gguf',
          gguf([('general.architecture', 8, 'gpt2'), ('tokenizer.ggml.model', 8, 'gpt2'), ('tokenizer.ggml.pre', 8, 'gpt-2'),
                ('tokenizer.ggml.tokens', 9, (8, ['a', 'b', 'c', 'ab', 'abc', 'Ġ', 'Ġa', '<|endoftext|>'])),
                ('tokenizer.ggml.token_type', 9, (5, [1, 1, 1, 1, 1, 1, 1, 3])), ('tokenizer.ggml.merges', 9, (8, ['a b', 'ab c', 'Ġ a']))], []))
    vocabulary = {token: i for i, token in enumerate(['a', 'b', 'c', 'ab', 'abc', 'Ġ', 'Ġa', 'O', 'n'])}
    bpe = {'version': '1.0', 'truncation': None, 'padding': None,
           'added_tokens': [{'id': 9, 'content': '<|endoftext|>', 'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': False,
                             'special': True}],
           'normalizer': None, 'pre_tokenizer': {'type': 'ByteLevel', 'add_prefix_space': False, 'trim_offsets': True, 'use_regex': True},
           'post_processor': None, 'decoder': {'type': 'ByteLevel'},
           'model': {'type': 'BPE', 'dropout': None, 'unk_token': None, 'continuing_subword_prefix': None, 'end_of_word_suffix': None,
                     'fuse_unk': False, 'byte_fallback': False, 'vocab': vocabulary, 'merges': ['a b', 'ab c', 'Ġ a']}}
    write('tokenizer-json', 'strings.json', json.dumps(bpe, ensure_ascii=False, indent=1))
    bpe['model']['merges'] = [['a', 'b'], ['ab', 'c']]
    bpe['model']['ignore_merges'] = True
    write('tokenizer-json', 'pairs.json', json.dumps(bpe))
    pieces = ['<unk>', '\n<s>\n', '\n</s>\n'] + ['<0x%02X>' % byte for byte in range(256)] + [' ', 'a', 'b', ' a', 'ab', 'e', 't', 'te']
    data = struct.pack('<I', max(len(piece) for piece in pieces))
    for i, piece in enumerate(pieces):
        data += struct.pack('<fI', -float(i), len(piece.encode())) + piece.encode()
    write('tokenizer-bin', 'tokenizer.bin', data)


def make_data():
    tokens = [i * 31 % 257 for i in range(100)]
    write('token-file', 'plain.bin', struct.pack('<100H', *tokens))
    write('token-file', 'llmc-2.bin', struct.pack('<256i', 20240520, 1, 100, *([0] * 253)) + struct.pack('<100H', *tokens))
    write('token-file', 'llmc-4.bin', struct.pack('<256i', 20240801, 7, 100, *([0] * 253)) + struct.pack('<100I', *tokens))
    write('text', 'stories.txt', 'One day a fox sat by the lake.\n<|endoftext|>\n\n  Ünïcode 漢字 🦜 ends here. \n<|endoftext|>\nThe last one is short.\n')
    write('text', 'plain.txt', 'word ' * 60)


def npy(dtype, shape, data):
    header = ("{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (dtype, tuple(shape))).encode()
    header += b' ' * (-(11 + len(header)) % 64) + b'\n'
    return b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header + data


def zipped(members, deflate):
    """A zip file without the time of its making."""
    content, directory = b'', b''
    for name, data in members:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(data) + packer.flush() if deflate else data
        common = struct.pack('<HHHHHIIIHH', 20, 0, 8 if deflate else 0, 0, 0x21, zlib.crc32(data), len(packed), len(data), len(name), 0)
        directory += b'PK\x01\x02' + struct.pack('<H', 20) + common + struct.pack('<HHHII', 0, 0, 0, 0, len(content)) + name.encode()
        content += b'PK\x03\x04' + common + name.encode() + packed
    return content + directory + b'PK\x05\x06' + struct.pack('<HHHHIIH', 0, 0, len(members), len(members), len(directory), len(content), 0)


def gzipped(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def make_arrays():
    ids = struct.pack('<24H', *(i * 31 % 257 for i in range(24)))
    write('jsonl', 'lines.jsonl', '{"text":"One day a fox sat by the lake.","n":1}\n{"id":[{}],"text":"\\u00dcn\\ud83e\\udd9c\\n"}\n\n{"text":null}\n')
    write('csv', 'rows.csv', 'id,text\r\n1,"One day, a ""fox""\nsat"\r\n2,short\n\n3,\n')
    write('npy', 'ids.npy', npy('<u2', (24,), ids))
    write('npy', 'rows.npy', npy('>i8', (3, 8), struct.pack('>24q', *range(24))))
    write('array-npy', 'doubles.npy', npy('>f8', (6,), struct.pack('>6d', 0, 1, -2.5, 3e300, 4, 5)))
    write('array-npy', 'floats.npy', npy('<f4', (2, 3, 4), floats(24, 3)))
    write('npz', 'stored.npz', zipped([('a.npy', npy('<u2', (24,), ids)), ('b.npy', npy('<i4', (2, 3), bytes(24)))], False))
    write('npz', 'deflated.npz', zipped([('a.npy', npy('<u2', (24,), ids)), ('b.npy', npy('<i4', (2, 3), bytes(24)))], True))
    write('idx', 'images', struct.pack('>BBBBIII', 0, 0, 8, 3, 3, 4, 5) + noise(60, 1))
    write('idx', 'floats', struct.pack('>BBBBI', 0, 0, 0x0d, 1, 6) + floats(6, 1))
    write('csv-numbers', 'table.csv', 'a,b\n1,-2.5\n3e4, nan\n\n-inf,0x1p3\n')
    write('gzip', 'images.gz', gzipped(struct.pack('>BBBBIII', 0, 0, 8, 3, 3, 4, 5) + noise(60, 2)))
    write('gzip', 'array.gz', gzipped(npy('<f2', (5, 4), noise(40, 3))))
    write('text', 'packed.txt', gzipped(b'word ' * 60) + gzipped(b'and another member'))


def make_calibration():
    write('list', 'records', '# chosen\n5\n 17 # good\n\n0\n')
    write('list', 'sizes', '0.5\n1e3\n0\n2\n')
    write('calibrate-config', 'whole.conf', '# a run\n[model]\nmodel=a b\nsites=in,out\n\n[data]\ndata=x.txt;y\\;z;\nfield=body\n\n[sample]\nsampler=stratified\n'
          'strata=file\nsamples=64\nseq-len=128\nseed=-1\nshard=2/3\n\n[statistics]\npercentiles=1, 50,99.9\nranges=channel\nema-decay=0.9\n\n'
          '[run]\nout=o\nbatch-size=3\nmemory-limit=1.5GiB\ntime-limit=15min\nstop-when-stable=2%\nconfidence=0.9\n')
    write('calibrate-config', 'small.conf', '[sample]\nindices=list\n')


def make_plans():
    write('plan', 'whole.plan', '# a plan\n[plan]\nformat=1\nfingerprint=0123456789abcdef\n\n[weights]\nblk.0.attn_q.weight=int8:c\n'
                                'blk.*.ffn_down.weight = int4:g32\nblk.*=ternary\ntoken_embd.weight=keep\n\n[activations]\n*=int8:t\n')
    write('plan', 'small.plan', '[plan]\nformat=1\n')


def make_analyses():
    estimate = {'value': 0.25, 'low': -1e-3, 'high': 'inf', 'n': 8}
    output = {'nmse': 0.01, 'sqnr_db': 20.0, 'cosine': 0.99, 'maximum': 3, 'weights': 0.01, 'inputs': 0, 'interaction': 0, 'inherited': None,
              'cross': -0.0}
    cell = {'bits': 4.25, 'bytes': 4.25, 'weight': {'bits': 4.25, 'mse': 1e-5, 'sqnr_db': 22.1, 'cosine': 1, 'zero_fraction': 0.1,
            'scale': None, 'zero_point': None}, 'alone': output, 'accumulated': None, 'fisher': estimate, 'taylor': None, 'hessian': None,
            'measured': estimate, 'stopped': True}
    layers = [{'name': 'blk.%d.ffn_up.weight' % i, 'site': 'blk.%d.ffn_up.in' % i, 'block': i, 'rows': 2, 'columns': 4, 'group': i,
               'cells': [cell, None], 'carriers': [{'kind': 'token', 'index': 1, 'position': 2, 'token': 3, 'share': 0.5},
                                                   {'kind': 'input_channel', 'index': 0, 'share': 0.9}],
               'findings': [{'kind': 'heavy_tail', 'value': 30.5, 'limit': 10, 'index': None}]} for i in range(2)]
    document = {'format': 'ternion-analysis', 'version': 1, 'model': {'name': 'a.gguf', 'fingerprint': '0123456789abcdef'},
                'data': {'name': None, 'fingerprint': '00000000000000ff'}, 'seed': '18446744073709551615', 'backend': 'OpenBLAS',
                'statistics': None, 'seq_len': 32, 'score_samples': 4, 'measure_samples': 4, 'error_samples': 2,
                'schemes': ['int4:g4', 'ternary:ls'], 'activations': 'int8:t', 'carriers_scheme': 0, 'loss': estimate,
                'agreement': {'fisher': {'spearman': 0.9, 'spearman_low': 0.5, 'spearman_high': 1, 'kendall': 0.8, 'n': 5}},
                'checks': [{'title': 'int4 everywhere', 'schemes': [0, -1], 'bits': 4.25, 'bytes': 8, 'predicted': 0.1, 'measured': estimate}],
                'layers': layers, 'correlations': [[1], [0.5, 1]]}
    write('analysis', 'whole.json', json.dumps(document, separators=(',', ':')))
    small = {**document, 'layers': [], 'checks': [], 'schemes': [], 'correlations': None}
    write('analysis', 'small.json', json.dumps(small))
    points = [{'step': step, 'checkpoint': 'step-%08d.checkpoint.safetensors' % step, 'analysis': small} for step in (10, 20)]
    write('trend', 'small.json', json.dumps({'format': 'ternion-trend', 'version': 1, 'run': 'out', 'points': points}))
    write('trend', 'whole.json', json.dumps({'format': 'ternion-trend', 'version': 1, 'run': None, 'points': [{'step': 7, 'checkpoint': None, 'analysis': document}]}))


def make_activation_scales():
    write('activation-scales', 'int8.json', '{"scheme":"int8","sites":{"blk.0.attn_q.in":[0.015625,0],"blk.0.ffn_down.in":[1e-3,0]}}')
    write('activation-scales', 'asym.json', '{"sites":{"a":[0,255],"b":[3.5,7]},"scheme":"int8:asym"}')


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def checkpoint(arrays, fields, step):
    metadata = {'fields': fields, 'format': 'ternion.checkpoint', 'model': 'fedcba9876543210', 'step': str(step), 'version': '1'}
    content = b''.join(key.encode() + b'\0' + metadata[key].encode() + b'\0' for key in sorted(metadata))
    for name, dtype, shape, data in sorted(arrays):
        content += name.encode() + b'\0' + dtype.encode() + b'\0' + struct.pack('<%dQ' % len(shape), *shape) + data
    return safetensors(arrays, {**metadata, 'crc32c': '%08x' % crc32c(content)})


def make_checkpoints():
    write('checkpoint', 'whole.safetensors',
          checkpoint([('optimizer/moments', 'F64', (2,), struct.pack('<2d', 1, 2)), ('model/w', 'F32', (2, 3), floats(6, 1)),
                      ('optimizer/codes', 'U8', (3,), b'abc')],
                     '{"count":3,"large":"18446744073709551615","loss":2.5e-1,"nan":"nan","recipe":"[recipe]\\nname=é"}', 1234))
    write('checkpoint', 'empty.safetensors', checkpoint([], '{}', 0))


if __name__ == '__main__':
    make_checkpoints()
    make_activation_scales()
    make_safetensors()
    make_gguf()
    make_bitnet()
    make_llama2c()
    make_text()
    make_tokenizers()
    make_data()
    make_arrays()
    make_plans()
    make_analyses()
    make_calibration()
