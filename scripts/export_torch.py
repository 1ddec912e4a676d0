#!/usr/bin/env python3
"""Turn a PyTorch or PyG state dict into a safetensors file that cfm reads.

  export_torch.py model.pth model.safetensors
  export_torch.py checkpoint.pt out.safetensors --key state_dict --map 'module.=' --drop '*.num_batches_tracked'
  export_torch.py my_package.nets:make_model out.safetensors --arguments '{"width": 32}' --map 'convs.*.lin_l=layers.*.self'

INPUT is a file that torch.save wrote, or package.module:name. The name is a module, a state dict, or
something to call that returns one of them; importing runs that package's code. Files are loaded with
weights_only=True: they run nothing.

Rules OLD=NEW are tried in the order given; the first that fits a name renames it.
  a.b=c.d        the name a.b, and what lies below it: a.b.weight becomes c.d.weight
  module.=       a prefix, here removed
  convs.*.x=l.*  a * stands for one part of a name (no dot); a * on the right takes what it matched
  ^(.*)_old$=\\1  a rule that begins with ^ is a regular expression for the whole name
Names that no rule fits stay as they are, or are an error with --strict.

Needs nothing but Python 3.8 and torch.
"""

import argparse
import ctypes
import fnmatch
import importlib
import json
import os
import re
import struct
import sys
import tempfile

# In the reference's order; files are sorted by it, backwards.
DTYPES = ["BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0",
          "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64",
          "F64", "I64", "U64"]

# torch's names of the types that cfm has.
FROM_TORCH = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "float8_e5m2": "F8_E5M2",
    "float8_e4m3fn": "F8_E4M3", "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "int16": "I16", "uint16": "U16", "float16": "F16", "bfloat16": "BF16", "int32": "I32",
    "uint32": "U32", "float32": "F32", "float64": "F64", "int64": "I64", "uint64": "U64"}


class ExportError(Exception):
    """What the user can mend; printed without a traceback."""


# --- names -----------------------------------------------------------------------------------------


def parse_rule(text):
    """'OLD=NEW' as a function: name -> new name, or None if the rule does not fit."""
    old, equals, new = text.partition("=")
    if not equals or not old:
        raise ExportError(f"--map {text}: write OLD=NEW")
    if old.startswith("^"):
        try:
            pattern = re.compile(old)
            pattern.sub(new, "")
        except (re.error, IndexError) as error:
            raise ExportError(f"--map {text}: {error}")
        return lambda name: pattern.sub(new, name) if pattern.search(name) else None
    if old.count("*") < new.count("*"):
        raise ExportError(f"--map {text}: more * on the right than on the left")
    below = "(.*)" if old.endswith(".") else r"(\..*)?"
    pattern = re.compile("([^.]+)".join(re.escape(part) for part in old.split("*")) + below)

    def rename(name):
        match = pattern.fullmatch(name)
        if not match:
            return None
        found = iter(match.groups())
        parts = new.split("*")
        out = parts[0] + "".join(next(found) + part for part in parts[1:])
        return out + (match.groups()[-1] or "")

    return rename


def rename_all(names, rules, drop=(), strict=False):
    """old name -> new name, without those that match a pattern of `drop`."""
    out, owner = {}, {}
    rules = [parse_rule(rule) for rule in rules]
    for name in names:
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in drop):
            continue
        new = next((n for n in (rule(name) for rule in rules) if n is not None), None)
        if new is None and strict and rules:
            raise ExportError(f"no rule fits {name!r}")
        new = name if new is None else new
        if not new:
            raise ExportError(f"{name!r} would get an empty name")
        if new == "__metadata__":
            raise ExportError(f"{name!r} would get the name __metadata__, which is reserved")
        if new in owner:
            raise ExportError(f"{owner[new]!r} and {name!r} would both be named {new!r}")
        out[name], owner[new] = new, name
    return out


# --- safetensors: no torch from here to the next line ------------------------------------------------


def safetensors_header(tensors, metadata=None):
    """The header for [(name, dtype, shape, byte count)], and the order of the data."""
    order = sorted(tensors, key=lambda t: (-DTYPES.index(t[1]), t[0].encode()))
    header = {}
    if metadata:
        header["__metadata__"] = dict(sorted(metadata.items()))
    offset = 0
    for name, dtype, shape, size in order:
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, [name for name, _, _, _ in order]


