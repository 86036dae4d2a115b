"""Question: how exactly, how evenly and at what cost do rate limits let bytes through?

Others that limit one stream are measured beside us: limit_references.py."""

import math
import statistics
from dataclasses import dataclass
from functools import partial

from harness import plot
from harness.processes import Server, start_load
from harness.rounds import Measurement, Samples, run_case
from harness.settings import RAW, Settings
from harness.tables import render_side_by_side
from suites import limit_references

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
REFERENCE_METRICS = {key: METRICS[key] for key in ("delivered", "uneven_100ms", "uneven_10ms")}
COST_METRICS = {
    "bytes_per_read": ("bytes per wake-up", 0),
    "cpu_us_per_read": ("CPU us per wake-up", 2),
    "growth": ("times that of the fewest", 2),
}
OVER_RAW = {"over_raw": ("times that of raw", 2)}
DELIVERED = {"delivered": ("delivered / configured", 4)}
FROM_THE_START = 10  # seconds; "within 0.5 % at every tick" is the goal
WINDOW_SECONDS = 0.01  # as rate_limited_reader counts
PLOTTED_WINDOWS = 200


@dataclass(frozen=True)
class Case:
    limit: str  # "own" or "group"
    members: int
    rate: float  # bytes per second, of each group or of each member
    tick: int  # milliseconds
    groups: int = 1  # that the members are dealt to

    @property
    def title(self) -> str:
        rate = f"{self.rate / 1e6:g} MB/s"
        if self.limit == "own":
            return f"{self.members} x {rate}, {self.tick} ms"
        groups = f"{self.groups} x " if self.groups > 1 else ""
        return f"{groups}{self.members // self.groups} in {rate}, {self.tick} ms"

    @property
    def file_name(self) -> str:
        return f"{self.limit}_{self.members}_members_{self.tick}_ms.svg"


RATES = (1e5, 1e6, 1e8)
TICKS = (100, 10, 1)
MEMBERS = (10, 100, 1000, 10000)
SINGLE = [Case("own", 1, rate, tick) for rate in RATES for tick in TICKS]
GROUPS = [Case("group", members, GROUP_RATE, tick) for members in MEMBERS for tick in TICKS]
STARTS = [Case(limit, members, rate, tick) for limit, members, rate in
          (("own", 1, 1e6), ("group", 10, GROUP_RATE)) for tick in TICKS]
OWN = [Case("own", members, MEMBER_RATE, tick) for members in MEMBERS for tick in TICKS]
PLOTTED = [Case("own", 1, 1e6, 100), Case("own", 1, 1e6, 10), Case("group", 1000, GROUP_RATE, 100),
           Case("group", 1000, GROUP_RATE, 10)]


def _unevenness(windows: list[float]) -> float:
    mean = statistics.fmean(windows)
    return statistics.pstdev(windows) / mean if mean else 0


def _tens(windows: list[float]) -> list[float]:
    return [sum(windows[i:i + 10]) for i in range(0, len(windows) - 9, 10)]


def _seconds(settings: Settings) -> int:
    return 2 if settings.quick else 5


def _read(settings: Settings, program, case: Case, **more: float) -> dict:
    options = {"members": case.members, "limit": case.limit, "rate": case.rate, "tick": case.tick,
               "groups": case.groups, "warmup": settings.warm_up * 2,
               "seconds": _seconds(settings)} | more
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
        "cpu_us_per_read": report["cpu_us_per_read"],
        "bytes_per_read": sum(report["windows"]) / report["reads"],
    }


def _plot(settings: Settings, case: Case, windows: dict[str, list[float]]) -> None:
    megabytes = {library: [count / WINDOW_SECONDS / 1e6 for count in counts[:PLOTTED_WINDOWS]]
                 for library, counts in windows.items()}
    configured = case.rate / 1e6 * (case.members if case.limit == "own" else 1)
    plot.write(settings.plots / case.file_name, f"{case.title} tick, windows of 10 ms", "MB/s",
               WINDOW_SECONDS, megabytes, configured)


def _builds(settings: Settings) -> dict:
    return settings.builds_of("rate_limited_reader")


def _with_raw(settings: Settings) -> dict:
    """And a program that reads at our pace without any library."""
    return _builds(settings) | {RAW: settings.program("raw_paced_reader")}


def _run_case(settings: Settings, case: Case, programs: dict) -> Samples:
    windows: dict[str, list[float]] = {}
    contenders = {name: partial(_measure, settings, program, case, windows, name)
                  for name, program in programs.items()}
    samples = run_case(settings, case.title, contenders)
    if settings.plots and case in PLOTTED and windows:
        _plot(settings, case, windows)
    return samples


