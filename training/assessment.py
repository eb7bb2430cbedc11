"""Evaluate any weights on any source: the table, the confusion matrix, calibration, and the worst mistakes."""

from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from training.calibration import reliability
from training.charts import draw_confusion, draw_reliability
from training.errors import SourceError
from training.evaluation import agreement, evaluate, predict
from training.mistakes import draw_mistakes
from training.networks import image_size, load_network
from training.processor import has_bf16
from training.sources import LabelledImages, Source, load_source
from training.tables import class_table


def assess(weights: Path, *, source_name: str, out: Path, console: Console) -> None:
    """Print how good ``weights`` are on the test pictures of a source, and draw ``<out>/<weights>-*.png``.

    Raises TrainingError where the weights or the source cannot be used, or their classes do not fit.
    """
    network, record = load_network(weights)
    class_names: list[str] = record["class_names"]
    source = load_source(source_name, image_size=image_size(type(network)))
    pictures = match_classes(source, class_names)
    logits = predict(network, pictures.images)
    evaluation, bins = evaluate(logits, pictures.labels), reliability(logits, pictures.labels)
    console.print(class_table(evaluation, class_names))
    console.print(f"calibration error {bins.error:.2%} over {len(bins.count)} bins", highlight=False)
    if has_bf16(torch.device("cpu")):
        same = agreement(logits, predict(network, pictures.images, bf16=True))
        console.print(f"bfloat16 gives the same class on {same:.2%} of the pictures", highlight=False)
    title = f"{weights.stem} on {source.description}"
    charts = {kind: out / f"{weights.stem}-{kind}.png" for kind in ("confusion", "reliability", "mistakes")}
    draw_confusion(charts["confusion"], evaluation.confusion, class_names, title=f"{title}: {evaluation.accuracy:.2%}")
    draw_reliability(charts["reliability"], bins, title=weights.stem)
    draw_mistakes(charts["mistakes"], pictures, logits, class_names, title=f"{title}: the most confident mistakes")
    console.print(f"charts: {out}/{weights.stem}-{{{','.join(charts)}}}.png", highlight=False, soft_wrap=True)


def match_classes(source: Source, class_names: Sequence[str]) -> LabelledImages:
    """The source's test pictures with the labels that the network knows.

    Classes go by their names; if no name fits and there are as many, by their order (airplane is plane).
    """
    if set(source.class_names) <= set(class_names):
        known = torch.tensor([class_names.index(name) for name in source.class_names])
        return LabelledImages(source.test.images, known[source.test.labels])
    if len(source.class_names) == len(class_names):
        return source.test
    raise SourceError(
        f"The source has the classes {', '.join(source.class_names)}; the network knows {', '.join(class_names)}. "
        "Give pictures in folders of these names."
    )
