#!/usr/bin/env python3
"""PyTorch as a peer of the benchmarks (bench/remote.hpp): one thread, one request a line.

    CFM_BENCH_PEERS="python3 bench/peer_torch.py" build/bench/bench/attention

Needs torch. ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 hold it to AVX2.
"""
import warnings

import torch
import torch.nn.functional as F

from peer import release, serve

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
torch.manual_seed(1)


def tensors(*shapes, grad=False):
    return [torch.randn(*s, requires_grad=grad) for s in shapes]


def matmul(m, n, k, transposed=False, packed=False):
    a, b = tensors((m, k), (n, k) if transposed else (k, n))
    out = torch.empty(m, n)
    right = b.t() if transposed else b
    return lambda: torch.mm(a, right, out=out)


def attention(batch, heads, n, width, causal=False, train=False, keys=None, kv_heads=None):
    q, = tensors((batch, heads, n, width), grad=train)
    k, v = tensors(*[(batch, kv_heads or heads, keys or n, width)] * 2, grad=train)
    grouped = k.shape[1] != heads

    def run():
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=grouped)
        if train:
            y.backward(q)
            q.grad = k.grad = v.grad = None
    return run


def decode(heads, kv_heads, queries, keys, width, dtype, count):
    kind = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[dtype]
    q = torch.randn(1, heads, queries, width).to(kind)
    caches = [[torch.randn(1, kv_heads, keys, width).to(kind) for _ in "kv"] for _ in range(count)]

    def run(state=[0]):
        k, v = caches[state[0] % count]
        state[0] += 1
        F.scaled_dot_product_attention(q, k, v, enable_gqa=heads != kv_heads)
    return run


def rows(kind, rows, n, train=False):
    x, w, b = tensors((rows, n), (n,), (n,), grad=train)
    dy, = tensors((rows, n))
    labels = torch.randint(n, (rows,))
    forward = {
        "softmax": lambda: F.softmax(x, -1),
        "log_softmax": lambda: F.log_softmax(x, -1),
        "layer_norm": lambda: F.layer_norm(x, (n,), w, b),
        "rms_norm": lambda: F.rms_norm(x, (n,), w),
        "cross_entropy": lambda: F.cross_entropy(x, labels),
        "gelu": lambda: F.gelu(x),
        "gelu_tanh": lambda: F.gelu(x, approximate="tanh"),
        "silu": lambda: F.silu(x),
        "tanh": lambda: torch.tanh(x),
        "sigmoid": lambda: torch.sigmoid(x),
        "exp": lambda: torch.exp(x),
        "dropout": lambda: F.dropout(x, 0.1, True),
        "cumsum": lambda: torch.cumsum(x, -1),
        "sort": lambda: torch.sort(x, -1),
        "topk": lambda: torch.topk(x, 8, -1),
        "transpose": lambda: x.t().contiguous(),
        "sum": lambda: x.sum(-1),
    }[kind]

    def run():
        y = forward()
        if train:
            y.backward(dy if y.dim() else None)
            x.grad = w.grad = b.grad = None
    return run


def adamw(n, count):
    parameters = tensors(*[(n,)] * count, grad=True)
    for p in parameters:
        p.grad = torch.randn(n)
    return torch.optim.AdamW(parameters, fused=True).step


def encoder_step(layers, width, heads, seq, batch):
    layer = torch.nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    x, target = tensors(*[(batch, seq, width)] * 2)

    def run():
        optimizer.zero_grad()
        F.mse_loss(model(x), target).backward()
        optimizer.step()
    return run


def encoder_forward(layers, width, heads, seq, batch):
    layer = torch.nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False).eval()
    x, = tensors((batch, seq, width))

    def run():
        with torch.inference_mode():
            model(x)
    return run


def small_add(record=False):
    a, b = tensors((4, 4), (4, 4), grad=record)
    return lambda: a + b


MAKERS = {"matmul": matmul, "attention": attention, "decode": decode, "rows": rows, "adamw": adamw,
          "encoder_step": encoder_step, "encoder_forward": encoder_forward,
          "small_add": small_add}

if __name__ == "__main__":
    serve("PyTorch " + release(torch.__version__), MAKERS)
