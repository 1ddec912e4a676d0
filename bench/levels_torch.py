#!/usr/bin/env python3
"""PyTorch as a peer of bench/levels.cpp: level-wise GRU as a loop over levels, one thread.

    CFM_BENCH_PEERS="python3 bench/levels_torch.py" build/bench/bench/levels

Answers a request with "repeat": 0 by one element of the result, else by seconds.
"""
import functools

import torch

from peer import release, serve

torch.set_num_threads(1)


def formula(rows, columns, seed):
    k = torch.arange(rows * columns, dtype=torch.float64)
    return (torch.sin(seed + 7 * k) / columns ** 0.5).float().reshape(rows, columns)


class LevelGru:
    def __init__(self, nodes, levels, width, attention, train):
        self.wide, self.levels, self.attention, self.train = nodes // levels, levels, attention, train
        wide = self.wide
        self.sources, self.targets = [], []
        for level in range(1, levels):
            v = torch.arange(level * wide, (level + 1) * wide)
            first = (level - 1) * wide + v * 7919 % wide
            second = v * 104729 % (level * wide)
            self.sources.append(torch.stack([first, second], 1).reshape(-1))
            self.targets.append(torch.arange(wide).repeat_interleave(2))
        h = width
        self.state = formula(nodes, h, 1).requires_grad_(train)
        self.message = torch.nn.Linear(h, h)
        self.cell = torch.nn.GRUCell(h, h)
        self.score = formula(1, h, 8).requires_grad_(train)
        with torch.no_grad():
            self.message.weight.copy_(formula(h, h, 2))
            self.message.bias.copy_(formula(1, h, 7)[0])
            self.cell.weight_ih.copy_(formula(3 * h, h, 3))
            self.cell.weight_hh.copy_(formula(3 * h, h, 4))
            self.cell.bias_ih.copy_(formula(1, 3 * h, 5)[0])
            self.cell.bias_hh.copy_(formula(1, 3 * h, 6)[0])
        self.grad = formula(nodes, h, 9)

    def messages(self, projected, x, targets):
        if self.attention:
            score = (x @ self.score.t()).squeeze(1)
            top = torch.full((self.wide,), -torch.inf).scatter_reduce(0, targets, score.detach(), "amax")
            e = torch.exp(score - top[targets])
            total = torch.zeros(self.wide).index_add(0, targets, e)
            projected = projected * (e / total[targets]).unsqueeze(1)
        return torch.zeros(self.wide, x.shape[1]).index_add(0, targets, projected)

    def forward(self):
        if not self.train:  # in place: one state matrix, the message layer once a node
            h = self.state.clone()
            projected = torch.empty_like(h)
            projected[:self.wide] = self.message(h[:self.wide])
            for level in range(1, self.levels):
                sources, targets = self.sources[level - 1], self.targets[level - 1]
                m = self.messages(projected[sources], h[sources] if self.attention else h[:1], targets)
                own = slice(level * self.wide, (level + 1) * self.wide)
                h[own] = self.cell(m, h[own])
                projected[own] = self.message(h[own])
            return h
        # Autograd wants no writes: sources of earlier levels come from a list, level by level.
        parts = list(self.state.split(self.wide))
        for level in range(1, self.levels):
            sources, targets = self.sources[level - 1], self.targets[level - 1]
            x = self.pick(parts, level, sources)
            m = self.messages(self.message(x), x, targets)
            parts[level] = self.cell(m, parts[level])
        return torch.cat(parts)

    def pick(self, parts, level, sources):
        """Rows of many levels: one index_select a level that is read."""
        plan = self.plan(level)
        rows = torch.cat([parts[k].index_select(0, index) for k, index in plan[0]])
        return rows.index_select(0, plan[1])

    @functools.lru_cache(maxsize=None)
    def plan(self, level):
        sources = self.sources[level - 1]
        order = torch.argsort(sources // self.wide, stable=True)
        at = sources[order]
        picks = [(int(k), at[at // self.wide == k] % self.wide) for k in torch.unique(at // self.wide)]
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order))
        return picks, place

    def run(self):
        if not self.train:
            with torch.inference_mode():
                return self.forward()
        for p in [self.state, self.score, *self.message.parameters(), *self.cell.parameters()]:
            p.grad = None
        self.forward().backward(self.grad)
        return self.cell.weight_ih.grad


class TfMlp(torch.nn.Module):
    """Attention with products a source, softmax over the fan-ins of a node."""

    def __init__(self, inputs, width):
        super().__init__()
        self.attn_lin = torch.nn.Linear(2 * width, 1)
        self.msg_q, self.msg_k, self.msg_v = (torch.nn.Linear(inputs, width) for _ in "qkv")

    def forward(self, x, sources, targets, nodes, count):
        own, other = x(nodes), x(sources)
        q, k, v = self.msg_q(own)[targets], self.msg_k(other), self.msg_v(other)
        score = self.attn_lin(torch.cat([q, k], 1)).squeeze(1)
        top = torch.full((count,), -torch.inf).scatter_reduce(0, targets, score, "amax")
        e = torch.exp(score - top[targets])
        alpha = e / (torch.zeros(count).index_add(0, targets, e)[targets] + 1e-16)
        return torch.zeros(count, v.shape[1]).index_add(0, targets, v * alpha.unsqueeze(1))


class DeepGate2(torch.nn.Module):
    """The level loop of the public code, with the edges of each level and kind found beforehand."""

    def __init__(self, count, width):
        super().__init__()
        size, inputs, h = 500, 20, width
        c = torch.arange(count)
        level = torch.zeros(count, size, dtype=torch.long)
        sources = []
        for v in range(size):
            rows = []
            for k in range(0 if v < inputs else 2 if v % 2 == 0 else 1):
                u = v - 1 - (v * 7919 + c * 104729 + k * 31) % min(v, 60)
                level[:, v] = torch.maximum(level[:, v], level[c, u] + 1)
                rows.append(c * size + u)
            sources.append(rows)
        self.groups = []
        for depth in range(1, int(level.max()) + 1):
            for kind in (0, 1):  # AND, NOT
                circuit, v = torch.nonzero((level == depth) & (torch.arange(size) % 2 == kind),
                                           as_tuple=True)
                if len(v):
                    self.groups.append((kind, circuit * size + v, circuit, v))
        table = torch.zeros(2, count * size, dtype=torch.long)
        for v, rows in enumerate(sources):
            for k, row in enumerate(rows):
                table[k, c * size + v] = row
        self.steps = []
        for kind, nodes, _, _ in self.groups:
            fanins = 2 - kind
            edges = table[:fanins, nodes].t().reshape(-1)
            targets = torch.arange(len(nodes)).repeat_interleave(fanins)
            self.steps.append((kind, nodes, edges, targets))
        self.aggr = torch.nn.ModuleList([TfMlp(h, h), TfMlp(h, h), TfMlp(2 * h, h), TfMlp(h, h)])
        self.update = torch.nn.ModuleList([torch.nn.GRUCell(h, h) for _ in range(4)])
        with torch.no_grad():
            for seed, p in enumerate([p for m in [*self.aggr, *self.update] for p in m.parameters()]):
                p.copy_(formula(p.numel() // p.shape[-1], p.shape[-1], 100 + seed).reshape(p.shape))
        # As the model starts: structure at the inputs, and one function vector for all.
        self.hs = torch.zeros(count, size, h)
        self.hs[:, :inputs] = formula(inputs, h, 1)
        self.hs = self.hs.reshape(count * size, h)
        self.hf = formula(1, h, 2).expand(count * size, h)

    def run(self):
        and_s, not_s, and_f, not_f = self.aggr
        up_and_s, up_and_f, up_not_s, up_not_f = self.update
        with torch.inference_mode():
            hs, hf = self.hs.clone(), self.hf.clone()
            structure, function = hs.__getitem__, hf.__getitem__
            for kind, nodes, sources, targets in self.steps:
                n = len(nodes)
                if kind == 0:
                    hs[nodes] = up_and_s(and_s(structure, sources, targets, nodes, n), hs[nodes])
                    both = lambda rows: torch.cat([hs[rows], hf[rows]], 1)
                    hf[nodes] = up_and_f(and_f(both, sources, targets, nodes, n), hf[nodes])
                else:
                    hs[nodes] = up_not_s(not_s(structure, sources, targets, nodes, n), hs[nodes])
                    hf[nodes] = up_not_f(not_f(function, sources, targets, nodes, n), hf[nodes])
            return hf


MAKERS = {"level_gru": lambda **r: LevelGru(**r).run, "deepgate2": lambda **r: DeepGate2(**r).run}

if __name__ == "__main__":
    serve("PyTorch " + release(torch.__version__), MAKERS,
          element=lambda run, row, column: float(run()[row, column]))
