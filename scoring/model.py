"""An unpacked archive in a worker process: bytes to rows, by the very code that TorchServe's worker runs.

Imported after `worker.py` has put the archive before the checkout on `sys.path`, so `engine`, `handler` and `images`
are those that the archive carries.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

import engine
import handler
import images
from engine.class_names import load_class_names
from engine.loading import load_engine
from engine.margins import top2_margins
from engine.ranking import best_classes
from handler.answer import PROBABILITY_DIGITS
from handler.errors import RequestError, type_name
from handler.request import read_request
from handler.settings import HandlerSettings
from images.decode import Pixels, decode_image, silence_pillow_log
from images.errors import ImageError
from scoring.archive import manifest_model
from scoring.chunks import Entry
from scoring.errors import ModelError
from scoring.reading import read_image
from scoring.rows import RowError, Rows

UNREADABLE = "Unreadable"  # the type of a row whose file is missing, forbidden or no file; the server knows no files


class Loaded(NamedTuple):
    """An entry with its pixels, or with why it has none."""

    key: str
    label: str | None
    pixels: Pixels | None
    error: RowError | None


class Model:
    """Reads, decodes and classifies as the server does. `load` may run in several threads, `score` in one.

    Args:
        model_dir: an unpacked archive.
        top_k: classes of each answer; the archive's own setting if None.

    Raises:
        ModelError: the archive cannot be loaded here.
    """

    def __init__(self, model_dir: Path, *, top_k: int | None) -> None:
        for room in (engine, handler, images):
            if Path(str(room.__file__)).resolve().parent.parent != model_dir.resolve():
                raise ModelError(f"{room.__file__} was imported; expected the code of the archive in {model_dir}")
        silence_pillow_log()
        model = manifest_model(model_dir)
        config = yaml.safe_load((model_dir / model["configFile"]).read_text(encoding="utf-8")) or {}
        self.settings = HandlerSettings.from_section(config.get("handler"))
        self._decoding = threading.Lock()  # decoding a TIFF turns standard error off and on again, for all threads
        self.classes = len(load_class_names(model_dir / "index_to_name.json"))
        self.top_k = min(top_k or self.settings.top_k, self.classes)
        self.batch_size = int(config.get("batchSize", 1))
        self.engine = load_engine(
            model_dir,
            manifest_model=model,
            classes=self.classes,
            precision=self.settings.precision,
            batch_size=self.batch_size,
            gpu_id=None,
        )

    def load(self, entry: Entry) -> Loaded:
        """Read and decode one image; whatever is wrong with it is said in the result."""
        try:
            image = read_image(entry.where, max_bytes=self.settings.max_image_bytes)
            request = read_request(
                {"body": image},
                {},
                default_top_k=self.top_k,
                class_count=self.classes,
                max_image_bytes=self.settings.max_image_bytes,
            )
            with self._decoding:
                pixels = decode_image(
                    request.images[0],
                    image_size=self.engine.image_size,
                    max_pixels=self.settings.max_image_pixels,
                )
        except (ImageError, RequestError) as refusal:
            return refused(entry, RowError(type_name(type(refusal)), refusal.message))
        except OSError as fault:
            reason = (fault.strerror or str(fault)).lower()
            return refused(entry, RowError(UNREADABLE, f"{reason}; expected a file to read"))
        return Loaded(entry.key, entry.label, pixels, None)

    def score(self, batch: Sequence[Loaded], rows: Rows) -> None:
        """Classify a batch in one forward pass, and add its rows.

        Raises:
            RuntimeError: the engine could not compute it.
        """
        numbers, pixels = [], []
        for loaded in batch:
            number = rows.add(loaded.key, loaded.label)
            if loaded.pixels is None:
                assert loaded.error is not None
                rows.errors[number] = loaded.error
            else:
                numbers.append(number)
                pixels.append(loaded.pixels)
        if not pixels:
            return
        probabilities = self.engine.probabilities(np.concatenate(pixels).reshape(-1, *pixels[0].shape))
        best = best_classes(probabilities, self.top_k)
        margins: NDArray[np.float64] = top2_margins(probabilities).astype(np.float64).round(PROBABILITY_DIGITS)
        rows.answer(numbers, best.classes, _as_printed(best.probabilities), margins)


def refused(entry: Entry, error: RowError) -> Loaded:
    """An image that has no class."""
    return Loaded(entry.key, entry.label, None, error)


def _as_printed(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities as the server prints them: Python's rounding, which NumPy's does not always equal."""
    printed = [round(value, PROBABILITY_DIGITS) for value in probabilities.ravel().tolist()]
    return np.array(printed, np.float64).reshape(probabilities.shape)
