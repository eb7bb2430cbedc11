"""Tables for the terminal."""

from collections.abc import Sequence

from rich.table import Table

from training.evaluation import Evaluation


def class_table(evaluation: Evaluation, class_names: Sequence[str]) -> Table:
    """Per class: images, recall, precision, and the class it is most often confused with."""
    table = Table(title=f"accuracy {evaluation.accuracy:.2%} of {evaluation.n:,} images")
    table.add_column("class")
    for heading in ("images", "recall", "precision"):
        table.add_column(heading, justify="right")
    table.add_column("most often confused with")
    counts = evaluation.confusion.sum(dim=1).tolist()
    for label, name in enumerate(class_names):
        recall, precision = evaluation.recall[label], evaluation.precision[label]
        table.add_row(
            name, f"{counts[label]:,}", _percent(recall), _percent(precision), _rival(evaluation, class_names, label)
        )
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _rival(evaluation: Evaluation, class_names: Sequence[str], label: int) -> str:
    """The class most often predicted wrongly for images of this one, and how often."""
    answers = evaluation.confusion[label].clone()
    answers[label] = 0
    rival = int(answers.argmax())
    return f"{class_names[rival]} ({int(answers[rival])})" if answers[rival] else "-"
