"""Alternating measurements: the clock of a shared machine drifts by more than the differences we look for,
so contenders take turns in the order A B C C B A, and only ratios within a round are compared."""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.settings import BenchmarkError, Settings

Measurement = dict[str, float]
Contenders = dict[str, Callable[[], Measurement]]


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


def _one_round(contenders: Contenders) -> dict[str, Measurement]:
    there = {name: measure() for name, measure in contenders.items()}
    back = {name: measure() for name, measure in reversed(contenders.items())}
    return {name: _mean(there[name], back[name]) for name in contenders}


def run_case(settings: Settings, title: str, contenders: Contenders) -> Samples:
    """Runs all rounds of one case. A contender that fails ends the case: its table row stays empty."""
    print(f"  {title} ...", file=sys.stderr, flush=True)
    samples = Samples(title, {name: [] for name in contenders})
    try:
        for _ in range(settings.rounds):
            for name, measurement in _one_round(contenders).items():
                samples.by_contender[name].append(measurement)
    except BenchmarkError as error:
        print(f"  FAILED {title}: {error}", file=sys.stderr)
        return Samples(f"{title} (failed)")
    return samples
