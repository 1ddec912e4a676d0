#!/usr/bin/env python3
"""Every header compiles on its own, included twice, without warnings: with Clang at x86-64-v3, and with GCC at its
default flags too if CFM_FULL=1; and one with kernels at the flags of newer processors.

    scripts/check_headers.py [header...]      all headers by default

What a header includes anyway may come from a precompiled header without hiding anything that it lacks. So each is
compiled on the largest of a few bases among its own includes, which takes half the time.
"""
import functools
import os
import pathlib
import platform
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
OUT = ROOT / "build" / "hygiene" / "bases"
BASES = ["cfm/nn/linear.hpp", "cfm/autograd/tape.hpp", "cfm/circuit/aig.hpp", "cfm/graph/graph.hpp",
         "cfm/tensor/tensor.hpp"]  # the largest first
WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror".split()


@functools.lru_cache(maxsize=None)
def direct_includes(name):
    text = (INCLUDE / name).read_text()
    return [i for i in re.findall(r"^\s*#\s*include\s*<(cfm/[^>]+)>", text, re.M) if (INCLUDE / i).exists()]


@functools.lru_cache(maxsize=None)
def includes(name):
    """The headers of cfm that `name` includes, directly or not. A body includes its door and the other way round."""
    found, waiting = set(), [name]
    while waiting:
        new = set(direct_includes(waiting.pop())) - found
        found |= new
        waiting += new
    return found


def base_of(name):
    return next((b for b in BASES if b in includes(name) and name not in includes(b)), None)


def eigen_flags():
    found = subprocess.run(["pkg-config", "--cflags", "eigen3"], capture_output=True, text=True)
    text = found.stdout if found.returncode == 0 else "-I/usr/include/eigen3"
    return text.replace("-I", "-isystem ").split()


def compile_text(compiler, flags, text):
    command = [compiler, "-std=c++20", *WARNINGS, *flags, *EIGEN, f"-I{INCLUDE}", "-x"]
    return subprocess.run(command + (["c++-header", "-"] if "-o" in flags else ["c++", "-fsyntax-only", "-"]),
                          input=text, capture_output=True, text=True, cwd=ROOT)


def precompile(base, arch):
    path = OUT / (base.replace("/", "_") + ".pch")
    result = compile_text("clang++", [*arch, "-o", str(path)], f"#include <{base}>\n")
    return str(path) if result.returncode == 0 else None


def check(compiler, flags, name):
    result = compile_text(compiler, flags, f"#include <{name}>\n#include <{name}>\n")
    if result.returncode == 0:
        return True
    print(f"{result.stderr}\nnot clean on its own, {compiler}: {name}", flush=True)
    return False


def main():
    names = sorted(str(pathlib.Path(a).resolve().relative_to(INCLUDE)) for a in sys.argv[1:]) or \
        sorted(str(p.relative_to(INCLUDE)) for p in INCLUDE.rglob("*.hpp"))
    x86 = platform.machine() == "x86_64"
    arch = ["-march=x86-64-v3"] if x86 else []
    OUT.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        wanted = sorted({base_of(name) for name in names} - {None})
        pch = dict(zip(wanted, pool.map(lambda b: precompile(b, arch), wanted)))
        jobs = []
        for name in names:
            ready = pch.get(base_of(name))
            jobs.append(("clang++", arch + (["-include-pch", ready] if ready else []), name))
            if os.environ.get("CFM_FULL", "0") != "0":
                jobs.append(("g++", [], name))
        if x86:
            jobs += [("g++", [f"-march={a}", "-Wno-uninitialized"], "cfm/kernels/matmul.hpp")
                     for a in ("x86-64-v4", "sapphirerapids")]
        clean = all(list(pool.map(lambda job: check(*job), jobs)))
    print(f"check_headers: {len(names)} headers: {'clean' if clean else 'not clean'}")
    return 0 if clean else 1


EIGEN = eigen_flags()
if __name__ == "__main__":
    sys.exit(main())
