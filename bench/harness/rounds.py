"""Alternating measurements: the clock of a shared machine drifts by more than the differences we look for,
so contenders take turns in the order A B C C B A, and only ratios within a round are compared."""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.settings import BenchmarkError, Settings

Measurement = dict[str, float]
Contenders = dict[str, Callable[[], Measurement]]

failures: list[str] = []  # of all cases so far


@dataclass
class Samples:
    """What one case measured: for each contender one measurement per round."""

    title: str
    by_contender: dict[str, list[Measurement]] = field(default_factory=dict)

    def median(self, contender: str, metric: str) -> float | None:
        values = [round_[metric] for round_ in self.by_contender.get(contender, ())]
        return statistics.median(values) if values else None

    def ratios(self, over: str, under: str, metric: str) -> list[float]:
        pairs = zip(self.by_contender.get(over, ()), self.by_contender.get(under, ()))
        return [a[metric] / b[metric] for a, b in pairs if b[metric]]


def _mean(first: Measurement, second: Measurement) -> Measurement:
    return {metric: (value + second[metric]) / 2 for metric, value in first.items()}


def _there_and_back(contenders: Contenders) -> dict[str, Measurement]:
    """One round. A contender that fails is left out, and noted."""
    runs: dict[str, list[Measurement]] = {name: [] for name in contenders}
    for name in [*contenders, *reversed(contenders)]:
        if name not in runs:
            continue
        try:
            runs[name].append(contenders[name]())
        except BenchmarkError as error:
            failures.append(f"{name}: {error}")
            del runs[name]
    return {name: _mean(*both) for name, both in runs.items()}


def run_case(settings: Settings, title: str, contenders: Contenders) -> Samples:
    """Runs all rounds of one case. A contender that fails once has no numbers in it."""
    print(f"  {title} ...", file=sys.stderr, flush=True)
    rounds = []
    for _ in range(settings.rounds):
        rounds.append(_there_and_back(contenders))
        contenders = {name: contenders[name] for name in rounds[-1]}
    return Samples(title, {name: [round_[name] for round_ in rounds] for name in contenders})
