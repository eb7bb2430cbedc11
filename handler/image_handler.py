"""TorchServe's entry point: rows in, answers out, one forward pass for the whole batch.

TorchServe demands exactly one class in this module. It derives from nothing: `BaseHandler` would bring none of what
is used here. All that a batch needs is set once in `initialize`; from there on state flows through returns.
"""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.class_names import load_class_names
from engine.drift import read_reference
from engine.loading import load_engine
from handler.access_log import access_log
from handler.answer import to_json
from handler.batch import Batch
from handler.errors import (
    HTTP_STATUSES,
    ExplainedElsewhereError,
    RequestError,
    RowError,
    ServerStoppingError,
    TooManyImagesError,
    type_name,
)
from handler.explanations import explained_elsewhere, is_explanation_request
from handler.front_end import LAST_OF_STREAM, STREAM_HEADER, explained, is_describe_request, is_grpc
from handler.protocol import JSON_TYPE, Answer, ImageRequest, Limits, RowProtocol
from handler.protocols import Protocols
from handler.quiesce import RUNTIME_DIR_VARIABLE, draining_file, wait_while_quiesced
from handler.settings import HandlerSettings
from handler.socket_reader import install_socket_reader
from handler.telemetry import GRPC, Telemetry
from images.decode import Pixels, decode_image, silence_pillow_log
from images.errors import ImageError
from images.square import square_pixels

if TYPE_CHECKING:
    from ts.context import Context

logger = logging.getLogger(__name__)

# `max_response_size` of config.properties: for a longer answer TorchServe ends the worker.
MAX_ANSWER_BYTES = 1_000_000


class ImageHandler:
    """Classifies images. A bad row gets its own error and never touches its neighbours."""

    def initialize(self, context: "Context") -> None:
        """Load the archive that TorchServe unpacked, and run it once.

        Raises:
            RuntimeError: the parts of the archive do not fit together.
            ValueError: a wrong setting in model-config.yaml.
        """
        install_socket_reader()
        silence_pillow_log()
        # TorchServe logs a line a batch, and each goes through a pipe to its front end.
        logging.getLogger().setLevel(logging.WARNING)
        properties, manifest_model = context.system_properties, context.manifest["model"]
        model_dir = Path(properties["model_dir"])
        self.settings = HandlerSettings.from_section((context.model_yaml_config or {}).get("handler"))
        self.class_names = load_class_names(model_dir / "index_to_name.json")
        self.model_name = str(context.model_name)
        self.model_version = str(manifest_model["modelVersion"])
        self.protocols = Protocols(
            self.class_names,
            model_name=self.model_name,
            model_version=self.model_version,
            limits=Limits(
                default_top_k=min(self.settings.top_k, len(self.class_names)),
                class_count=len(self.class_names),
                max_image_bytes=self.settings.max_image_bytes,
                max_image_pixels=self.settings.max_image_pixels,
                max_images=self.settings.max_images,
            ),
        )
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
        self.telemetry = Telemetry(
            model=self.model_name,
            version=self.model_version,
            stages=self.engine.description()["stages"],
            log=access_log(os.environ, model=self.model_name, version=self.model_version),
            class_names=self.class_names,
            reference=read_reference(model_dir),
        )

    def handle(self, rows: Sequence[Mapping[str, Any]], context: "Context") -> list[bytes]:
        """Answer a batch, in order: one body a row, its status and headers set on the context."""
        self.telemetry.begin(len(rows))
        try:
            return self._answers(rows, context)
        except Exception as fault:
            self.telemetry.failed(fault)
            raise
        finally:
            self.telemetry.end()

    def _answers(self, rows: Sequence[Mapping[str, Any]], context: "Context") -> list[bytes]:
        draining = self.draining_file is not None and os.path.exists(self.draining_file)  # noqa: PTH110 (a tenth of Path's)
        answers: list[bytes] = [b""] * len(rows)
        spoken: list[RowProtocol] = []
        batch = Batch(self._decode)
        for index, row in enumerate(rows):
            headers = context.get_all_request_header(index)
            context.set_response_content_type(index, JSON_TYPE)
            protocol, row = self.protocols.of(row, headers)
            spoken.append(protocol)
            label = protocol.name
            if is_grpc(headers):
                context.set_response_header(index, STREAM_HEADER, LAST_OF_STREAM)
                label = GRPC
            try:
                if not row and is_describe_request(headers):
                    answers[index] = self._description()
                else:
                    self.telemetry.arrived(index, label, headers, context.get_request_id(index))
                    batch.add(index, self._request(protocol, row, headers, draining=draining))
            except (ImageError, RequestError) as refusal:
                answers[index] = self._refused(explained(refusal, headers), index, protocol, context)
        for index, request, results in batch.results(self.engine, self.telemetry):
            try:
                answers[index] = self._body(spoken[index].answer(request, results), index, context)
                self.telemetry.answered(index, results=results)
            except (ImageError, RequestError) as refusal:
                answers[index] = self._refused(refusal, index, spoken[index], context)
        return answers

    def _request(
        self, protocol: RowProtocol, row: Mapping[str, Any], headers: Mapping[str, Any], *, draining: bool
    ) -> ImageRequest:
        if is_explanation_request(headers):
            raise explained_elsewhere(row, headers, model=self.model_name, version=self.model_version)
        if draining:
            raise ServerStoppingError("the server is stopping; send the request to another, or again later")
        return protocol.read(row, headers)

    def _refused(self, error: RowError, index: int, protocol: RowProtocol, context: "Context") -> bytes:
        """The body of a refusal; its status is set on the context."""
        logger.debug("row %d refused: %s", index, error.message)
        code, phrase = HTTP_STATUSES[type(error)]
        context.set_response_status(code=code, phrase=phrase, idx=index)
        if isinstance(error, ExplainedElsewhereError):
            context.set_response_header(index, "Location", error.location)
        self.telemetry.answered(index, code, type_name(type(error)))
        return protocol.error(error)

    def _body(self, answer: Answer, index: int, context: "Context") -> bytes:
        """The body of an answer; its headers are set on the context."""
        if len(answer.body) > MAX_ANSWER_BYTES:
            raise TooManyImagesError(
                f"an answer of {len(answer.body):,} bytes; expected at most {MAX_ANSWER_BYTES:,}: "
                "send fewer images, or ask for fewer outputs or classes"
            )
        if answer.content_type != JSON_TYPE:
            context.set_response_content_type(index, answer.content_type)
        for name, value in answer.headers.items():
            context.set_response_header(index, name, value)
        return answer.body

    def _decode(self, image: bytes | bytearray | Pixels) -> Pixels:
        start_s = time.perf_counter()
        if isinstance(image, (bytes, bytearray)):
            size = len(image)
            pixels = decode_image(image, image_size=self.engine.image_size, max_pixels=self.settings.max_image_pixels)
        else:
            size = image.nbytes
            pixels = square_pixels(image, size=self.engine.image_size)
        self.telemetry.decoded(time.perf_counter() - start_s, size)
        return pixels

    def _description(self) -> bytes:
        """What the management API shows with `?customized=true`; `pid` tells which worker answered."""
        if self.runtime_dir:
            wait_while_quiesced(self.runtime_dir)
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
                "max_images": self.settings.max_images,
            }
        )
