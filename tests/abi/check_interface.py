#!/usr/bin/env python3
"""Compare the public headers with the interface recorded in data/.

usage: check_interface.py [--include DIR] [--since VERSION] [--compiler CC]... [--keep FILE]

Writes a C file of static assertions (types of functions and callbacks, values of constants, sizes,
offsets and signedness) and compiles it, without and with <sys/queue.h> in front. Nothing is run and
no library is needed. With --include /usr/include --since 2.1 the same data is checked against the
headers of an installed libevent 2.1.12.
"""

import argparse
import pathlib
import subprocess
import sys

import table

HEADERS = ["event.h", "evutil.h", "event2/bufferevent_ssl.h", "event2/keyvalq_struct.h",
           "event2/listener.h", "event2/thread.h"]
HEADERS_SINCE = {"2.1": HEADERS, "2.2": HEADERS + ["event2/watch.h"]}
STRUCT_ALIASES = {"iovec", "addrinfo"}


def claim(condition, what):
    return f'_Static_assert({condition}, "{what}");'


def same_type(left, right):
    return f"__builtin_types_compatible_p({left}, {right})"


def functions(since):
    for row in table.rows("symbols"):
        if row["since"] <= since:
            yield claim(same_type(f"__typeof__({row['symbol']})", row["type"]),
                        f"type of {row['symbol']}()")
    for row in table.rows("typedefs"):
        if row["since"] <= since:
            yield claim(same_type(row["name"], row["type"]), f"type of {row['name']}")


def constant(row):
    name, kind, value = row["name"], row["kind"], row["value"]
    if kind == "flag":
        return f"#ifndef {name}\n#error {name} is not defined\n#endif"
    if kind == "alias":
        prefix = "struct " if value in STRUCT_ALIASES else ""
        return claim(same_type(prefix + name, prefix + value), f"{name} is {value}")
    if kind == "string":
        return claim(f"__builtin_strcmp({name}, {value}) == 0", f"value of {name}")
    return claim(f"({name}) == ({value})", f"value of {name}")


def constants(since):
    return (constant(row) for row in table.rows("constants") if row["since"] <= since)


def layouts():
    for row in table.rows("types"):
        name = row["type"]
        yield claim(f"sizeof({name}) == {row['size']}", f"size of {name}")
        yield claim(f"_Alignof({name}) == {row['align']}", f"alignment of {name}")
        if row["signedness"] != "-":
            comparison = "<" if row["signedness"] == "signed" else ">"
            yield claim(f"({name})-1 {comparison} 0", f"{name} is {row['signedness']}")
    for row in table.rows("layout"):
        struct, field = row["struct"], row["field"]
        yield claim(f"offsetof({struct}, {field}) == {row['offset']}",
                    f"offset of {field} in {struct}")
        yield claim(f"sizeof((({struct} *)0)->{field}) == {row['size']}",
                    f"size of {field} in {struct}")


def assertions(since):
    lines = [f"#include <{header}>" for header in HEADERS_SINCE[since]] + ["#include <stddef.h>"]
    return "\n".join([*lines, *functions(since), *constants(since), *layouts()]) + "\n"


def compiles(compiler, include_dir, source):
    command = [compiler, "-std=gnu11", "-fsyntax-only", f"-I{include_dir}", "-x", "c", "-"]
    result = subprocess.run(command, input=source, text=True, capture_output=True, check=False)
    if result.returncode != 0:
        print(f"{compiler}:\n{result.stderr}")
    return result.returncode == 0


def recorded_equals_declared(include_dir):
    """Every declared function is recorded and the other way round; our own additions are free."""
    recorded = {row["symbol"]: row["header"] for row in table.rows("symbols")}
    declared = {name: header for name, header in table.declared_functions(include_dir).items()
                if not name.startswith("bevel_")}
    for name in sorted(recorded.keys() | declared.keys()):
        if recorded.get(name) != declared.get(name):
            print(f"{name}: recorded in {recorded.get(name)}, declared in {declared.get(name)}")
    return recorded == declared


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--include", type=pathlib.Path, default=table.DEFAULT_INCLUDE_DIR)
    parser.add_argument("--since", default="2.2", choices=sorted(HEADERS_SINCE))
    parser.add_argument("--compiler", action="append")
    parser.add_argument("--keep", type=pathlib.Path, help="write the C file there as well")
    options = parser.parse_args()

    source = assertions(options.since)
    if options.keep:
        options.keep.write_text(source)
    passed = all([compiles(compiler, options.include, prologue + source)
                  for compiler in options.compiler or ["cc"]
                  for prologue in ("", "#include <sys/queue.h>\n")])
    if options.since == "2.2":
        passed = recorded_equals_declared(options.include) and passed
    print(f"{source.count('_Static_assert')} assertions:", "hold" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
