"""KServe's V1 protocol: `{"instances": [...]}` in, `{"predictions": [...]}` out, in the same order.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol: what an instance is, the model says.
Here it is an image in base64: text, `{"b64": text}` or `{"image": ...}` of either.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from handler.answer import DocumentWriter, error_fields, to_json
from handler.errors import InvalidJsonError, MissingImageError, RequestError, RowError
from handler.protocol import Answer, ImageRequest, Item, Limits, Result
from handler.values import check_count, check_size, checked_top_k, image_of_base64, shown

EXPECTED = 'expected {"instances": ["<base64>", {"b64": "<base64>"} or {"image": {"b64": "<base64>"}}, …]}'


class KServeV1:
    """Several images a request; an image that cannot be answered has `{"error", "code", "type"}` in its place.

    Args:
        writer: of this model's predictions.
        limits: what requests are held against.
    """

    name = "kserve_v1"

    def __init__(self, writer: DocumentWriter, limits: Limits) -> None:
        self._writer = writer
        self._limits = limits

    def read(self, row: Mapping[str, Any], headers: Mapping[str, Any]) -> ImageRequest:
        """The images of `instances`, and `top_k` of `parameters`."""
        document = row.get("body")
        if not isinstance(document, dict):
            raise InvalidJsonError(f"no JSON object came; {EXPECTED}")
        instances, parameters = document.get("instances"), document.get("parameters", {})
        if not isinstance(instances, list):
            raise MissingImageError(f"instances is {shown(instances)}; {EXPECTED}")
        if not isinstance(parameters, dict):
            raise InvalidJsonError(f'parameters is {shown(parameters)}; expected an object such as {{"top_k": 3}}')
        check_count(len(instances), self._limits)
        return ImageRequest(
            [self._image(instance) for instance in instances],
            checked_top_k(
                parameters.get("top_k"),
                default_top_k=self._limits.default_top_k,
                class_count=self._limits.class_count,
            ),
        )

    def answer(self, request: ImageRequest, results: Sequence[Result]) -> Answer:
        """`{"predictions": [...]}`: the native documents."""
        return Answer(b'{"predictions":[' + b",".join(map(self._document, results)) + b"]}")

    def error(self, error: RowError) -> bytes:
        """`{"error"}` as the protocol has it, and `code` and `type` as natively."""
        return to_json({"error": error.message} | error_fields(error))

    def _image(self, instance: Any) -> Item:
        """The image of one instance, or why there is none."""
        if isinstance(instance, dict) and "image" in instance:
            instance = instance["image"]
        if isinstance(instance, dict):
            if "b64" not in instance:
                keys = ", ".join(map(shown, list(instance)[:5])) or "no key"
                return MissingImageError(f"an instance with {keys}; {EXPECTED}")
            instance = instance["b64"]
        try:
            image = image_of_base64(instance, self._limits.max_image_bytes)
            check_size(image, self._limits.max_image_bytes)
        except RequestError as error:
            return error
        return image

    def _document(self, result: Result) -> bytes:
        return self.error(result) if isinstance(result, Exception) else self._writer.document(result).encode()
