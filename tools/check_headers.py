#!/usr/bin/env python3
"""Compile every public header alone.

usage: check_headers.py [INCLUDE_DIR]

Each header must compile without warnings as the first and only include of a translation unit, in C
and in C++ (those of bevel/ in C++ only), with and without <sys/queue.h> before it, and must leave
none of the macros of that header behind. Included first, it must bring event-config.h, which asks
the system's headers for all their names, before any of these: programs rely on that.
"""

import pathlib
import shutil
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wshadow", "-Werror"]
C_COMPILERS = [
    ["gcc", "-std=c99", "-x", "c", "-Wstrict-prototypes"],
    ["clang", "-std=c99", "-x", "c", "-Wstrict-prototypes"],
]
CXX_COMPILERS = [
    ["g++", "-std=c++20", "-x", "c++"],
    ["clang++", "-std=c++20", "-x", "c++"],
]
QUEUE_MACROS = ["TAILQ_ENTRY", "TAILQ_HEAD", "LIST_ENTRY", "LIST_HEAD"]

# Has no use for event-config.h, in libevent neither.
WITHOUT_CONFIG = "keyvalq_struct.h"

# Programs include the headers from these situations. The second keeps the feature macros of
# event-config.h from having any effect, since <stdio.h> has settled them.
PROLOGUES = {
    "alone": "",
    "after <stdio.h>": "#include <stdio.h>\n",
    "after <sys/queue.h>": "#include <sys/queue.h>\n",
}


def translation_unit(prologue, header):
    lines = [prologue, f"#include <{header}>", f"#include <{header}>"]
    if "queue" not in prologue:
        for macro in QUEUE_MACROS:
            lines += [f"#ifdef {macro}", f"#error {macro} is left behind", "#endif"]
    if not prologue and header.name != WITHOUT_CONFIG:
        lines += ["#include <features.h>", "#ifndef __USE_GNU"]
        lines += ["#error a header of the system came before event-config.h", "#endif"]
    lines.append("int one_declaration_for_pedantic_compilers;")
    return "\n".join(lines) + "\n"


def compilers_for(header):
    cxx_only = header.parts[0] == "bevel"
    wanted = CXX_COMPILERS if cxx_only else C_COMPILERS + CXX_COMPILERS
    return [compiler for compiler in wanted if shutil.which(compiler[0])]


def compile_alone(compiler, include_dir, source):
    command = compiler + WARNINGS + ["-fsyntax-only", f"-I{include_dir}", "-"]
    return subprocess.run(command, input=source, text=True, capture_output=True, check=False)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "include"
    include_dir = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    headers = sorted(path.relative_to(include_dir) for path in include_dir.rglob("*.h"))
    if not headers:
        sys.exit(f"no header in {include_dir}")

    compiled = failures = 0
    for header in headers:
        for situation, prologue in PROLOGUES.items():
            for compiler in compilers_for(header):
                compiled += 1
                result = compile_alone(compiler, include_dir, translation_unit(prologue, header))
                if result.returncode != 0:
                    failures += 1
                    print(f"{header} {situation}, {compiler[0]}:\n{result.stderr}")
    print(f"{len(headers)} headers compiled {compiled} times, {failures} failures")
    return 1 if failures or not compiled else 0


if __name__ == "__main__":
    sys.exit(main())
