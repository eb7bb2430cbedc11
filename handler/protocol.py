"""What a protocol is: a reader from a row of TorchServe to a typed request, and a writer of its answer and errors.

Between the two every protocol is alike: images are decoded, classified in one forward pass with those of other rows,
and come back as one result each, in order.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from handler.errors import RowError
from images.decode import Pixels

JSON_TYPE = "application/json"


class Limits(NamedTuple):
    """What a reader holds a request against.

    Attributes:
        default_top_k: `top_k` of a request that does not say.
        class_count: the greatest `top_k` there can be.
        max_image_bytes: the most bytes an image may have.
        max_image_pixels: the most pixels, width times height.
        max_images: the most images of one request.
    """

    default_top_k: int
    class_count: int
    max_image_bytes: int
    max_image_pixels: int
    max_images: int


class Prediction(NamedTuple):
    """The most probable classes of one image, best first: probabilities in [0, 1] and class indexes."""

    probabilities: list[float]
    classes: list[int]

    def best(self, count: int) -> "Prediction":
        """The first `count` of them."""
        return Prediction(self.probabilities[:count], self.classes[:count])


Item = bytes | bytearray | Pixels | RowError  # an image: a file, decoded RGB (H, W, 3) uint8, or why there is none
Result = Prediction | RowError


class ImageRequest(NamedTuple):
    """The images of one row, at least one, and how many classes the answer shall name for each.

    Attributes:
        images: in order; of one that cannot be read its error stands in its place.
        top_k: classes an answer names.
        reply: what the protocol's own writer has to know of the request.
    """

    images: Sequence[Item]
    top_k: int
    reply: Any = None


class Answer(NamedTuple):
    """The body of an answer, its media type, and further response headers: constant ASCII, on one line each."""

    body: bytes
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = {}


class RowProtocol(Protocol):
    """One way to write requests and answers; for one model, whose class names and limits it is made with."""

    name: str
    """In words of a metric's label, such as `kserve_v1`."""

    def read(self, row: Mapping[str, Any], headers: Mapping[str, Any]) -> ImageRequest:
        """Read one row.

        Args:
            row: values by field name, as TorchServe hands them over.
            headers: the request's headers, and by field name a dict with that part's `content-type`.

        Raises:
            RequestError: nothing of the request can be answered.
        """
        ...

    def answer(self, request: ImageRequest, results: Sequence[Result]) -> Answer:
        """The answer to one row: `results` has a prediction or an error for each image, one prediction at least.

        Raises:
            RequestError: such an answer cannot be given.
        """
        ...

    def error(self, error: RowError) -> bytes:
        """The body that says why a row is refused."""
        ...
