#!/usr/bin/env python3
"""Training steps of a transformer encoder against PyTorch, one thread, steps interleaved.

    bench/transformer_torch.py build/bench/bench/transformer [--rounds 9]

Needs numpy and torch. Both sides start from the same weights; the losses of the first steps are
compared before anything is timed. Times are those that the processes computed. To hold PyTorch to
the instructions that cfm uses, set ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2
ONEDNN_MAX_CPU_ISA=AVX2.
"""
import argparse
import json
import statistics
import struct
import subprocess
import tempfile
import time

import numpy as np
import torch

torch.set_num_threads(1)
DIM, HEADS, HIDDEN, LAYERS, BATCH, POSITIONS = 256, 4, 1024, 4, 8, 256
FORWARD = 2 * BATCH * POSITIONS * LAYERS * (4 * DIM * DIM + 2 * DIM * HIDDEN + 2 * POSITIONS * DIM)


def read_safetensors(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    out = {}
    for name, t in header.items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            array = np.frombuffer(data[begin:end], np.float32).reshape(t["shape"])
            out[name] = torch.from_numpy(array.copy())
    return out


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("program", help="bench/transformer of a release build")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours = subprocess.Popen([args.program, "--serve", folder], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert ours.stdout.readline().strip() == "ready"

        def ask(line):
            ours.stdin.write(line + "\n")
            ours.stdin.flush()
            return float(ours.stdout.readline())

        x, target = (torch.from_numpy(np.load(f"{folder}/{n}.npy")) for n in ("x", "target"))
        layer = torch.nn.TransformerEncoderLayer(DIM, HEADS, HIDDEN, dropout=0.0, batch_first=True)
        model = torch.nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        model.load_state_dict(read_safetensors(f"{folder}/model.safetensors"))
        model.train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

        def step():
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x), target)
            loss.backward()
            optimizer.step()
            return loss.item()

        def forward():
            model.eval()  # takes PyTorch's fused path
            with torch.inference_mode():
                model(x)
            model.train()

        def seconds(f):
            begin = time.process_time()
            f()
            return time.process_time() - begin

        for k in range(3):  # these warm up, too
            a, b = ask("check"), step()
            assert abs(a - b) < 2e-5 * abs(b), f"losses of step {k} differ: {a}, {b}"
        work = [("step", 3, step), ("forward", 1, forward)]
        samples = {(name, who): [] for name, _, _ in work for who in ("cfm", "torch")}
        rates = []
        for _ in range(args.rounds):
            for name, _, f in work:
                rates.append(ask("rate"))
                samples[name, "cfm"].append(ask(name))
                samples[name, "torch"].append(seconds(f))
        rate = max(rates)
        print(f"PyTorch {torch.__version__}, one thread, {args.rounds} interleaved rounds; "
              f"multiply-adds {rate / 1e9:.1f} GFLOP/s")
        for name, passes, _ in work:
            a, b = samples[name, "cfm"], samples[name, "torch"]
            share = passes * FORWARD / min(a) / rate
            ratio = statistics.median(q / p for p, q in zip(a, b))
            print(f"{name:8} cfm {1e3 * min(a):7.1f} ms  torch {1e3 * min(b):7.1f} ms  ratio of "
                  f"medians {statistics.median(b) / statistics.median(a):5.2f}  of pairs {ratio:5.2f}"
                  f"  cfm at {100 * share:3.0f} % of multiply-adds, torch at "
                  f"{100 * passes * FORWARD / min(b) / rate:3.0f} %")
        print(f"peak resident: cfm {ask('resident'):.0f} MB, torch {resident():.0f} MB")
        ours.stdin.close()
        ours.wait()


if __name__ == "__main__":
    main()