def _run_all(settings: Settings, cases: list[Case], programs: dict) -> dict[Case, Samples]:
    return {case: _run_case(settings, case, programs) for case in cases
            if _is_chosen(settings, case)}


def _is_chosen(settings: Settings, case: Case) -> bool:
    """Quick: the shortest ticks and most of the members are left out."""
    return not settings.quick or case.tick > 1 and case.members in (1, 10, 1000)


def _table(heading: str, results: dict[Case, Samples], metrics: dict) -> str:
    return render_side_by_side(f"Rate limits: {heading}", "limit, tick", metrics,
                               list(results.values()))


# --- what others make of the same rate ---

def _windows_of(report: dict) -> Measurement:
    return {"delivered": report["delivered"], "uneven_100ms": _unevenness(_tens(report["windows"])),
            "uneven_10ms": _unevenness(report["windows"])}


def _references(settings: Settings) -> str:
    others, notes = limit_references.available(settings)
    results = []
    for rate in RATES:
        case = Case("own", 1, rate, 10)
        contenders = {library: (lambda program=program, case=case:
                                _windows_of(_read(settings, program, case)))
                      for library, program in _builds(settings).items()}
        contenders |= {name: (lambda read=read, rate=rate:
                              _windows_of(read(rate, _seconds(settings))))
                       for name, read in others.items()}
        results.append(run_case(settings, f"{rate / 1e6:g} MB/s", contenders))
    table = render_side_by_side("Rate limits: one stream, limited by others", "rate",
                                REFERENCE_METRICS, results)
    return "\n".join([table, "Ours and the stock library with ticks of 10 ms; nginx: proxy_download_rate of its"
                      " stream module; HTB: the kernel's, on\na veth pair, told to count frames as payload.",
                      *notes, ""])


# --- from the first byte on ---

def _from_the_start(settings: Settings) -> str:
    seconds = 2 if settings.quick else FROM_THE_START
    results = []
    for case in STARTS:
        contenders = {library: (lambda program=program, case=case: {
            "delivered": _read(settings, program, case, warmup=0, seconds=seconds)["delivered"]})
            for library, program in _builds(settings).items()}
        results.append(run_case(settings, f"{case.title}, first {seconds} s", contenders))
    return render_side_by_side("Rate limits: from the start", "limit, tick", DELIVERED, results)


# --- does a wake-up cost more among many? ---

def _among_many(settings: Settings) -> tuple[int, ...]:
    return MEMBERS if not settings.quick else (10, MANY)


def _cost_among_many(settings: Settings) -> str:
    """As many streams and wake-ups in every row, and a wake-up moves the same: only with how many others a
    stream shares its limit differs."""
    sizes = _among_many(settings)
    cases = [Case("group", sizes[-1], MEMBER_RATE * size, 10, groups=sizes[-1] // size)
             for size in sizes]
    results = [_run_case(settings, case, _builds(settings)) for case in cases]
    _add_growth(results)
    return render_side_by_side("Rate limits: what a wake-up costs among many", "limit, tick",
                               COST_METRICS, results)


def _cost_under_load(settings: Settings) -> str:
    """One group, whose rate grows with its members. What it costs to wake a process that sleeps is shared by
    whoever is served then, and few share it among few: that is so for raw as well."""
    cases = [Case("group", members, MEMBER_RATE * members, 10) for members in _among_many(settings)]
    results = [_run_case(settings, case, _with_raw(settings)) for case in cases]
    _add_growth(results)
    for samples in results:
        raw = samples.median(RAW, "cpu_us_per_read") or math.nan
        for rounds in samples.by_contender.values():
            for round_ in rounds:
                round_["over_raw"] = round_["cpu_us_per_read"] / raw
    return render_side_by_side("Rate limits: what a wake-up costs when the load grows",
                               "limit, tick", COST_METRICS | OVER_RAW, results)


def _add_growth(results: list[Samples]) -> None:
    for samples in results:
        for name, rounds in samples.by_contender.items():
            fewest = results[0].median(name, "cpu_us_per_read") or math.nan
            for round_ in rounds:
                round_["growth"] = round_["cpu_us_per_read"] / fewest


def run(settings: Settings) -> list[str]:
    single = _run_all(settings, SINGLE, _builds(settings))
    groups = _run_all(settings, GROUPS, _builds(settings))
    own = _run_all(settings, OWN, _with_raw(settings))
    return [
        _table("one stream", single, SINGLE_METRICS),
        _references(settings),
        _from_the_start(settings),
        _table("a group", groups, METRICS),
        _cost_among_many(settings),
        _cost_under_load(settings),
        _table("a limit each", own, METRICS),
    ]
