#!/usr/bin/env python3
"""Runs one conformance program built against the system's libevent and its twin built against ours,
and compares what each case saw.

usage: compare.py STOCK_PROGRAM|- OUR_PROGRAM
With "-" every case must be an exception.
Cases declared as exceptions are not run on the stock library: what ours must print is in the source.
"""

import difflib
import os
import subprocess
import sys


def run(program, *arguments, environment=None):
    result = subprocess.run([program, *arguments], stdout=subprocess.PIPE, env=environment,
                            check=False)
    if result.returncode != 0:
        sys.exit(f"{program} {' '.join(arguments)} ended with {result.returncode}")
    return result.stdout.decode("utf-8", "backslashreplace").splitlines()


def by_case(lines):
    cases = {}
    for line in lines:
        name, _, observation = line.partition(": ")
        cases.setdefault(name, []).append(observation)
    return cases


def stock_environment():
    """The stock program must not be talked into loading our library."""
    return {key: value for key, value in os.environ.items()
            if key not in ("LD_LIBRARY_PATH", "LD_PRELOAD")}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    stock, ours = sys.argv[1:]
    environment = stock_environment()
    seen_by_stock = {}
    if stock != "-":
        if run(stock, "--library", environment=environment) == run(ours, "--library"):
            sys.exit("both programs loaded the same library: nothing would be compared")
        seen_by_stock = by_case(run(stock, environment=environment))
    exceptions = by_case(run(ours, "--expected"))
    seen_by_ours = by_case(run(ours, "--with-exceptions"))

    table = [line.split("\t") for line in run(ours, "--table")]
    differing = 0
    for name, reason in table:
        expected = exceptions.get(name, []) if reason else seen_by_stock.get(name, [])
        got = seen_by_ours.get(name, [])
        if not expected:
            differing += 1
            print(f"EMPTY     {name}: the case observes nothing")
        elif expected == got:
            print(f"agree     {name}" + (f"  [{reason}]" if reason else ""))
        else:
            differing += 1
            print(f"DIFFERENT {name}" + (f"  [{reason}]" if reason else ""))
            for line in difflib.unified_diff(expected, got, "expected", "ours", lineterm="", n=2):
                print("    " + line)
    print(f"{len(table)} cases, {differing} different")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
