"""Draw curves of throughput, on logarithmic axes: a straight line is proportional growth."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure


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
    axes.set_xticks(curves[0].x, [f"{x:g}" for x in curves[0].x])
    axes.set_xlabel(label)
    axes.set_ylabel("requests/s")
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend(frameon=False)
    figure.savefig(path)
