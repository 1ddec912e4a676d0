#!/usr/bin/env python3
"""GAMORA against PyTorch and ABC, one thread, runs interleaved.

    bench/gamora_torch.py build/bench/bench/gamora [--widths 64,256] [--rounds 7] [--train 10]

Needs numpy and torch. Both sides run the same weights on the same graph; the logits are compared
before anything is timed. PyTorch runs its two usual forms, a sparse CSR product and gather with
index_add; the faster one counts. With berkeley-abc on the PATH, its exact extraction (&atree) is
timed too, on the multiplier that ABC generates itself.
"""
import argparse
import json
import re
import shutil
import statistics
import struct
import subprocess
import tempfile
import time
import warnings

import numpy as np
import torch

warnings.filterwarnings("ignore")
torch.set_num_threads(1)


def read_safetensors(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    kinds = {"F32": np.float32, "I64": np.int64}
    out = {}
    for name, t in header.items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            array = np.frombuffer(data[begin:end], kinds[t["dtype"]]).reshape(t["shape"])
            out[name] = torch.from_numpy(array.copy())
    return out


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        sizes = [4, 32, 32, 32, 32]
        pairs = list(zip(sizes, sizes[1:]))
        self.convs = torch.nn.ModuleList()
        for a, b in pairs:
            conv = torch.nn.Module()
            conv.lin_l, conv.lin_r = torch.nn.Linear(a, b), torch.nn.Linear(a, b, bias=False)
            self.convs.append(conv)
        widths = [32, 3, 3, 3]
        self.linear = torch.nn.ModuleList(torch.nn.Linear(32, w, bias=False) for w in widths)
        self.bn0 = torch.nn.BatchNorm1d(32)

    def embed(self, x, mean):
        for conv in self.convs:
            x = torch.relu(conv.lin_l(mean(x)) + conv.lin_r(x))
        return x

    def classify(self, x):
        h = self.bn0(torch.relu(self.linear[0](x)))
        return [head(h) for head in self.linear[1:]]


def decide(out):
    first, second, root = out
    return first.argmax(1), second.argmax(1), (first + second).argmax(1), root.argmax(1)


def measure(program, n, rounds, epochs):
    with tempfile.TemporaryDirectory() as folder:
        ours = subprocess.Popen([program, "--serve", str(n), folder], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert ours.stdout.readline().strip() == "ready"

        def ask(line):
            ours.stdin.write(line + "\n")
            ours.stdin.flush()
            return float(ours.stdout.readline())

        load = lambda name: torch.from_numpy(np.load(f"{folder}/{name}.npy"))
        offsets, columns, x = load("offsets"), load("columns").long(), load("features")
        nodes, degree = len(offsets) - 1, offsets[1:] - offsets[:-1]
        weight = (1 / degree.clamp(min=1).float()).repeat_interleave(degree)
        adjacency = torch.sparse_csr_tensor(offsets, columns, weight, size=(nodes, nodes))
        targets = torch.repeat_interleave(torch.arange(nodes), degree)
        scale = (1 / degree.clamp(min=1).float()).unsqueeze(1)
        forms = {
            "csr": lambda h: adjacency @ h,
            "gather": lambda h: torch.zeros_like(h).index_add(0, targets, h[columns]) * scale,
        }
        net = Net()
        net.load_state_dict(read_safetensors(f"{folder}/model.safetensors"))
        net.eval()
        with torch.inference_mode():
            for mean in forms.values():
                difference = (torch.cat(net.classify(net.embed(x, mean)), 1) - load("logits")).abs().max()
                assert difference < 1e-3, f"logits differ by {difference}"

        def infer(mean):
            start = time.perf_counter()
            with torch.inference_mode():
                decide(net.classify(net.embed(x, mean)))
            return time.perf_counter() - start

        y = [load(name).long() for name in ("first", "second", "root")]
        held = max(1, int(0.2 * nodes))

        def train(mean):
            model = Net()
            optimizer = torch.optim.Adam(model.parameters(), lr=8e-3, weight_decay=5e-5)
            loss_of = torch.nn.functional.cross_entropy
            kept, rest = torch.randperm(nodes).split([held, nodes - held])
            start = time.perf_counter()
            for _ in range(epochs):
                model.train()
                for batch in rest[torch.randperm(len(rest))].split(20):
                    out = model.classify(model.embed(x, mean)[batch])
                    loss = sum(w * loss_of(o, t[batch]) for o, t, w in zip(out, y, (1, 1, 2)))
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                model.eval()
                with torch.no_grad():
                    out = model.classify(model.embed(x, mean)[kept])
                    sum(w * loss_of(o, t[kept]) for o, t, w in zip(out, y, (1, 1, 2))).item()
            return time.perf_counter() - start

        samples = {"cfm": [], "csr": [], "gather": []}
        work = [("cfm", lambda: ask(f"train {epochs}" if epochs else "infer"))]
        work += [(name, lambda mean=mean: (train if epochs else infer)(mean))
                 for name, mean in forms.items()]
        for round in range(rounds + 1):
            for name, run in work:
                seconds = run()
                if round > 0:  # the first round warms up
                    samples[name].append(seconds)
        ours.stdin.close()
        ours.wait()
        return {name: statistics.median(s) for name, s in samples.items()}, nodes


def abc_seconds(n):
    if not shutil.which("berkeley-abc"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        script = f"gen -N {n} -m {folder}/m.blif; read {folder}/m.blif; strash; &get; time; &atree; time"
        out = subprocess.run(["berkeley-abc", "-c", script], capture_output=True, text=True).stdout
    found = re.findall(r"elapse: *([0-9.]+) seconds", out)
    return float(found[1]) if len(found) > 1 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("program", help="bench/gamora of a release build")
    parser.add_argument("--widths", default="64,128,256")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--train", type=int, default=0, metavar="EPOCHS",
                        help="time training (on the first width) instead of inference")
    args = parser.parse_args()
    print(f"PyTorch {torch.__version__}, one thread, median of {args.rounds} interleaved rounds")
    print(f"{'n':>6} {'nodes':>10} {'cfm s':>10} {'torch csr':>10} {'gather':>10} {'ratio':>7} {'ABC s':>8}")
    for n in map(int, args.widths.split(",")):
        s, nodes = measure(args.program, n, args.rounds, args.train)
        abc = None if args.train else abc_seconds(n)
        print(f"{n:>6} {nodes:>10} {s['cfm']:>10.4f} {s['csr']:>10.4f} {s['gather']:>10.4f} "
              f"{min(s['csr'], s['gather']) / s['cfm']:>7.2f} {'' if abc is None else f'{abc:8.2f}'}", flush=True)
        if args.train:
            break


if __name__ == "__main__":
    main()
