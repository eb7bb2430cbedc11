"""What resizing costs: people send photographs, not 32 x 32 crops. Accuracy by resize filter and kind of upload.

    python -m benchmarks.resize_filters                 the newest record of model/

Test images are enlarged to the sizes of photographs, some put on a canvas of another aspect ratio, written as JPEG,
decoded as the handler does, and classified, once for each resize filter. The last line of standard output is one JSON
document.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import command
from benchmarks.peers.torch_classifier import TorchClassifier
from benchmarks.records import newest_record
from benchmarks.uploads import encode_jpeg, labelled_files
from images import decode, square
from serving.settings import PROJECT

FILTERS = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
# The upload's canvas, and the part of it that the enlarged image fills; the rest is black (letterboxed).
UPLOADS = {
    "as it is, 32 x 32": None,
    "480 x 480": ((480, 480), (480, 480)),
    "640 x 480, letterboxed": ((640, 480), (480, 480)),
    "480 x 640, letterboxed": ((480, 640), (480, 480)),
    "640 x 480, stretched": ((640, 480), (640, 480)),
    "4000 x 3000, letterboxed": ((4000, 3000), (3000, 3000)),
}
JPEG_QUALITY = 90  # what cameras and phones write
MAX_PIXELS = 25_000_000
BATCH_SIZE = 100

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)


def upload(jpeg: bytes, shape: tuple[tuple[int, int], tuple[int, int]] | None) -> bytes:
    """Enlarge an image (bicubic, as image editors do), centre it on its canvas, and write it as JPEG."""
    if shape is None:
        return jpeg
    canvas_size, size = shape
    canvas = Image.new("RGB", canvas_size)
    image = Image.open(io.BytesIO(jpeg)).resize(size, Image.Resampling.BICUBIC)
    canvas.paste(image, ((canvas_size[0] - size[0]) // 2, (canvas_size[1] - size[1]) // 2))
    return encode_jpeg(canvas, quality=JPEG_QUALITY)


def accuracies(record: Path, kind: str, count: int) -> dict[str, float]:
    """The accuracy by the name of the filter, over `count` test images, as many of each class."""
    classifier, files = TorchClassifier(record), labelled_files()[:count]
    decoded: dict[str, list[decode.Pixels]] = {resample.name: [] for resample in FILTERS}
    for path, _ in track(files, description=kind):
        data = upload(path.read_bytes(), UPLOADS[kind])
        for name, pixels in decode_with_each_filter(data, size=classifier.image_size):
            decoded[name].append(pixels)
    labels = [label for _, label in files]
    return {name: accuracy(classifier, images, labels) for name, images in decoded.items()}


def decode_with_each_filter(data: bytes, *, size: int) -> Iterator[tuple[str, decode.Pixels]]:
    """Yield the name of each filter, and the image decoded by the handler with it."""
    chosen = square.RESAMPLE
    try:
        for resample in FILTERS:
            square.RESAMPLE = resample
            yield resample.name, decode.decode_image(data, image_size=size, max_pixels=MAX_PIXELS)
    finally:
        square.RESAMPLE = chosen


def accuracy(classifier: TorchClassifier, images: list[decode.Pixels], labels: list[int]) -> float:
    """The share of decoded images whose class the network names."""
    pixels = np.stack(images)
    batches = [pixels[start : start + BATCH_SIZE] for start in range(0, len(pixels), BATCH_SIZE)]
    best = np.concatenate([classifier.probabilities(batch).argmax(axis=1) for batch in batches])
    return round(float((best == np.array(labels)).mean()), 4)


@app.command()
def resize_filters(
    record: Annotated[Path | None, typer.Argument(help="The record of the weights; the newest of model/.")] = None,
    count: Annotated[int, typer.Option(help="Test images of each kind.")] = 2000,
    large: Annotated[int, typer.Option(help="Test images of the 12-megapixel kind.")] = 300,
) -> None:
    """Measure what enlarging, letterboxing and each resize filter do to accuracy."""
    record = record or newest_record(PROJECT / "model")
    found = {kind: accuracies(record, kind, large if "4000" in kind else count) for kind in UPLOADS}
    table = Table("upload", *(resample.name.lower() for resample in FILTERS), title=f"accuracy of {record.stem}")
    for kind, by_filter in found.items():
        table.add_row(kind, *(f"{accuracy:.1%}" for accuracy in by_filter.values()))
    Console().print(table)
    print(json.dumps({"record": record.stem, "count": count, "large": large, "accuracy": found}))


if __name__ == "__main__":
    command.run(app)
