"""TorchServe's entry point: rows in, answers out, one forward pass for the whole batch.

TorchServe demands exactly one class in this module. It derives from nothing: `BaseHandler` would bring none of what
is used here. All that a batch needs is set once in `initialize`; from there on state flows through returns.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.loading import load_engine
from engine.network import load_class_names
from handler.answer import AnswerWriter, error_answer, to_json
from handler.errors import HTTP_STATUSES, RequestError, ServerStoppingError
from handler.quiesce import RUNTIME_DIR_VARIABLE, draining_file, wait_while_quiesced
from handler.request import ImageRequest, read_request
from handler.settings import HandlerSettings
from handler.socket_reader import read_in_large_pieces
from images.decode import Pixels, decode_image, quiet_pillow, silence_pillow_log
from images.errors import ImageError

if TYPE_CHECKING:
    from ts.context import Context

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/json"


class ImageHandler:
    """Classifies pictures. A bad row gets its own error and never touches its neighbours."""

    def initialize(self, context: "Context") -> None:
        """Load the archive that TorchServe unpacked, and run it once.

        Raises:
            RuntimeError: the parts of the archive do not fit together.
            ValueError: a wrong setting in model-config.yaml.
        """
        read_in_large_pieces()
        silence_pillow_log()
        # TorchServe logs a line a batch, and each goes through a pipe to its front end.
        logging.getLogger().setLevel(logging.WARNING)
        properties, manifest_model = context.system_properties, context.manifest["model"]
        model_dir = Path(properties["model_dir"])
        self.settings = HandlerSettings.from_section((context.model_yaml_config or {}).get("handler"))
        self.class_names = load_class_names(model_dir / "index_to_name.json")
        self.model_version = str(manifest_model["modelVersion"])
        self.writer = AnswerWriter(self.class_names, model_version=self.model_version)
        self.runtime_dir = os.environ.get(RUNTIME_DIR_VARIABLE)
        self.draining_file = draining_file(self.runtime_dir) if self.runtime_dir else None
        self.engine = load_engine(
            model_dir,
            manifest_model=manifest_model,
            classes=len(self.class_names),
            precision=self.settings.precision,
            batch_size=properties.get("batch_size") or 1,
            gpu_id=properties.get("gpu_id"),
        )

    def handle(self, rows: Sequence[Mapping[str, Any]], context: "Context") -> list[bytes]:
        """Answer a batch, in order: one JSON document a row, its status and content type set on the context."""
        draining = self.draining_file is not None and os.path.exists(self.draining_file)  # noqa: PTH110 (a tenth of Path's)
        answers: list[bytes] = [b""] * len(rows)
        requests: dict[int, ImageRequest] = {}
        images: list[Pixels] = []
        with quiet_pillow():
            for index, row in enumerate(rows):
                headers = context.get_all_request_header(index)
                context.set_response_content_type(index, CONTENT_TYPE)
                try:
                    if headers.get("describe") == "True":
                        if self.runtime_dir and len(rows) == 1:  # TorchServe's own descriptions come alone
                            wait_while_quiesced(self.runtime_dir)
                        answers[index] = self._description()
                        continue
                    request = self._request(row, headers, draining=draining)
                    images.append(self._pixels(request))
                    requests[index] = request
                except (ImageError, RequestError) as error:
                    logger.debug("row %d refused: %s", index, error.message)
                    code, phrase = HTTP_STATUSES[type(error)]
                    context.set_response_status(code=code, phrase=phrase, idx=index)
                    answers[index] = error_answer(error)
        for index, answer in zip(requests, self._predictions(images, list(requests.values())), strict=True):
            answers[index] = answer
        return answers

    def _request(self, row: Mapping[str, Any], headers: Mapping[str, Any], *, draining: bool) -> ImageRequest:
        if draining:
            raise ServerStoppingError("the server is stopping; send the request to another, or again later")
        return read_request(
            row,
            headers,
            default_top_k=min(self.settings.top_k, len(self.class_names)),
            class_count=len(self.class_names),
            max_image_bytes=self.settings.max_image_bytes,
        )

    def _pixels(self, request: ImageRequest) -> Pixels:
        return decode_image(request.image, image_size=self.engine.image_size, max_pixels=self.settings.max_image_pixels)

    def _predictions(self, images: list[Pixels], requests: list[ImageRequest]) -> list[bytes]:
        if not images:
            return []
        probabilities, classes = self._top(images, count=max(request.top_k for request in requests))
        return [
            self.writer.prediction(row_probabilities[: request.top_k], row_classes[: request.top_k])
            for request, row_probabilities, row_classes in zip(requests, probabilities, classes, strict=True)
        ]

    def _top(self, images: list[Pixels], *, count: int) -> tuple[list[list[float]], list[list[int]]]:
        """Probabilities and classes of the best `count` for each image, both (N, count), best first."""
        probabilities = self.engine.probabilities(np.stack(images))
        classes = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(probabilities, classes, axis=1).tolist(), classes.tolist()

    def _description(self) -> bytes:
        """What the management API shows with `?customized=true`; `pid` tells which worker answered."""
        return to_json(
            {
                "pid": os.getpid(),
                "model_version": self.model_version,
                "class_names": self.class_names,
                "image_size": self.engine.image_size,
                **self.engine.description(),
                "top_k": self.settings.top_k,
                "max_image_bytes": self.settings.max_image_bytes,
                "max_image_pixels": self.settings.max_image_pixels,
            }
        )
