"""Question: how exactly, how evenly and at what cost do rate limits let bytes through?"""

import statistics
from dataclasses import dataclass, replace
from functools import partial

from harness import plot
from harness.processes import Server, start_load
from harness.rounds import Measurement, Samples, run_case
from harness.settings import Settings
from harness.tables import render_side_by_side

GROUP_RATE = 10e6
MEMBER_RATE = 20e3
SMALL_BUFFER, LARGE_BUFFER = 16 * 1024, 200 * 1024
MANY = 1000  # as many members get the small buffer, or the kernel holds gigabytes
METRICS = {  # title and decimals
    "delivered": ("delivered / configured", 3),
    "uneven_100ms": ("variation, 100 ms", 3),
    "uneven_10ms": ("variation, 10 ms", 2),
    "fairness_1s": ("Jain over 1 s, worst", 4),
    "fairness": ("Jain, all", 4),
    "cpu_us_per_mb": ("CPU us per MB", 0),
}
SINGLE_METRICS = {key: METRICS[key]
                  for key in ("delivered", "uneven_100ms", "uneven_10ms", "cpu_us_per_mb")}
WINDOW_SECONDS = 0.01  # as rate_limited_reader counts
PLOTTED_WINDOWS = 200
ROUNDS = 1  # one case takes half a minute, and these figures hardly depend on the machine's clock


@dataclass(frozen=True)
class Case:
    limit: str  # "own" or "group"
    members: int
    rate: float  # bytes per second, of the group or of each member
    tick: int  # milliseconds

    @property
    def title(self) -> str:
        rate = f"{self.rate / 1e6:g} MB/s"
        return f"{self.members} x {rate}, {self.tick} ms" if self.limit == "own" else \
            f"{self.members} in {rate}, {self.tick} ms"

    @property
    def file_name(self) -> str:
        return f"{self.limit}_{self.members}_members_{self.tick}_ms.svg"


SINGLE = [Case("own", 1, rate, tick) for rate in (1e5, 1e6, 1e8) for tick in (100, 10, 1)]
GROUPS = [Case("group", members, GROUP_RATE, tick)
          for members in (10, 100, 1000, 10000) for tick in (100, 10, 1)]
OWN = [Case("own", members, MEMBER_RATE, tick)
       for members in (100, 1000, 10000) for tick in (100, 10)]
PLOTTED = [Case("own", 1, 1e6, 100), Case("own", 1, 1e6, 10), Case("group", 1000, GROUP_RATE, 100),
           Case("group", 1000, GROUP_RATE, 10)]


def _unevenness(windows: list[float]) -> float:
    mean = statistics.fmean(windows)
    return statistics.pstdev(windows) / mean if mean else 0


def _tens(windows: list[float]) -> list[float]:
    return [sum(windows[i:i + 10]) for i in range(0, len(windows) - 9, 10)]


def _read(settings: Settings, program, case: Case) -> dict:
    options = {"members": case.members, "limit": case.limit, "rate": case.rate, "tick": case.tick,
               "warmup": settings.warm_up * 2, "seconds": 2 if settings.quick else 5}
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    buffer = SMALL_BUFFER if case.members >= MANY else LARGE_BUFFER
    with Server(program, *arguments) as reader:
        load = start_load(settings, "fill_client", port=reader.port, members=case.members,
                          buffer=buffer)
        try:
            return reader.report()
        finally:
            load.kill()
            load.wait()


def _measure(settings: Settings, program, case: Case, windows: dict, library: str) -> Measurement:
    report = _read(settings, program, case)
    windows[library] = report["windows"]
    return {
        "delivered": report["delivered"],
        "uneven_100ms": _unevenness(_tens(report["windows"])),
        "uneven_10ms": _unevenness(report["windows"]),
        "fairness_1s": min(report["fairness_by_second"]),
        "fairness": report["fairness"],
        "cpu_us_per_mb": report["cpu_us_per_mb"],
    }


def _plot(settings: Settings, case: Case, windows: dict[str, list[float]]) -> None:
    megabytes = {library: [count / WINDOW_SECONDS / 1e6 for count in counts[:PLOTTED_WINDOWS]]
                 for library, counts in windows.items()}
    plot.write(settings.plots / case.file_name, f"{case.title} tick, 10 ms windows", "MB/s",
               WINDOW_SECONDS, megabytes)


def _run_case(settings: Settings, case: Case) -> Samples:
    windows: dict[str, list[float]] = {}
    contenders = {library: partial(_measure, settings, program, case, windows, library)
                  for library, program in settings.builds_of("rate_limited_reader").items()}
    samples = run_case(settings, case.title, contenders)
    if settings.plots and case in PLOTTED and windows:
        _plot(settings, case, windows)
    return samples


def _chosen(settings: Settings, cases: list[Case]) -> list[Case]:
    if not settings.quick:
        return cases
    return [case for case in cases if case.tick > 1 and case.members in (1, 10, 1000)]


def _table(settings: Settings, heading: str, cases: list[Case], metrics: dict) -> str:
    results = [_run_case(settings, case) for case in _chosen(settings, cases)]
    return render_side_by_side(f"Rate limits: {heading}", "limit, tick", metrics, results)


def run(settings: Settings) -> list[str]:
    settings = replace(settings, rounds=min(settings.rounds, ROUNDS))
    return [
        _table(settings, "one stream", SINGLE, SINGLE_METRICS),
        _table(settings, "a group", GROUPS, METRICS),
        _table(settings, "a limit each", OWN, METRICS),
    ]
