#!/usr/bin/env python3
"""Tests of scripts/export_torch.py: names and file writing without torch, the rest where torch is."""

import importlib.util
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "export_torch.py"
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("export_torch", SCRIPT)
export = importlib.util.module_from_spec(spec)
spec.loader.exec_module(export)

HAS_TORCH = importlib.util.find_spec("torch") is not None


def read(path):
    data = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + size]), data[8 + size:]


class Names(unittest.TestCase):
    def rename(self, name, *rules):
        return export.rename_all([name], rules)[name]

    def test_rules(self):
        self.assertEqual(self.rename("a.b.weight", "a.b=c.d"), "c.d.weight")
        self.assertEqual(self.rename("a.b", "a.b=c"), "c")
        self.assertEqual(self.rename("a.bc", "a.b=c"), "a.bc")
        self.assertEqual(self.rename("module.x.y", "module.="), "x.y")
        self.assertEqual(self.rename("convs.3.lin_l.bias", "convs.*.lin_l=layers.*.self"),
                         "layers.3.self.bias")
        self.assertEqual(self.rename("a.1.b.2.w", "a.*.b.*=x.*.*"), "x.1.2.w")
        self.assertEqual(self.rename("w_old", r"^(.*)_old$=\1"), "w")
        self.assertEqual(self.rename("a", "a=b", "a=c"), "b")

    def test_errors(self):
        for rules, text in ((["a"], "OLD=NEW"), (["a=*"], "more \\*"), (["^(=x"], "map")):
            with self.assertRaisesRegex(export.ExportError, text):
                export.rename_all(["a"], rules)
        with self.assertRaisesRegex(export.ExportError, "both be named 'c'"):
            export.rename_all(["a", "b"], ["a=c", "b=c"])
        with self.assertRaisesRegex(export.ExportError, "no rule fits 'b'"):
            export.rename_all(["a", "b"], ["a=c"], strict=True)
        with self.assertRaisesRegex(export.ExportError, "empty name"):
            export.rename_all(["a"], ["a="])

    def test_drop(self):
        self.assertEqual(export.rename_all(["a.x", "a.y"], [], ["*.x"]), {"a.y": "a.y"})


class Files(unittest.TestCase):
    def test_layout(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "t.safetensors")
            tensors = {"b": ("F32", (2,), struct.pack("<2f", 1, 2)), "a": ("U8", (1,), b"\x07"),
                       "c": ("I64", (), struct.pack("<q", -1)), "e": ("F32", (0, 3), b"")}
            export.write_safetensors(path, tensors, {"k": "v"})
            header, data = read(path)
            self.assertEqual(list(header), ["__metadata__", "c", "b", "e", "a"])
            self.assertEqual(header["b"], {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]})
            self.assertEqual(data, struct.pack("<q2f", -1, 1, 2) + b"\x07")
            self.assertEqual((os.path.getsize(path) - len(data)) % 8, 0)
            self.assertEqual(os.listdir(folder), ["t.safetensors"])

    def test_failure_leaves_the_old_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "t.safetensors")
            export.write_safetensors(path, {})
            before = pathlib.Path(path).read_bytes()

            def data():
                raise OSError("disk is gone")

            data.size = 4
            with self.assertRaises(OSError):
                export.write_safetensors(path, {"a": ("F32", (1,), data)})
            self.assertEqual(pathlib.Path(path).read_bytes(), before)
            self.assertEqual(os.listdir(folder), ["t.safetensors"])


class Program(unittest.TestCase):
    def run_script(self, *arguments):
        return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True)

    def test_help_and_errors(self):
        result = self.run_script("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("OLD=NEW", result.stdout)
        result = self.run_script("nowhere.pt", "out")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "^export_torch: ")
        self.assertEqual(result.stderr.count("\n"), 1)

    @unittest.skipUnless(HAS_TORCH, "skipped: torch is not installed")
    def test_torch(self):
        import torch
        with tempfile.TemporaryDirectory() as folder:
            source, target = os.path.join(folder, "m.pt"), os.path.join(folder, "m.safetensors")
            module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
            state = {"epoch": 3, "model": module.state_dict()}
            state["model"]["t"] = torch.arange(6).reshape(2, 3).t()
            torch.save(state, source)
            result = self.run_script(source, target)
            self.assertIn("try --key model", result.stderr)
            result = self.run_script(source, target, "--key", "model", "--map", "0=linear",
                                     "--drop", "*.num_batches_tracked")
            self.assertEqual(result.stderr, "")
            header, data = read(target)
            self.assertEqual(sorted(header), ["1.bias", "1.running_mean", "1.running_var", "1.weight",
                                              "linear.bias", "linear.weight", "t"])
            self.assertEqual(header["t"]["shape"], [3, 2])
            begin, end = header["t"]["data_offsets"]
            self.assertEqual(struct.unpack("<6q", data[begin:end]), (0, 3, 1, 4, 2, 5))
            begin, end = header["linear.weight"]["data_offsets"]
            weight = torch.tensor(struct.unpack("<6f", data[begin:end])).reshape(2, 3)
            self.assertTrue(torch.equal(weight, module[0].weight.detach()))
            result = self.run_script("torch.nn:Linear", target, "--arguments",
                                     '{"in_features": 2, "out_features": 1}', "--dtype", "bfloat16")
            self.assertEqual(result.stderr, "")
            self.assertEqual(read(target)[0]["weight"]["dtype"], "BF16")
            result = self.run_script(source, "--list", "--key", "model")
            self.assertIn("0.weight  float32[2, 3]", result.stdout)


if __name__ == "__main__":
    unittest.main()
