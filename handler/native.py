"""The native protocol of `/predictions/M`: an image as field, body or JSON; its answer is one document."""

from collections.abc import Mapping, Sequence
from typing import Any

from handler.answer import DocumentWriter, error_fields, to_json
from handler.errors import RowError
from handler.protocol import Answer, ImageRequest, Limits, Prediction, Result
from handler.request import read_request


class Native:
    """One image a request; errors are `{"code", "type", "message"}`, TorchServe's own fields.

    Args:
        writer: of this model's predictions.
        limits: what requests are held against.
    """

    name = "rest"

    def __init__(self, writer: DocumentWriter, limits: Limits) -> None:
        self._writer = writer
        self._limits = limits

    def read(self, row: Mapping[str, Any], headers: Mapping[str, Any]) -> ImageRequest:
        """The image of a row; see `read_request`."""
        images, top_k = read_request(
            row,
            headers,
            default_top_k=self._limits.default_top_k,
            class_count=self._limits.class_count,
            max_image_bytes=self._limits.max_image_bytes,
        )
        return ImageRequest(images, top_k)

    def answer(self, request: ImageRequest, results: Sequence[Result]) -> Answer:
        """The document of the one image."""
        (result,) = results
        assert not isinstance(result, Exception), "a row of one image that has an error is refused"
        return Answer(self._body(result))

    def _body(self, result: Prediction) -> bytes:
        return self._writer.document(result).encode()

    def error(self, error: RowError) -> bytes:
        """`{"code", "type", "message"}`, so that clients read every error of the native endpoints alike."""
        return to_json(error_fields(error) | {"message": error.message})


class Tutorial(Native):
    """The native protocol with the answer of PyTorch's Flask tutorial; a gateway asks for it at /classify."""

    def _body(self, result: Prediction) -> bytes:
        """`{"class": 3, "class_name": "cat"}` of the one image."""
        return self._writer.tutorial_answer(result)
