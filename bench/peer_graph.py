#!/usr/bin/env python3
"""PyTorch, and PyG where it is installed, as peers of graph benchmarks (bench/remote.hpp).

    CFM_BENCH_PEERS="python3 bench/peer_graph.py" build/bench/bench/graph_attention

Forms of a workload: csr is torch.sparse's product, scatter is index_select and index_add_ (what PyG runs without
torch-sparse), pyg is the layer of torch_geometric without its linear maps.
ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 hold it to AVX2.
"""
import functools
import warnings

import numpy
import torch
import torch.nn.functional as F

from peer import release, serve

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
torch.manual_seed(1)


@functools.lru_cache(maxsize=1)
def graph(path):
    with open(path, "rb") as file:
        nodes, edges = numpy.fromfile(file, numpy.int64, 2)
        offsets = torch.from_numpy(numpy.fromfile(file, numpy.int64, nodes + 1))
        columns = torch.from_numpy(numpy.fromfile(file, numpy.int32, edges))
    return offsets, columns


@functools.lru_cache(maxsize=1)
def edge_list(path):
    offsets, columns = graph(path)
    targets = torch.repeat_interleave(torch.arange(len(offsets) - 1), offsets[1:] - offsets[:-1])
    return columns.long(), targets


def spmm(path, width, form):
    offsets, columns = graph(path)
    n = len(offsets) - 1
    x = torch.rand(n, width)
    if form == "csr":
        a = torch.sparse_csr_tensor(offsets.int(), columns, torch.ones(len(columns)), (n, n))
        return lambda: a @ x
    sources, targets = edge_list(path)
    return lambda: torch.zeros(n, width).index_add_(0, targets, x.index_select(0, sources))


def spread_softmax(scores, targets, n):
    index = targets.view(-1, 1).expand_as(scores)
    high = torch.zeros(n, scores.shape[1]).scatter_reduce(0, index, scores.detach(), "amax", include_self=False)
    e = (scores - high.index_select(0, targets)).exp()
    total = torch.zeros(n, scores.shape[1]).index_add(0, targets, e) + 1e-16
    return e / total.index_select(0, targets)


def attention(path, score, heads, width, form, train=False):
    sources, targets = edge_list(path)
    n = len(graph(path)[0]) - 1
    columns = 1 if score == "additive" else width
    q, k = (torch.randn(n, heads, columns, requires_grad=train) for _ in "qk")
    v = torch.randn(n, heads, width, requires_grad=train)
    w = torch.randn(heads, width, requires_grad=train)
    dy = torch.randn(n, heads, width)
    inputs = [q, k, v] + ([w] if score == "leaky_dot" else [])

    def scores(a, b):
        if score == "additive":
            return F.leaky_relu(a + b, 0.2).squeeze(-1)
        if score == "leaky_dot":
            return (F.leaky_relu(a + b, 0.2) * w).sum(-1)
        return (a * b).sum(-1) / width ** 0.5

    if form == "pyg":
        from torch_geometric.nn import MessagePassing
        from torch_geometric.utils import softmax

        class Layer(MessagePassing):
            def __init__(self):
                super().__init__(aggr="add", node_dim=0)

            def forward(self, edges):
                return self.propagate(edges, q=q, k=k, v=v)

            def message(self, q_i, k_j, v_j, index, ptr, size_i):
                return softmax(scores(q_i, k_j), index, ptr, size_i).unsqueeze(-1) * v_j

        layer, edges = Layer(), torch.stack([sources, targets])
        forward = lambda: layer(edges)
    elif form == "scatter":
        def forward():
            alpha = spread_softmax(scores(q.index_select(0, targets), k.index_select(0, sources)), targets, n)
            return torch.zeros(n, heads, width).index_add(0, targets, v.index_select(0, sources) * alpha.unsqueeze(-1))
    else:
        raise KeyError(form)

    def run():
        if not train:
            with torch.inference_mode():
                return forward()
        forward().backward(dy)
        for x in inputs:
            x.grad = None
    return run


class Hoga(torch.nn.Module):
    """The published model: one layer of gated attention among the hops of a node, heads as in its code."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        linear = functools.partial(torch.nn.Linear, bias=False)
        self.features, self.gate = linear(4, width), linear(width, width)
        self.q, self.k, self.v, self.out = (torch.nn.Linear(width, width) for _ in range(4))
        self.norm, self.score = torch.nn.LayerNorm(width), torch.nn.Linear(2 * width, 1)
        self.hidden, self.bn = linear(width, width), torch.nn.BatchNorm1d(width)
        self.classes = torch.nn.ModuleList(linear(width, 3) for _ in range(3))

    def forward(self, hops):
        x = self.features(hops)
        n, slots, width = x.shape
        q, k, v = (f(x).view(n, self.heads, slots, width // self.heads) for f in (self.q, self.k, self.v))
        mixed = self.out(F.scaled_dot_product_attention(q, k, v).reshape(n, slots, width))
        x = torch.relu(self.norm(self.gate(x) * mixed))
        own, others = x[:, :1], x[:, 1:]
        shares = torch.softmax(self.score(torch.cat([own.expand_as(others), others], -1)), 1)
        state = own.squeeze(1) + (shares * others).sum(1)
        h = self.bn(torch.relu(self.hidden(state)))
        return [c(h) for c in self.classes]


def hoga(count, batch, hops, width, heads):
    model, x = Hoga(width, heads).eval(), torch.rand(count, hops + 1, 4)

    def run():
        with torch.inference_mode():
            for part in x.split(batch):
                model(part)
    return run


MAKERS = {"spmm": spmm, "attention": attention, "hoga": hoga}

if __name__ == "__main__":
    serve("PyTorch " + release(torch.__version__), MAKERS)
