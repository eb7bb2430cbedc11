"""A chart of the most confident mistakes: images misclassified with high probability."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor

from training.charts import INK, MUTED, save_figure
from training.sources import LabelledImages

MISTAKES = 10


def draw_mistakes(
    path: Path, labelled: LabelledImages, logits: Tensor, class_names: Sequence[str], *, title: str
) -> int:
    """Draw the mistakes of highest probability, at most ten; returns how many there were."""
    confidence, predicted = logits.softmax(dim=1).max(dim=1)
    wrong = (predicted != labelled.labels).nonzero().flatten()
    worst = wrong[confidence[wrong].argsort(descending=True)][:MISTAKES]
    figure = Figure(figsize=(10, 5), layout="constrained")
    for axes, index in zip(figure.subplots(2, MISTAKES // 2).flat, worst.tolist() + [None] * MISTAKES, strict=False):
        axes.axis("off")
        if index is None:
            continue
        axes.imshow(labelled.images[index].permute(1, 2, 0).numpy(), interpolation="nearest")
        answer, truth = class_names[int(predicted[index])], class_names[int(labelled.labels[index])]
        axes.set_title(f"{answer} {confidence[index]:.1%}", color=INK, fontsize=11)
        axes.text(0.5, -0.03, f"is a {truth}", color=MUTED, ha="center", va="top", transform=axes.transAxes)
    save_figure(figure, path, title=title)
    return len(worst)
