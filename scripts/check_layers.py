#!/usr/bin/env python3
"""Checks the rules of the source tree that no compiler knows: who may include whom, lengths, banned
names, macros, tests beside headers. Prints file:line: rule for every breach; exits 1 if there is one."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include" / "cfm"

# A header includes its own folder and folders with a smaller number (CONTRIBUTING.md).
LEVEL = {
    "core": 0, "tensor": 1, "exec": 2, "io": 2, "compress": 3, "graph": 3, "kernels": 4,
    "circuit": 5, "text": 5, "autograd": 5, "nn": 6, "train": 7, "adapt": 8, "decode": 8,
    "models": 9, "dist": 10, "cuda": 10,
}
MAX_LINES = 400
MAX_COLUMNS = 100

# One third-party library, one door: first match of the pattern -> where the include may stand.
DOORS = [
    (r"hwy/", "Highway", r"kernels/(detail/)?([a-z0-9_]+-inl|dispatch)\.hpp"),
    (r"xsimd", "xsimd", r"exec/batch\.hpp"),
    (r"(tbb|oneapi)/", "TBB", r"exec/(parallel|thread_limit)\.hpp"),
    (r"(unsupported/)?Eigen/", "Eigen", r"tensor/eigen\.hpp"),
    (r"doctest", "doctest", r"(?!)"),
    (r"benchmark/", "Google Benchmark", r"(?!)"),
]
BANNED_INCLUDES = {
    "iostream", "regex", "execution", "format", "sstream", "cassert", "assert.h", "windows.h",
    "iomanip", "fstream",
}
BANNED_WORDS = [
    (r"\b(?:std::)?(?:abort|exit|_Exit|quick_exit|terminate)\s*\(", "the library never ends a program"),
    (r"\b(?:f|s|sn|v)?printf\s*\(|\bputs\s*\(|\bstd::c(?:out|err|log)\b|\bperror\s*\(",
     "the library never prints"),
    (r"(?<![_\w])assert\s*\(", "CFM_CHECK for callers' mistakes, CFM_ASSERT for our own"),
    (r"\bgetenv\b", "no environment variable is read"),
    (r"\busing\s+namespace\s+std\b", "names of std are written out"),
]
MACROS = re.compile(
    r"CFM_(CHECK|ASSERT|CHECKED|ABI|ISA|ISA_TEXT(_OF)?|CALL|BODIES|BODY(_[A-Z0-9]+)?|HOST_DEVICE|(ISA_)?NAMESPACE_(BEGIN|END)"
    r"|VERSION_(MAJOR|MINOR|PATCH|STRING))")
KERNEL_MACROS = re.compile(
    r"CFM_KERNELS_[A-Z0-9_]+_(INL_HPP_|TARGET)|CFM_LANES|CFM_HWY_[A-Z0-9_]+|HWY_DISABLE_PCLMUL_AES"
    r"|HWY_TARGET_INCLUDE|HWY_DISABLED_TARGETS|HWY_WANT_AVX3_DL")
WITHOUT_TEST = {"fwd", "version", "config", "torch_options"}

breaches = []


def breach(path, line, text):
    breaches.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def without_comments(text):
    """The text with comments and the contents of string literals blanked, line by line."""
    def blank(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        return token[0] + " " * (len(token) - 2) + token[-1]
    return re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|(?<!\w)'(?:\\.|[^'\\\n])+'", blank, text,
                  flags=re.S)


def check_include(path, number, name, quoted, inside, folder):
    umbrella = inside == "cfm.hpp"
    if name.startswith("cfm/"):
        target = name[4:]
        if not (INCLUDE / target).is_file():
            breach(path, number, f"includes {name}, which does not exist")
        elif target == "cfm.hpp":
            breach(path, number, "the library never includes its umbrella header")
        elif not umbrella:
            other = target.split("/")[0]
            if other != folder and LEVEL.get(other, 99) >= LEVEL[folder]:
                breach(path, number, f"{folder} ({LEVEL[folder]}) must not include {other} "
                                     f"({LEVEL.get(other, '?')}): smaller numbers only")
        return
    if quoted:
        breach(path, number, f'write <cfm/...> instead of "{name}"')
    if name in BANNED_INCLUDES or re.match(r"nlohmann|fmt/|CLI/|spdlog/|boost/", name):
        breach(path, number, f"<{name}> is banned in headers")
    for pattern, library, where in DOORS:
        if re.match(pattern, name) and not re.fullmatch(where, inside):
            breach(path, number, f"{library} is included at its door only")


def check_header(path):
    inside = path.relative_to(INCLUDE).as_posix()
    folder = inside.split("/")[0]
    stem = path.stem
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    umbrella = inside == "cfm.hpp"
    if not umbrella and folder not in LEVEL:
        breach(path, 1, f"{folder}/ is not a folder of the layout")
        return
    kernel_body = folder == "kernels" and stem.endswith("-inl")

    count = text.count("\n")
    if count > MAX_LINES:
        breach(path, count, f"{count} lines, at most {MAX_LINES}")
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS:
            breach(path, number, f"{len(line)} columns, at most {MAX_COLUMNS}")
    if not kernel_body and lines[0] != "#pragma once":
        breach(path, 1, "the first line is #pragma once")
    if not any(line.startswith("/// @file  ") for line in lines[:4]):
        breach(path, 1, "a /// @file line says what the header is")

    isa = False
    for number, line in enumerate(without_comments(text).split("\n"), 1):
        isa = (isa or "CFM_ISA_NAMESPACE_BEGIN" in line) and "CFM_ISA_NAMESPACE_END" not in line
        if isa and re.match(r"\s*namespace\s+detail\b", line):
            breach(path, number, "inside the instruction-set namespace it is isa_detail: two "
                                 "namespaces called detail are ambiguous")
        include = re.match(r"\s*#\s*include\s*([<\"])([^>\"]*)", line)
        if include:
            name = re.match(r"\s*#\s*include\s*[<\"]([^>\"]*)", lines[number - 1]).group(1)
            check_include(path, number, name, include.group(1) == '"', inside, folder)
            continue
        define = re.match(r"\s*#\s*define\s+(\w+)", line)
        if define and not (MACROS.fullmatch(define.group(1)) or
                           (folder == "kernels" and KERNEL_MACROS.fullmatch(define.group(1)))):
            breach(path, number, f"{define.group(1)}: no new macros; options are types or arguments")
        for pattern, why in BANNED_WORDS:
            if re.search(pattern, line) and not (pattern == r"\bgetenv\b" and folder == "kernels"):
                breach(path, number, f"{re.search(pattern, line).group(0).strip()}: {why}")
        if folder == "kernels" and "std::function" in line:
            breach(path, number, "std::function in a kernel")
        if re.match(r"(inline|static|thread_local)\s+(?!const|namespace|struct|class)[\w:<>,&* ]+\s(?!operator)\w+\s*(=|\{|;)", line):
            breach(path, number, "a mutable global")
        if "__CUDA" in line and folder != "cuda" and inside != "core/config.hpp":
            breach(path, number, "CUDA outside cuda/ and core/config.hpp")

    public = not umbrella and "/detail/" not in inside and not stem.endswith("-inl")
    if public and stem not in WITHOUT_TEST and folder not in ("cuda", "dist"):
        tests = sorted((ROOT / "tests" / folder).glob(f"{stem}.cpp"))
        if not tests:
            breach(path, 1, f"has no test: tests/{folder}/{stem}.cpp")
        for test in tests:
            first = re.search(r"^\s*#\s*include\s*[<\"]([^>\"]*)", test.read_text("utf-8"), re.M)
            if not first or first.group(1) != f"cfm/{inside}":
                breach(test, 1, f"the first include of a test is the header under test, <cfm/{inside}>")


def check_folders():
    for folder in sorted({h.parent for h in INCLUDE.glob("*/*.hpp")}):
        if folder.name not in ("cuda", "dist") and not (folder / "fwd.hpp").is_file():
            breach(folder, 0, "has no fwd.hpp")


def check_text():
    """What no file of the project may hold."""
    kinds = {".hpp", ".cpp", ".cmake", ".txt", ".md", ".py", ".sh", ".json", ".in"}
    skip = {"build", "out", ".git", "data", ".cache"}
    for path in sorted(ROOT.rglob("*")):
        if path.suffix not in kinds or not path.is_file() or skip & set(path.relative_to(ROOT).parts):
            continue
        for number, line in enumerate(path.read_text("utf-8", errors="replace").split("\n"), 1):
            if "\u2014" in line:
                breach(path, number, "em-dash")
            if re.search(r"\b(TO" r"DO|FIX" r"ME)\b", line):
                breach(path, number, "unfinished work is an issue, not a comment")


def main():
    headers = sorted(INCLUDE.rglob("*.hpp"))
    for header in headers:
        check_header(header)
    check_folders()
    check_text()
    for line in breaches:
        print(line)
    print(f"check_layers: {len(headers)} headers, {len(breaches)} breaches")
    return 1 if breaches or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
