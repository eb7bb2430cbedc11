"""Draw curves of throughput, on logarithmic axes: a straight line is proportional growth."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter


@dataclass(frozen=True)
class Curve:
    """One line of a figure."""

    title: str
    x: Sequence[float]
    y: Sequence[float]


def draw(curves: Sequence[Curve], *, label: str, path: Path) -> None:
    """Draw curves over one x axis as a PNG file."""
    figure = Figure(figsize=(6.4, 4), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for curve in curves:
        axes.plot(curve.x, curve.y, marker="o", label=curve.title)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel(label)
    axes.set_ylabel(curves[0].title if len(curves) == 1 else "requests/s")
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend(frameon=False)
    figure.savefig(path)