def write_safetensors(path, tensors, metadata=None):
    """Writes {name: (dtype, shape, data)}, where data is bytes or a function that returns them and
    has the attribute `size`. The path holds the old file or the whole new one."""
    def size(data):
        return data.size if callable(data) else len(data)

    head, order = safetensors_header(
        [(name, dtype, shape, size(data)) for name, (dtype, shape, data) in tensors.items()], metadata)
    folder = os.path.dirname(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(prefix=".export-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(head)
            for name in order:
                data = tensors[name][2]
                file.write(data() if callable(data) else data)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(path):
            mode = os.stat(path).st_mode & 0o7777
        else:
            mask = os.umask(0)
            os.umask(mask)
            mode = 0o666 & ~mask
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


# --- torch -------------------------------------------------------------------------------------------


def import_torch():
    try:
        import torch
    except ImportError as error:
        raise ExportError(f"torch cannot be imported: {error}")
    return torch


def load(source, arguments):
    """Whatever the user named: the content of a file, or an object of a Python module."""
    torch = import_torch()
    if os.path.exists(source):
        try:
            return torch.load(source, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds
            raise ExportError(f"{source}: torch cannot load it as plain weights: {error}")
    module, colon, name = source.partition(":")
    if not colon or not name:
        raise ExportError(f"{source}: no such file; or write package.module:name")
    sys.path.insert(0, os.getcwd())
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise ExportError(f"{module}: cannot be imported: {error}")
    for part in name.split("."):
        if not hasattr(found, part):
            raise ExportError(f"{module}: has no {name}")
        found = getattr(found, part)
    is_result = isinstance(found, (torch.nn.Module, dict))
    return found if is_result else found(**arguments)


def state_dict(value, keys):
    """{name: tensor} inside `value`, at the keys the user gave or where checkpoints usually have it."""
    torch = import_torch()
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            has = ", ".join(map(repr, value)) if isinstance(value, dict) else type(value).__name__
            raise ExportError(f"--key {key}: not there; there is: {has}")
        value = value[key]
    if isinstance(value, torch.nn.Module):
        value = value.state_dict()
    if not isinstance(value, dict):
        raise ExportError(f"wanted a state dict, got {type(value).__name__}")
    if not any(isinstance(v, torch.Tensor) for v in value.values()):
        usual = [k for k in ("state_dict", "model_state_dict", "model") if k in value]
        hint = f"; try --key {usual[0]}" if usual else ""
        has = ", ".join(map(repr, list(value)[:20]))
        raise ExportError(f"the dictionary holds no tensors, its keys are: {has}{hint}")
    out = {}
    for name, tensor in value.items():
        if isinstance(tensor, torch.Tensor):
            out[str(name)] = tensor
        else:
            print(f"left out: {name} ({type(tensor).__name__})", file=sys.stderr)
    return out


def tensor_entry(name, tensor, dtype=None):
    """(dtype, shape, data) of a torch tensor; its bytes are made when they are written."""
    torch = import_torch()
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise ExportError(f"{name}: sparse and quantized tensors cannot be written; make it dense first")
    if dtype and tensor.is_floating_point():
        tensor = tensor.to(dtype)
    code = FROM_TORCH.get(str(tensor.dtype).replace("torch.", ""))
    if code is None:
        raise ExportError(f"{name}: cfm has no element type {tensor.dtype}")
    size = tensor.numel() * tensor.element_size()

    def data():
        dense = tensor.detach().cpu().contiguous()
        return ctypes.string_at(dense.data_ptr(), size) if size else b""

    data.size = size
    return code, tuple(tensor.shape), data


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", help="a .pt or .pth file, or package.module:name")
    parser.add_argument("output", nargs="?", help="the .safetensors file; not needed with --list")
    parser.add_argument("--map", action="append", default=[], metavar="OLD=NEW", help="rename; may repeat")
    parser.add_argument("--drop", action="append", default=[], metavar="PATTERN",
                        help="leave out old names that match, with * and ?; may repeat")
    parser.add_argument("--key", action="append", default=[],
                        help="where in the checkpoint the state dict is; may repeat to go deeper")
    parser.add_argument("--dtype", choices=["float32", "float64", "float16", "bfloat16"],
                        help="convert the floating-point tensors")
    parser.add_argument("--metadata", action="append", default=[], metavar="KEY=VALUE",
                        help="a line for the header; may repeat")
    parser.add_argument("--arguments", default="{}", metavar="JSON",
                        help="keyword arguments for package.module:name")
    parser.add_argument("--strict", action="store_true", help="a name that no rule fits is an error")
    parser.add_argument("--list", action="store_true", help="print names and shapes, write nothing")
    options = parser.parse_args(arguments)
    try:
        if not options.list and not options.output:
            raise ExportError("name the output file, or ask for --list")
        if sys.byteorder != "little":
            raise ExportError("this machine is big-endian; run the export on a little-endian one")
        try:
            keywords = json.loads(options.arguments)
        except ValueError as error:
            raise ExportError(f"--arguments: {error}")
        if not isinstance(keywords, dict):
            raise ExportError("--arguments: wanted a JSON object")
        metadata = {}
        for item in options.metadata:
            key, equals, value = item.partition("=")
            if not equals:
                raise ExportError(f"--metadata {item}: write KEY=VALUE")
            metadata[key] = value
        tensors = state_dict(load(options.input, keywords), options.key)
        names = rename_all(tensors, options.map, options.drop, options.strict)
        if options.list:
            for old, new in names.items():
                arrow = f"{old} -> {new}" if old != new else old
                print(f"{arrow}  {str(tensors[old].dtype)[6:]}{list(tensors[old].shape)}")
            return 0
        dtype = getattr(import_torch(), options.dtype) if options.dtype else None
        write_safetensors(options.output,
                          {new: tensor_entry(old, tensors[old], dtype) for old, new in names.items()},
                          metadata)
    except (ExportError, OSError) as error:
        print(f"export_torch: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {len(names)} tensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
