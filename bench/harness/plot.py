"""Line plots as SVG, without anything but the standard library."""

from pathlib import Path

WIDTH, HEIGHT = 760, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 34, 36
COLOURS = ("#c0392b", "#1f6fb4", "#2e8b57")
TICKS = 5


def _scale_x(value: float, largest: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * value / largest


def _scale_y(value: float, largest: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / largest


def _line(values: list[float], step: float, most_x: float, most_y: float, colour: str) -> str:
    points = " ".join(f"{_scale_x(i * step, most_x):.1f},{_scale_y(value, most_y):.1f}"
                      for i, value in enumerate(values))
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.2" points="{points}"/>'


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


def write(path: Path, title: str, unit: str, step: float, series: dict[str, list[float]]) -> None:
    """One line per named series; values are `step` seconds apart."""
    most_x = max(len(values) for values in series.values()) * step
    most_y = max(max(values) for values in series.values()) * 1.05 or 1
    parts = _axes(most_x, most_y, unit) + [_text(WIDTH / 2, 16, title, "middle")]
    for i, (name, values) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        parts.append(_line(values, step, most_x, most_y, colour))
        parts.append(_text(WIDTH - RIGHT - 60 * (len(series) - i), TOP - 8, name, colour=colour))
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
                    f'font-family="sans-serif" font-size="12">\n'
                    f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
                    + "\n".join(parts) + "\n</svg>\n")
