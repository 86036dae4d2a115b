"""Runs one Google Benchmark program per topic; the programs state their own questions."""

import json
from functools import partial

from harness.processes import run_alone
from harness.rounds import Measurement, Samples, run_case
from harness.settings import STOCK, Settings
from harness.tables import Row, render

TITLES = {
    "buffer": "Buffers",
    "timers": "Timers",
    "loop": "Event loop",
    "pair": "Bufferevent pairs (size / writes per turn)",
    "filter": "Null filters over a pair (size / writes per turn / filters)",
}
# A million timers take the stock library half a minute per run.
QUICK_OPTIONS = ["--benchmark_filter=-/1000000", "--benchmark_min_time=0.02"]
FULL_OPTIONS = ["--benchmark_min_time=0.1"]


def _measure(settings: Settings, program) -> Measurement:
    options = QUICK_OPTIONS if settings.quick else FULL_OPTIONS
    report = json.loads(run_alone(program, "--benchmark_format=json", *options))
    return {entry["name"]: 1e9 / entry["items_per_second"] for entry in report["benchmarks"]}


def _title(benchmark: str) -> str:
    return benchmark.replace("/manual_time", "").replace("/iterations:1", "")


def _rows(samples: Samples) -> list[Row]:
    rounds = next(iter(samples.by_contender.values()), [])
    names = rounds[0] if rounds else []
    return [Row(_title(name), samples, name, STOCK) for name in names]


def run(settings: Settings, topic: str) -> list[str]:
    contenders = {library: partial(_measure, settings, program)
                  for library, program in settings.builds_of(f"micro_{topic}").items()}
    samples = run_case(settings, f"micro: {topic}", contenders)
    return [render(TITLES[topic], "ns per operation", _rows(samples))]
