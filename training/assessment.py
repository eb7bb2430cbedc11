"""Evaluates any weights on any source: the table of classes, confusion matrix, calibration, and worst mistakes."""

from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from engine.network_file import image_size
from training.calibration import reliability
from training.charts import draw_confusion, draw_reliability
from training.evaluation import agreement, evaluate, predict
from training.labels import match_classes
from training.mistakes import draw_mistakes
from training.networks import load_network
from training.processor import has_bf16
from training.sources import LabelledImages, load_source
from training.tables import class_table


def assess(weights: Path, *, source_name: str, out: Path, console: Console) -> None:
    """Print metrics of ``weights`` on the test images of a source, and draw ``<out>/<weights>-*.png``.

    Raises TrainingError where the weights or the source cannot be used, or their classes do not match.
    """
    network, record = load_network(weights)
    class_names: list[str] = record["class_names"]
    source = load_source(source_name, image_size=image_size(network))
    known: Sequence[str] = record.get("data", {}).get("folder_names", class_names)
    match = match_classes(source.class_names, class_names, folder_names=known)
    for remark in (*source.remarks, *filter(None, [match.remark])):
        console.print(remark, highlight=False, soft_wrap=True)
    labelled = LabelledImages(source.test.images, torch.tensor(match.labels)[source.test.labels])
    logits = predict(network, labelled.images)
    evaluation, bins = evaluate(logits, labelled.labels), reliability(logits, labelled.labels)
    console.print(class_table(evaluation, class_names))
    console.print(f"calibration error {bins.error:.2%} over {len(bins.count)} bins", highlight=False)
    if has_bf16(torch.device("cpu")):
        same = agreement(logits, predict(network, labelled.images, bf16=True))
        console.print(f"bfloat16 predicts the same class on {same:.2%} of the images", highlight=False)
    title = f"{weights.stem} on {source.description}"
    charts = {kind: out / f"{weights.stem}-{kind}.png" for kind in ("confusion", "reliability", "mistakes")}
    draw_confusion(charts["confusion"], evaluation.confusion, class_names, title=f"{title}: {evaluation.accuracy:.2%}")
    draw_reliability(charts["reliability"], bins, title=weights.stem)
    draw_mistakes(charts["mistakes"], labelled, logits, class_names, title=f"{title}: the most confident mistakes")
    console.print(f"charts: {out}/{weights.stem}-{{{','.join(charts)}}}.png", highlight=False, soft_wrap=True)
