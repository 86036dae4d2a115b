"""Markdown tables of medians, with ratios and their spread."""

import statistics
from dataclasses import dataclass

from harness.rounds import Samples


@dataclass(frozen=True)
class Row:
    """One metric of one case. The gain is how many times better a contender is than the baseline."""

    title: str
    samples: Samples
    metric: str
    baseline: str
    more_is_better: bool = False

    def value(self, contender: str) -> str:
        return _short(self.samples.median(contender, self.metric))

    def gain(self, contender: str) -> str:
        over, under = self.baseline, contender
        if self.more_is_better:
            over, under = under, over
        ratios = self.samples.ratios(over, under, self.metric)
        if not ratios:
            return ""
        return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"


def _short(value: float | None) -> str:
    """Three digits that matter."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _contenders(rows: list[Row]) -> list[str]:
    names = [name for row in rows for name in row.samples.by_contender]
    return list(dict.fromkeys(names))


def render(heading: str, unit: str, rows: list[Row]) -> str:
    """A section with one table. Gains above 1 are better than the baseline."""
    contenders = _contenders(rows)
    baselines = {row.baseline for row in rows}
    compared = [name for name in contenders if name not in baselines]
    header = [unit] + contenders + [f"{name}: x better" for name in compared]
    body = [[row.title] + [row.value(name) for name in contenders]
            + [row.gain(name) for name in compared] for row in rows]
    return _section(heading, header, body)


def render_side_by_side(heading: str, unit: str, metrics: dict[str, tuple[str, int]],
                        results: list[Samples]) -> str:
    """A section with one column per metric, given as its title and number of decimals. A cell holds the
    medians of all contenders."""
    contenders = list(dict.fromkeys(name for samples in results for name in samples.by_contender))
    header = [f"{unit} ({' / '.join(contenders)})"] + [title for title, _ in metrics.values()]
    body = [[samples.title] + [_medians(samples, metric, decimals)
                               for metric, (_, decimals) in metrics.items()]
            for samples in results]
    return _section(heading, header, body)


def _medians(samples: Samples, metric: str, decimals: int) -> str:
    values = (samples.median(name, metric) for name in samples.by_contender)
    return " / ".join(f"{value:,.{decimals}f}" for value in values if value is not None)


def _section(heading: str, header: list[str], body: list[list[str]]) -> str:
    widths = [max(len(line[i]) for line in [header] + body) for i in range(len(header))]
    lines = [_line(header, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    lines += [_line(cells, widths) for cells in body]
    return f"## {heading}\n\n" + "\n".join(lines) + "\n"


def _line(cells: list[str], widths: list[int]) -> str:
    padded = [cell.ljust(width) if i == 0 else cell.rjust(width)
              for i, (cell, width) in enumerate(zip(cells, widths))]
    return "| " + " | ".join(padded) + " |"
