#!/usr/bin/env python3
"""Runs the benchmarks against the system's libevent, this library and raw peers, and prints tables.

The programs must have been built (CMake option BEVEL_BUILD_BENCH); script/bench does both."""

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness import machine, rounds
from harness.processes import CPUS, raise_descriptor_limit
from harness.settings import OURS, STOCK, Settings
from suites import accept, echo, limits, memory, micro, timeouts, tls

SUITES = {
    "echo": echo.run,
    "timeouts": timeouts.run,
    "accept": accept.run,
    "memory": memory.run,
    "tls": tls.run,
    "limits": limits.run,
    "buffer": partial(micro.run, topic="buffer"),
    "timers": partial(micro.run, topic="timers"),
    "loop": partial(micro.run, topic="loop"),
    "pair": partial(micro.run, topic="pair"),
    "filter": partial(micro.run, topic="filter"),
}
MOST_ROUNDS = {"limits": 1}  # a case takes half a minute, and hardly depends on the machine's clock
MICRO = ("buffer", "timers", "loop", "pair", "filter")
RESULTS = Path(__file__).parent / "results.md"
PLOTS = Path(__file__).parent / "plots"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("suites", nargs="*", default=["all"], metavar="suite",
                        help=f"{', '.join(SUITES)}, micro (the last five) or all")
    parser.add_argument("--build", type=Path, required=True, help="the build directory")
    parser.add_argument("--quick", action="store_true", help="short runs: rough numbers in minutes")
    parser.add_argument("--rounds", type=int, help="rounds per case (default 5, quick: 1)")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name} and {PLOTS.name}/")
    arguments = parser.parse_args()
    unknown = set(arguments.suites) - set(SUITES) - {"micro", "all"}
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    return arguments


def chosen_suites(names: list[str]) -> list[str]:
    wanted = set(names)
    if "all" in wanted:
        return list(SUITES)
    if "micro" in wanted:
        wanted.update(MICRO)
    return [name for name in SUITES if name in wanted]


def check_libraries(settings: Settings) -> None:
    """A comparison of a library with itself is the one mistake that no number would show."""
    for library, program in settings.builds_of("echo_server").items():
        for path in machine.libraries(program):
            if path.is_relative_to(settings.build.resolve()) != (library == OURS):
                sys.exit(f"{program.name} loads {path}")
    if STOCK not in settings.builds_of("echo_server"):
        print("The system's libevent is missing (Debian: libevent-dev).", file=sys.stderr)


def heading(settings: Settings) -> str:
    facts = "\n".join(f"- {name}: {value}" for name, value in machine.describe(settings).items())
    pinning = "server and load on a processor each" if len(CPUS) > 1 else "a single processor"
    return f"""# Benchmark results

{facts}
- method: rounds in the order A B C C B A, {pinning}; medians. "x better" is the median of
  the ratios to the baseline (the first column) within a round, with the smallest and the largest.
  Above 1 is better than the baseline.
"""


def circumstances(settings: Settings) -> str:
    """What may differ from one table to the next."""
    runs = "short runs" if settings.quick else "full runs"
    return f"Commit {machine.commit()}, {settings.rounds} round(s) of {runs}."


def write_results(tables: list[str], head: str, when: str) -> None:
    """Puts the tables into the results, in place of those with the same title; the others stay."""
    old = RESULTS.read_text().split("\n## ")[1:] if RESULTS.exists() else []
    sections = {section.split("\n", 1)[0]: section for section in old}
    for table in tables:
        title, body = table.removeprefix("## ").split("\n", 1)
        sections[title] = f"{title}\n\n{when}\n{body}"
    RESULTS.write_text("\n## ".join([head.rstrip("\n") + "\n", *(f"{s.rstrip()}\n" for s in sections.values())]))


def main() -> None:
    arguments = parse_arguments()
    settings = Settings(arguments.build, arguments.rounds or (1 if arguments.quick else 5),
                        arguments.quick,
                        PLOTS if arguments.write else None)
    raise_descriptor_limit()
    check_libraries(settings)
    head = heading(settings)
    print(head, flush=True)
    for name in chosen_suites(arguments.suites):
        chosen = replace(settings, rounds=min(settings.rounds, MOST_ROUNDS.get(name, settings.rounds)))
        tables = SUITES[name](chosen)
        print(circumstances(chosen), *tables, sep="\n\n", flush=True)
        if arguments.write:
            write_results(tables, head, circumstances(chosen))
    if rounds.failures:
        sys.exit("failed:\n  " + "\n  ".join(rounds.failures))


if __name__ == "__main__":
    main()
