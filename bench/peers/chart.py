"""Bars as an SVG picture: for each row one bar, or several on top of each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

COLOURS = ["#6366f1", "#34d399", "#f59e0b", "#f43f5e", "#94a3b8", "#0ea5e9"]
FONTS = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
WIDTH, LEFT, RIGHT, TOP, STEP, THICKNESS = 880, 290, 170, 62, 30, 18


@dataclass(frozen=True)
class Bar:
    """One row: its title, a value for each part, and what is written at its end."""

    title: str
    values: Sequence[float]
    end: str


def svg(title: str, parts: Sequence[str], bars: Sequence[Bar]) -> str:
    """Draw the bars, the values of `parts` side by side in each of them."""
    height = TOP + STEP * len(bars) + 12
    unit = (WIDTH - LEFT - RIGHT) / max([1e-9, *(sum(bar.values) for bar in bars)])
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="{FONTS}" '
        f'role="img" aria-label="{escape(title)}">',
        f'<rect width="{WIDTH}" height="{height}" rx="12" fill="#fbfbfd"/>',
        f'<text x="24" y="28" font-size="15" fill="#1e293b">{escape(title)}</text>',
        *_legend(parts),
    ]
    for number, bar in enumerate(bars):
        lines += _bar(bar, TOP + STEP * number, unit)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _legend(parts: Sequence[str]) -> list[str]:
    lines, x = [], LEFT
    for part, colour in zip(parts, COLOURS, strict=False):
        lines.append(f'<rect x="{x}" y="40" width="10" height="10" fill="{colour}"/>')
        lines.append(f'<text x="{x + 15}" y="49" font-size="12" fill="#475569">{escape(part)}</text>')
        x += 15 + 7 * len(part) + 20
    return lines


def _bar(bar: Bar, y: int, unit: float) -> list[str]:
    lines = [_text(LEFT - 10, y, bar.title, 'fill="#1e293b" text-anchor="end"')]
    x = float(LEFT)
    for value, colour in zip(bar.values, COLOURS, strict=False):
        lines.append(f'<rect x="{x:.1f}" y="{y}" width="{value * unit:.1f}" height="{THICKNESS}" fill="{colour}"/>')
        x += value * unit
    return [*lines, _text(x + 6, y, bar.end, 'fill="#475569"')]


def _text(x: float, y: int, words: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y + THICKNESS - 5}" font-size="12.5" {style}>{escape(words)}</text>'
