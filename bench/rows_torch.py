#!/usr/bin/env python3
"""Times the workloads of bench/rows.cpp in PyTorch, one thread: the same names, shapes and bytes.

  python3 bench/rows_torch.py [rounds]      prints `name GB/s`, best of `rounds` by CPU time

For a fair table run both programs in turn, several times, and compare the best of each: other work
on the machine takes bandwidth from whoever runs at that moment. ATEN_CPU_CAPABILITY=avx2 keeps PyTorch
to the instructions that -march=x86-64-v3 gives cfm. What has no out= form allocates its result."""

import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.manual_seed(1)
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5


def report(name, moved, run):
    run()
    best = 1e30
    for _ in range(ROUNDS):
        begin = time.thread_time()
        run()
        best = min(best, time.thread_time() - begin)
    print(f"{name:24s} {moved / best / 1e9:8.2f}", flush=True)


def forward(rows, n):
    x = torch.rand(rows, n) * 8 - 4
    out = torch.empty_like(x)
    gain, bias = torch.rand(n), torch.rand(n)
    size = 4.0 * rows * n
    report("copy", 2 * size, lambda: out.copy_(x))
    report("add", 2 * size, lambda: torch.add(x, x, out=out))
    report("exp", 2 * size, lambda: torch.exp(x, out=out))
    report("tanh", 2 * size, lambda: torch.tanh(x, out=out))
    report("sigmoid", 2 * size, lambda: torch.sigmoid(x, out=out))
    report("gelu", 2 * size, lambda: torch.ops.aten.gelu.out(x, out=out))
    report("silu", 2 * size, lambda: torch.ops.aten.silu.out(x, out=out))
    report("softmax", 2 * size, lambda: torch.softmax(x, 1, out=out))
    report("log_softmax", 2 * size, lambda: torch.log_softmax(x, 1, out=out))
    mean, inv_std = torch.empty(rows, 1), torch.empty(rows, 1)
    report("layer_norm", 2 * size,
           lambda: torch.ops.aten.native_layer_norm.out(x, (n,), gain, bias, 1e-5, out0=out,
                                                        out1=mean, out2=inv_std))
    report("rms_norm", 2 * size, lambda: F.rms_norm(x, (n,), gain))
    report("batch_norm", 3 * size, lambda: F.batch_norm(x, None, None, gain, bias, True))
    report("dropout", 2 * size, lambda: F.dropout(x, 0.1, True))
    report("cumsum_rows", 2 * size, lambda: torch.cumsum(x, 1, out=out))
    report("cumsum_columns", 2 * size, lambda: torch.cumsum(x, 0, out=out))
    report("top_k", size, lambda: torch.topk(x, 8, 1))
    report("sum", size, lambda: x.sum())
    report("transpose", 2 * size, lambda: x.t().contiguous())
    del out


def backward(rows, n):
    x = torch.rand(rows, n) * 8 - 4
    dy = torch.rand(rows, n) - 0.5
    gain, bias = torch.rand(n), torch.rand(n)
    size = 4.0 * rows * n
    y, mean, inv_std = torch.native_layer_norm(x, (n,), gain, bias, 1e-5)
    report("layer_norm_backward", 3 * size,
           lambda: torch.ops.aten.native_layer_norm_backward(dy, x, (n,), mean, inv_std, gain, bias,
                                                             (True, True, True)))
    y = torch.softmax(x, 1)
    report("softmax_backward", 3 * size,
           lambda: torch.ops.aten._softmax_backward_data(dy, y, 1, torch.float32))
    report("gelu_backward", 3 * size, lambda: torch.ops.aten.gelu_backward(dy, x))


def cross_entropy(rows, n):
    x = (torch.rand(rows, n) * 8 - 4).requires_grad_()
    labels = torch.arange(rows) % n
    size = 4.0 * rows * n

    def both():
        x.grad = None
        F.cross_entropy(x, labels).backward()

    with torch.no_grad():
        report("cross_entropy", size, lambda: F.cross_entropy(x, labels))
    report("cross_entropy_both", 3 * size, both)


def adamw(name, shapes):
    params = [torch.rand(s, requires_grad=True) for s in shapes]
    for p in params:
        p.grad = torch.rand_like(p)
    size = 4.0 * sum(p.numel() for p in params)
    for kind, flags in (("", {"foreach": False}), ("_foreach", {"foreach": True}),
                        ("_fused", {"fused": True})):
        optimizer = torch.optim.AdamW(params, lr=1e-3, **flags)
        report(name + kind, 7 * size, optimizer.step)


if __name__ == "__main__":
    with torch.no_grad():
        forward(32768, 1024)
        backward(32768, 1024)
    cross_entropy(4096, 8192)
    adamw("adamw_one", [(16384, 1024)])
    adamw("adamw_many", [(64, 64)] * 2000)
