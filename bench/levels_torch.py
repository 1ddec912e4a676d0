#!/usr/bin/env python3
"""PyTorch as a peer of bench/levels.cpp: level-wise GRU as a loop over levels, one thread.

    CFM_BENCH_PEERS="python3 bench/levels_torch.py" build/bench/bench/levels

Answers a request with "repeat": 0 by one element of the result, else by seconds.
"""
import functools
import json
import sys
import time

import torch

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


MAKERS = {"level_gru": LevelGru}


@functools.lru_cache(maxsize=1)
def made(key):
    request = json.loads(key)
    return MAKERS[request.pop("workload")](**request)


def main():
    print("ready PyTorch", torch.__version__.split("+")[0].rsplit(".", 1)[0], flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        repeat = int(request.pop("repeat"))
        row, column = int(request.pop("row", 0)), int(request.pop("column", 0))
        try:
            model = made(json.dumps(request, sort_keys=True))
            if repeat == 0:
                print(float(model.run()[row, column]), flush=True)
                continue
            begin = time.thread_time()
            for _ in range(repeat):
                model.run()
            print(time.thread_time() - begin, flush=True)
        except (KeyError, TypeError, RuntimeError) as error:
            print(error, file=sys.stderr)
            print("none", flush=True)


if __name__ == "__main__":
    main()
