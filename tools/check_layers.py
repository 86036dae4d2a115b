#!/usr/bin/env python3
"""Checks the rules of the source tree that a compiler does not.

usage: check_layers.py [--objects BUILD_DIR]

Sources: each layer includes only the layers below it, only the files made for them include TLS libraries, the heap is
reached through sys/memory.h alone, apps and examples see public headers only, no file is too long.
With --objects, the same for what the object files of a build refer to: exported C functions are called by
nobody below capi/, and neither malloc nor the global operator new by anybody but sys/memory.cc.
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_LINES = 600

# What a layer may include of ours, besides itself and the public headers.
ALLOWED = {
    "sys": set(),
    "loop": {"sys"},
    "buffer": {"sys", "loop/deferred.h"},
    "limit": {"sys"},
    "net": {"sys", "loop"},
    "stream": {"sys", "loop", "buffer", "limit", "net"},
    "tls": {"sys", "loop", "buffer", "limit", "net", "stream"},
    "capi": {"sys", "loop", "buffer", "limit", "net", "stream", "tls"},
    "extra": set(),
    "compress": {"sys/seam.h"},
}
# Whose headers only the files made for them include.
MAY_USE = {
    "openssl": ("src/tls/openssl/", "src/capi/bufferevent_ssl.cc"),
    "mbedtls": ("src/tls/mbedtls/",),
    "gnutls": ("src/tls/gnutls/",),
}
HEAP = "src/sys/memory.cc"
PUBLIC_ONLY = ("apps", "examples", "include")
SOURCE_FOLDERS = ("src", "include", "tests", "apps", "examples", "bench", "fuzz", "tools", "script")
SOURCE_SUFFIXES = {".h", ".cc", ".c", ".py", ".sh", ""}
# src/ comes first where headers are looked for, and src/sys and src/net have namesakes in the system.
SYSTEM_INCLUDES = [pathlib.Path("/usr/include"), *pathlib.Path("/usr/include").glob("*-linux-gnu")]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
HEAP_CALL = re.compile(
    r"(?<![\w.>:])(?:std::|::)?(malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|vasprintf"
    r"|aligned_alloc|posix_memalign)\s*\(")
GLOBAL_NEW = re.compile(r"::new\s+(?!\()|::operator\s+(?:new|delete)\b")

HEAP_SYMBOLS = {"malloc", "calloc", "realloc", "reallocarray", "free", "strdup", "strndup", "__strdup",
                "asprintf", "vasprintf", "__asprintf_chk", "__vasprintf_chk", "aligned_alloc",
                "posix_memalign"}
BELOW_CAPI = ("sys", "loop", "buffer", "limit", "net", "stream", "tls")


def files_under(folder):
    for path in sorted((ROOT / folder).rglob("*")):
        if path.is_file() and path.suffix in SOURCE_SUFFIXES and "__pycache__" not in path.parts:
            yield path, path.relative_to(ROOT).as_posix()


def blank(text):
    """Comments and strings replaced by spaces, so that line numbers stay."""
    return COMMENT_OR_STRING.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_include(name, layer, quote, target):
    """The complaint about one include of a file in src/, or None."""
    top = target.split("/")[0]
    if quote == "<" and top in MAY_USE and not name.startswith(MAY_USE[top]):
        return f"<{top}/> belongs to src/tls/{top}/"
    if top in ALLOWED and quote == '"':
        if top != layer and top not in ALLOWED[layer] and target not in ALLOWED[layer]:
            return f"{layer}/ may not include {target}"
    elif quote == '"' and not (ROOT / "include" / target).is_file():
        return f'"{target}" is not a path from the root of src/ or include/'
    return None


def check_source(name, text):
    layer = name.split("/")[1]
    for system in SYSTEM_INCLUDES:
        if (system / name.removeprefix("src/")).exists():
            yield 1, f"hides <{name.removeprefix('src/')}> of the system"
    for match in INCLUDE.finditer(text):
        complaint = check_include(name, layer, match.group(1), match.group(2))
        if complaint:
            yield line_of(text, match.start()), complaint
    if name == HEAP or name == "src/sys/memory.h":
        return
    code = blank(text)
    for pattern in (HEAP_CALL, GLOBAL_NEW):
        for match in pattern.finditer(code):
            yield line_of(text, match.start()), f"{match.group().strip()} bypasses sys/memory.h"


def check_public(name, text):
    for match in INCLUDE.finditer(text):
        path = match.group(2)
        # <sys/...> and <net/...> are the system's, and so not found below src/.
        if (ROOT / "src" / path).exists() or path.startswith("src/"):
            yield line_of(text, match.start()), f"{path} is not a public header"


def check_sources():
    for folder in SOURCE_FOLDERS:
        for path, name in files_under(folder):
            text = path.read_text(encoding="utf-8")
            lines = text.count("\n")
            if lines > MAX_LINES:
                yield f"{name}:{lines}: more than {MAX_LINES} lines"
            if path.suffix not in (".h", ".cc", ".c"):
                continue
            check = check_source if folder == "src" else check_public if folder in PUBLIC_ONLY else None
            if check:
                for line, complaint in check(name, text):
                    yield f"{name}:{line}: {complaint}"


def symbols_of(objects):
    """(object, defined and visible names, undefined names) of each. readelf, not nm: it reads the machine code's
    symbols where an object holds intermediate code as well."""
    for path in objects:
        output = subprocess.run(["readelf", "--symbols", "--wide", str(path)], text=True,
                                capture_output=True, check=True).stdout
        defined, undefined = set(), set()
        for line in output.splitlines():
            field = line.split()
            if len(field) < 8 or not field[0].endswith(":") or field[4] not in ("GLOBAL", "WEAK"):
                continue
            if field[6] == "UND":
                undefined.add(field[7])
            elif field[5] == "DEFAULT":
                defined.add(field[7])
        yield path, defined, undefined


def object_folder(build, layer):
    folder = build / "src" / layer / "CMakeFiles" / f"bevel_{layer}.dir"
    return sorted(folder.rglob("*.o"))


def check_objects(build):
    capi = object_folder(build, "capi")
    if not capi:
        sys.exit(f"{build}: no objects of capi/: not a build of this tree, or not built yet")
    exported = set().union(*(defined for _, defined, _ in symbols_of(capi)))
    for layer in (*BELOW_CAPI, "capi"):
        for path, _, undefined in symbols_of(object_folder(build, layer)):
            name = f"src/{layer}/{path.name.removesuffix('.o')}"
            if name != HEAP:
                for symbol in sorted(undefined & HEAP_SYMBOLS):
                    yield f"{name}: refers to {symbol}, which bypasses sys/memory.h"
                for symbol in sorted(undefined):
                    if symbol.startswith(("_Znwm", "_Znam")):
                        yield f"{name}: uses the global operator new, which bypasses sys/memory.h"
            if layer != "capi":
                for symbol in sorted(undefined & exported):
                    yield f"{name}: calls {symbol}, which belongs to capi/"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--objects", metavar="BUILD_DIR", type=pathlib.Path,
                        help="check the object files of this build too")
    arguments = parser.parse_args()
    complaints = list(check_sources())
    if arguments.objects:
        complaints += check_objects(arguments.objects)
    for complaint in complaints:
        print(complaint)
    print(f"check_layers: {len(complaints)} complaints" if complaints else "check_layers: all rules kept")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
