"""Line plots as SVG, without anything but the standard library."""

import math
from pathlib import Path

WIDTH, HEIGHT = 760, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 34, 36
# Told apart by the colour-blind and in grey, too: what was aimed at is dashed.
STYLES = {"stock": "#d55e00", "ours": "#0072b2"}
OTHER_COLOURS = ("#009e73", "#cc79a7", "#e69f00")
AIM_COLOUR = "#222"
LEGEND_WIDTH = 84
TICKS = 5


def _scale_x(value: float, largest: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * value / largest


def _scale_y(value: float, largest: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / largest


def _line(values: list[float], step: float, most_x: float, most_y: float, colour: str) -> str:
    points = " ".join(f"{_scale_x(i * step, most_x):.1f},{_scale_y(value, most_y):.1f}"
                      for i, value in enumerate(values))
    return (f'<polyline fill="none" stroke="{colour}" stroke-width="1.4" stroke-linejoin="round" '
            f'points="{points}"/>')


def _aim(value: float, most_y: float) -> str:
    y = _scale_y(value, most_y)
    return (f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{AIM_COLOUR}" stroke-width="1.2" '
            'stroke-dasharray="6 4"/>')


def _legend(names: list[str], colours: dict[str, str]) -> list[str]:
    """From the right, in the line of the unit: a piece of the line and its name."""
    parts = []
    for i, name in enumerate(names):
        x = WIDTH - RIGHT - LEGEND_WIDTH * (len(names) - i)
        dashes = ' stroke-dasharray="6 4"' if colours[name] == AIM_COLOUR else ""
        parts.append(f'<path d="M{x} {TOP - 12}h18" stroke="{colours[name]}" stroke-width="2"{dashes}/>')
        parts.append(_text(x + 22, TOP - 8, name, colour=colours[name]))
    return parts


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'


def _axes(most_x: float, most_y: float, unit: str) -> list[str]:
    parts = []
    for i in range(TICKS + 1):
        value = most_y * i / TICKS
        y = _scale_y(value, most_y)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{value:.3g}", "end"))
        time = most_x * i / TICKS
        parts.append(_text(_scale_x(time, most_x), HEIGHT - BOTTOM + 16, f"{time:.3g}", "middle"))
    parts.append(_text(WIDTH / 2, HEIGHT - 6, "seconds", "middle"))
    parts.append(_text(6, TOP - 8, unit))
    return parts


def _round_up(value: float) -> float:
    """So that the marks of the axis are numbers that one would choose."""
    step = value / TICKS or 1
    unit = 10 ** math.floor(math.log10(step))
    return TICKS * unit * min(factor for factor in (1, 2, 2.5, 4, 5, 10) if factor * unit >= step)


def _colours(names: list[str]) -> dict[str, str]:
    others = iter(OTHER_COLOURS)
    return {name: STYLES.get(name) or next(others) for name in names}


def write(path: Path, title: str, unit: str, step: float, series: dict[str, list[float]],
          aim: float | None = None) -> None:
    """One line per named series; values are `step` seconds apart. `aim` is what was configured."""
    most_x = max(len(values) for values in series.values()) * step
    most_y = _round_up(max([aim or 0] + [max(values) for values in series.values()]))
    colours = _colours(list(series))
    parts = _axes(most_x, most_y, unit) + [_text(LEFT, 16, title)]
    parts += [_line(values, step, most_x, most_y, colours[name]) for name, values in series.items()]
    if aim is not None:
        colours["configured"] = AIM_COLOUR
        parts.append(_aim(aim, most_y))
    parts += _legend(list(colours), colours)
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
                    f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">\n'
                    f'<title>{title}</title>\n'
                    f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
                    + "\n".join(parts) + "\n</svg>\n")
