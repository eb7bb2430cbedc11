"""One network in OpenVINO, on the CPU.

Three habits of OpenVINO (2026.4.1) decide how it is called here:

- With one thread, `infer()` and `compiled(x)` swallow an error while the graph runs and return the output of the batch
  before: other people's answers. `start_async()` and `wait()` raise. Besides, each batch gets an output array of its
  own, filled with NaN, so it can hold no earlier answer.
- After an error the compiled graph, with any request, refuses the next valid batch once: it is compiled anew.
- One-threaded processes all pin themselves to the same core, unless ENABLE_CPU_PINNING is off.

And one decides how often it is opened: a Core gives its thread an alternate signal stack, and frees it when it goes.
Of two Cores that go oldest first, the thread is left with a stack that is freed, and its next signal ends the process.
So a process has one Core, for as long as it lives (findings/openvino-signal-stack.sh).
"""

import os
from functools import cache
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from engine.metadata import HashedFile


class OpenVinoError(RuntimeError):
    """A batch that could not be computed."""


@cache
def openvino_core() -> openvino.Core:
    """The one Core of this process."""
    return openvino.Core()


class OpenVinoNetwork:
    """Runs one IR. Not to be shared between threads: its one request would mix their answers.

    Args:
        folder: where its two files lie.
        xml: the graph, with the SHA-256 that it must have.
        bin: its weights, likewise.
        image_size: side of the images in pixels.
        classes: how many there are.

    Raises:
        MetadataError: a file is missing or is another one.
        RuntimeError: the graph does not take such images, or does not tell so many classes apart.
    """

    def __init__(self, folder: Path, xml: HashedFile, bin: HashedFile, *, image_size: int, classes: int) -> None:
        self._folder, self._xml, self._bin = folder, xml, bin
        self._image_shape = (image_size, image_size, 3)
        self._classes = classes
        self._compile()

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Class probabilities (N, classes) float32 of N >= 1 RGB images (N, S, S, 3) uint8, in an array of their own.

        Raises:
            OpenVinoError: the batch has another shape or type, or could not be computed.
        """
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or len(pixels) < 1 or pixels.shape[1:] != self._image_shape:
            raise OpenVinoError(
                f"a batch of shape {pixels.shape}, {pixels.dtype}, came; expected (N, {str(self._image_shape)[1:]}, "
                "uint8, N >= 1"
            )
        answers = np.full((len(pixels), self._classes), np.nan, np.float32)
        try:
            # Both are read and written in place: nothing is copied.
            self._request.set_input_tensor(openvino.Tensor(np.ascontiguousarray(pixels), shared_memory=True))
            self._request.set_output_tensor(openvino.Tensor(answers, shared_memory=True))
            self._request.start_async()
            self._request.wait()
        except RuntimeError as error:
            self._compile()
            raise OpenVinoError(f"OpenVINO could not compute a batch of {len(pixels)}: {error}") from error
        if np.isnan(answers).any():
            self._compile()
            raise OpenVinoError(f"OpenVINO left a batch of {len(pixels)} without finite probabilities")
        return answers

    def _compile(self) -> None:
        # The bytes that were verified are those that are compiled. No CACHE_DIR: it goes by the name of the .xml, and
        # would serve the weights of an earlier archive.
        core = openvino_core()
        model = core.read_model(self._xml.read(self._folder), self._bin.read(self._folder))
        expected = (openvino.PartialShape([-1, *self._image_shape]), openvino.PartialShape([-1, self._classes]))
        came = (model.input().get_partial_shape(), model.output().get_partial_shape())
        if came != expected:
            raise RuntimeError(
                f"{self._xml.file} takes {came[0]} and gives {came[1]}; "
                f"expected {expected[0]} and {expected[1]}: export it again"
            )
        self._compiled = core.compile_model(model, "CPU", _settings())
        self._request = self._compiled.create_infer_request()


def _settings() -> dict[str, object]:
    """For a worker that shares its machine with others: as many threads as OMP_NUM_THREADS says, else one."""
    return {
        "INFERENCE_NUM_THREADS": int(os.environ.get("OMP_NUM_THREADS", "1")),
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "f32",  # unsaid, a CPU with bfloat16 computes float32 graphs in that
        "CPU_DENORMALS_OPTIMIZATION": True,  # GELU far below zero gives denormals; they take a CPU many times as long
    }
