"""Charts of a run as PNG files, drawn from numbers alone: learning curves, confusion, reliability."""

from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from training.calibration import Reliability
from training.epochs import Progress

INK, MUTED, GRID = "#1f2937", "#6b7280", "#e5e7eb"
BLUE, ORANGE = "#2563eb", "#ea580c"
DPI = 160


def draw_curves(path: Path, progress: Progress, *, title: str, test_accuracy: float) -> None:
    """Loss and accuracy over the epochs: training and validation, and the test accuracy at the end."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    epochs, losses, accuracies = torch.tensor(_downsampled(progress.curve)).T.tolist()
    loss_axes.plot(epochs, losses, color=BLUE, linewidth=1.6, label="training")
    accuracy_axes.plot(epochs, [100 * each for each in accuracies], color=BLUE, linewidth=1.6, label="training")
    if "validation_loss" in progress.history[0]:
        whole = range(1, len(progress.history) + 1)
        style = {"color": ORANGE, "linewidth": 1.8, "marker": "o", "markersize": 3, "label": "validation"}
        loss_axes.plot(whole, [each["validation_loss"] for each in progress.history], **style)
        accuracy_axes.plot(whole, [100 * each["validation_accuracy"] for each in progress.history], **style)
    accuracy_axes.axhline(100 * test_accuracy, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    accuracy_axes.annotate(
        f"test {test_accuracy:.2%}", (0, 100 * test_accuracy), xycoords=("axes fraction", "data"),
        xytext=(4, 4), textcoords="offset points", ha="left", color=INK, fontsize=9,
    )  # fmt: skip
    for axes, what in ((loss_axes, "Loss (cross entropy, nats)"), (accuracy_axes, "Accuracy (%)")):
        _style(axes, title=what, below="epochs")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    save_figure(figure, path, title=title)


def draw_trade_off(path: Path, points: Sequence[tuple[float, float]], *, chosen: tuple[float, float]) -> None:
    """Accuracy over cost (of the large network alone, 1) of the thresholds of a cascade, and those that were chosen."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    costs, accuracies = zip(*points, strict=True)
    axes.scatter(costs, [100 * each for each in accuracies], s=12, color=BLUE, label="thresholds")
    axes.scatter(chosen[0], 100 * chosen[1], s=48, color=ORANGE, label="chosen")
    _style(axes, title="Accuracy on the validation images (%)", below="cost of an image (large network: 1)")
    axes.legend(frameon=False, labelcolor=INK, fontsize=9, loc="lower right")
    save_figure(figure, path, title="Cascade")


def _downsampled(curve: Sequence[tuple[float, float, float]]) -> list[list[float]]:
    """At most 100 points, each the mean of as many neighbours as that takes."""
    size = -(-len(curve) // 100)
    return [torch.tensor(curve[i : i + size]).mean(dim=0).tolist() for i in range(0, len(curve), size)]


def draw_confusion(path: Path, confusion: Tensor, class_names: Sequence[str], *, title: str) -> None:
    """The confusion matrix ``(K, K)``, rows true classes, in per cent of each row."""
    shares = 100 * confusion / confusion.sum(dim=1, keepdim=True).clamp(min=1)
    classes = len(class_names)
    side = 2.6 + 0.56 * classes
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=100)
    for row in range(classes) if classes <= 30 else ():
        for column in range(classes):
            share = shares[row, column].item()
            axes.text(
                column, row, f"{share:.0f}" if share > 0.5 else "·", ha="center", va="center", fontsize=9,
                color="white" if share > 55 else INK if share > 0.5 else "#9ca3af",
            )  # fmt: skip
    axes.set_xticks(range(classes), class_names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(classes), class_names)
    axes.set_xlabel("predicted", color=MUTED)
    axes.set_ylabel("true class (a row adds up to 100 %)", color=MUTED)
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
    save_figure(figure, path, title=title)


def draw_reliability(path: Path, bins: Reliability, *, title: str) -> None:
    """The reliability diagram: accuracy against confidence, and the count of each bin."""
    figure = Figure(figsize=(5.2, 5.6), layout="constrained")
    axes, counts = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    width = 1 / len(bins.count)
    centres = [width * (index + 0.5) for index in range(len(bins.count))]
    filled = bins.count > 0
    axes.plot((0, 1), (0, 1), color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="perfect")
    axes.bar(centres, bins.accuracy.tolist(), width=0.9 * width, color=BLUE, alpha=0.25)
    style = {"color": BLUE, "marker": "o", "markersize": 4, "linewidth": 1.6, "label": "network"}
    axes.plot(bins.confidence[filled].tolist(), bins.accuracy[filled].tolist(), **style)
    counts.bar(centres, bins.count.tolist(), width=0.9 * width, color=BLUE, alpha=0.6)
    _style(axes, title="Accuracy", below="")
    _style(counts, title="Images", below="confidence: probability of the predicted class")
    axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    save_figure(figure, path, title=f"{title}: calibration error {bins.error:.2%}")


def _style(axes: Axes, *, title: str, below: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=MUTED)
    axes.set_xlabel(below, color=MUTED)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.tick_params(length=0, labelcolor=MUTED)


def save_figure(figure: Figure, path: Path, *, title: str) -> None:
    """Write the figure under its title, the same way every time."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK, fontweight="bold")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
