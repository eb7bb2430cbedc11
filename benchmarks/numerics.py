"""How often the served engine names the class of float32: every test image, in process.

    python -m benchmarks.numerics                                       each record of model/
    python -m benchmarks.numerics model/cifar10-2.0.json --save x.json

`make bench-numerics` writes benchmarks/results/numerics.json.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import command
from benchmarks.errors import BenchmarkError
from benchmarks.project import unpacked
from benchmarks.project_engine import ProjectClassifier
from benchmarks.results import header, report
from benchmarks.uploads import TEST_IMAGES, labelled_files
from serving.settings import PROJECT

BATCH_SIZE = 32

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)
progress = Console(stderr=True, highlight=False, soft_wrap=True)


def probabilities(model_dir: Path, images: list[bytes], *, precision: str | None = None) -> NDArray[np.float32]:
    """Class probabilities (N, classes) of encoded images, in batches as they are served.

    Args:
        model_dir: an unpacked archive.
        images: encoded.
        precision: None for what the archive is served in on this machine.
    """
    classifier = ProjectClassifier(model_dir, batch_size=BATCH_SIZE, precision=precision)
    batches = [images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE)]
    return np.concatenate([classifier.probabilities(batch) for batch in track(batches, console=progress)])


def agreement(served: NDArray[np.float32], float32: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, Any]:
    """How far two sets of probabilities (N, classes) agree, and how accurate both are."""
    classes, reference = served.argmax(axis=1), float32.argmax(axis=1)
    return {
        "images": len(labels),
        "class_of_float32": round(float((classes == reference).mean()), 6),
        "accuracy": round(float((classes == labels).mean()), 6),
        "accuracy_of_float32": round(float((reference == labels).mean()), 6),
        "largest_difference": round(float(np.abs(served - float32).max()), 6),
        "mean_difference": round(float(np.abs(served - float32).mean()), 8),
    }


def measure(record: Path) -> dict[str, Any]:
    """Compare what is served of a record with float32, on every test image.

    Raises:
        BenchmarkError: there are no test images.
    """
    files = labelled_files()
    if not files:
        raise BenchmarkError(f"there are no images in {TEST_IMAGES}; unpack CIFAR-10 there")
    images, labels = [path.read_bytes() for path, _ in files], np.array([label for _, label in files])
    with unpacked(record) as model_dir:
        served = probabilities(model_dir, images)
        return agreement(served, probabilities(model_dir, images, precision="fp32"), labels)


@app.command()
def numerics(
    records: Annotated[list[Path] | None, typer.Argument(help="Training records; all of model/ if none.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the JSON document here too.")] = None,
) -> None:
    """Compare the served engine with float32."""
    found = {record.stem: measure(record) for record in records or sorted((PROJECT / "model").glob("*.json"))}
    table = Table("record", "class of float32", "accuracy", "of float32", "largest difference of a probability")
    for name, row in found.items():
        shares = (row[key] for key in ("class_of_float32", "accuracy", "accuracy_of_float32"))
        table.add_row(name, *(f"{share:.2%}" for share in shares), f"{row['largest_difference']:.4f}")
    Console().print(table)
    document = header() | {"records": found}
    report(document, save=save)


if __name__ == "__main__":
    command.run(app)
