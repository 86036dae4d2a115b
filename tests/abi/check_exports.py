#!/usr/bin/env python3
"""Compare what the shared libraries export and need with the interface recorded in data/.

usage: check_exports.py LIBDIR [--libraries NAME...] [--include DIR]

NAME is event, event_core, ...; the default is all that LIBDIR holds.
"""

import argparse
import pathlib
import re
import subprocess
import sys

import table

LIBRARIES = ["event", "event_core", "event_extra", "event_openssl", "event_pthreads", "event_mbedtls",
             "bevel_gnutls", "bevel_compress"]
CORE = "libevent_core-2.1.so.7"
SYSTEM = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}
OPENSSL = {"libssl.so.3", "libcrypto.so.3", "libssl.so.1.1", "libcrypto.so.1.1"}
MAY_NEED = {
    "event": SYSTEM,
    "event_core": SYSTEM,
    "event_extra": SYSTEM | {CORE},
    "event_openssl": SYSTEM | OPENSSL | {CORE},
    "event_pthreads": SYSTEM | {CORE},
    "event_mbedtls": SYSTEM | {CORE},
    "bevel_gnutls": SYSTEM | {CORE},
    "bevel_compress": SYSTEM | {CORE},
}
# Libraries whose versions are no part of our interface.
MAY_NEED_ANY = {"event_mbedtls": r"libmbed(tls|x509|crypto)\.so", "bevel_gnutls": r"libgnutls\.so",
                "bevel_compress": r"lib(zstd|z)\.so"}
MUST_NEED = {name: {CORE} for name in LIBRARIES[2:]}


def expected_soname(name):
    return f"lib{name}.so.1" if name.startswith("bevel_") else f"lib{name}-2.1.so.7"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Library:
    def __init__(self, path):
        self.path = path
        self.exports, self.kinds = set(), {}
        for line in run("nm", "-D", "--defined-only", path).splitlines():
            _, kind, name = line.split()
            self.exports.add(name)
            self.kinds[name] = kind
        self.imports = {line.split()[-1] for line in run("nm", "-D", "--undefined-only",
                                                         path).splitlines()}
        dynamic = run("readelf", "-dW", path)
        self.needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
        self.soname = "".join(re.findall(r"\(SONAME\).*\[(.*)\]", dynamic))
        self.symbolic = "SYMBOLIC" in dynamic
        self.bind_now = "BIND_NOW" in dynamic or re.search(r"\(FLAGS_1\).*NOW", dynamic) is not None
        self.defines_versions = "(VERDEF)" in dynamic


def recorded_for(name):
    home = "event_core" if name == "event" else name
    return {row["symbol"] for row in table.rows("symbols") if row["library"] == home}


def problems(name, library, declared, may_need):
    """What is wrong with one library, in sentences."""
    exports = library.exports
    for symbol in sorted(recorded_for(name) - exports):
        yield f"does not export {symbol}"
    for symbol in sorted(exports - declared):
        if not symbol.startswith("bevel_"):
            yield f"exports {symbol}, which no public header declares"
    for symbol, kind in sorted(library.kinds.items()):
        if kind != "T":
            yield f"exports {symbol} with kind {kind}, not as a function"
    if library.soname != expected_soname(name):
        yield f"has SONAME {library.soname!r}"
    for needed in sorted(library.needed - may_need):
        if not re.match(MAY_NEED_ANY.get(name, "$"), needed):
            yield f"needs {needed}"
    for needed in sorted(MUST_NEED.get(name, set()) - library.needed):
        yield f"does not need {needed}"
    if library.defines_versions:
        yield "defines symbol versions"
    if library.symbolic:
        yield "is linked with -Bsymbolic: combined and core would not share their state"
    if not library.bind_now:
        yield "is not linked with -z now"


def problems_between(libraries):
    """What is wrong with the libraries taken together."""
    core = libraries.get("event_core")
    if core is None:
        return
    combined = libraries.get("event")
    if combined is not None:
        for symbol in sorted(combined.exports ^ core.exports):
            if "event_extra" not in libraries or symbol not in libraries["event_extra"].exports:
                yield f"event and event_core do not both export {symbol}"
    for name, library in libraries.items():
        for symbol in sorted(library.imports):
            is_libc = "@" in symbol  # which versions its symbols; eventfd_write() is one of them
            if re.match(r"(ev\w*|bufferevent|bevel)_", symbol) and not is_libc:
                if symbol not in core.exports:
                    yield f"{name} imports {symbol}, which event_core does not export"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("libdir", type=pathlib.Path)
    parser.add_argument("--libraries", nargs="+", choices=LIBRARIES)
    parser.add_argument("--include", type=pathlib.Path, default=table.DEFAULT_INCLUDE_DIR)
    options = parser.parse_args()

    files = {name: options.libdir / expected_soname(name) for name in LIBRARIES}
    names = options.libraries or [name for name in LIBRARIES if files[name].exists()]
    missing = [str(files[name]) for name in names if not files[name].exists()]
    if missing or not names:
        sys.exit(f"not built: {', '.join(missing) or options.libdir}")
    libraries = {name: Library(files[name]) for name in names}
    declared = set(table.declared_functions(options.include))

    found = [f"lib{name} {problem}" for name, library in libraries.items()
             for problem in problems(name, library, declared, MAY_NEED[name])]
    found += problems_between(libraries)
    print("\n".join(found) if found else f"{', '.join(names)}: as recorded")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
