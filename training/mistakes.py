"""The most confident mistakes as one picture: where a network is wrong and sure of it."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor

from training.charts import INK, MUTED, save_figure
from training.sources import Pictures

MISTAKES = 10


def draw_mistakes(path: Path, pictures: Pictures, logits: Tensor, class_names: Sequence[str], *, title: str) -> int:
    """Draw the wrong answers of highest probability, at most ten; returns how many there were to draw."""
    confidence, answer = logits.softmax(dim=1).max(dim=1)
    wrong = (answer != pictures.labels).nonzero().flatten()
    worst = wrong[confidence[wrong].argsort(descending=True)][:MISTAKES]
    figure = Figure(figsize=(10, 5), layout="constrained")
    for axes, index in zip(figure.subplots(2, MISTAKES // 2).flat, worst.tolist() + [None] * MISTAKES, strict=False):
        axes.axis("off")
        if index is None:
            continue
        axes.imshow(pictures.images[index].permute(1, 2, 0).numpy(), interpolation="nearest")
        said, truth = class_names[int(answer[index])], class_names[int(pictures.labels[index])]
        axes.set_title(f"{said} {confidence[index]:.1%}", color=INK, fontsize=11)
        axes.text(0.5, -0.03, f"is a {truth}", color=MUTED, ha="center", va="top", transform=axes.transAxes)
    save_figure(figure, path, title=title)
    return len(worst)
