"""How an image travels to a server, and how the class is read from its answer."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

BOUNDARY = "------------------------d74496d66958873e"


@dataclass(frozen=True)
class RequestFormat:
    """A way to send one JPEG by POST: the headers of every request, and the body for a JPEG."""

    title: str
    headers: Mapping[str, str]
    encode: Callable[[bytes], bytes]


def multipart_body(jpeg: bytes) -> bytes:
    """A form with the image in the field `image`, as `curl -F image=@image.jpg` sends it."""
    head = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="image"; filename="image.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + jpeg + f"\r\n--{BOUNDARY}--\r\n".encode()


def raw_body(jpeg: bytes) -> bytes:
    """The image itself, as `curl --data-binary @image.jpg` sends it."""
    return jpeg


def class_of(answer: str) -> int | None:
    """The index of the class in an answer, or None where it names none; wrk.lua reads it in the same way."""
    found = re.search(r'"class": ?(\d+)', answer)
    return int(found[1]) if found else None


MULTIPART = RequestFormat(
    "multipart form", {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, multipart_body
)
RAW = RequestFormat("raw body", {"Content-Type": "image/jpeg"}, raw_body)
# Triton's raw binary request: the body is the one BYTES tensor of the model, without a JSON part.
# https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
TRITON_RAW = RequestFormat(
    "raw body, V2",
    {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": "0"},
    raw_body,
)
