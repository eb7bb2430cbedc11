"""Which gRPC requests may be asked of TorchServe together, and the answer to one of them."""

import functools
from typing import Any

from front._stubs import open_inference_pb2 as pb
from front.coalescing import MOST_BYTES, OUTPUTS, Rows, is_whole
from front.tensors import BINARY_SIZE, raw_inputs

MOST_IMAGES = 8  # of a request that shares another with others; larger ones are batches by themselves
ALL = tuple(OUTPUTS)


def shareable(request: Any) -> tuple[bytes, int] | None:
    """Return the images of a request, each after its length, and how many; None where it must be asked alone.

    It may share: encoded images, few and small, and outputs as they are. What is odd is asked alone, so that the
    handler says why it is refused.

    Args:
        request: a `ModelInferRequest`.
    """
    if len(request.inputs) != 1 or len(request.raw_input_contents) > 1 or request.parameters:
        return None
    names = [output.name for output in request.outputs if output.name in OUTPUTS and not output.parameters]
    if len(set(names)) != len(request.outputs):
        return None
    tensor = request.inputs[0]
    shape = tensor.shape
    if tensor.datatype != "BYTES" or len(shape) not in (1, 2) or any(size != 1 for size in shape[1:]):
        return None
    if not 1 <= shape[0] <= MOST_IMAGES or not set(tensor.parameters) <= {BINARY_SIZE}:
        return None
    (raw,) = raw_inputs(request)
    return (raw, shape[0]) if len(raw) <= MOST_BYTES and is_whole(raw, shape[0]) else None


def answer_of(request: Any, rows: Rows, count: int) -> Any:
    """Return the `ModelInferResponse` to a request that was asked with others."""
    names = tuple(output.name for output in request.outputs) or ALL
    response = pb.ModelInferResponse()
    response.CopyFrom(_head(request.model_name, rows.model_version, names, count, tuple(rows.shapes["probabilities"])))
    response.id = request.id
    response.raw_output_contents.extend([rows.contents[name] for name in names])
    return response


@functools.lru_cache(maxsize=256)
def _head(model: str, version: str, names: tuple[str, ...], count: int, classes: tuple[int, ...]) -> Any:
    """What the answers to requests for the same outputs of as many images have in common."""
    head = pb.ModelInferResponse(model_name=model, model_version=version)
    for name in names:
        shape = (count, *classes) if name == "probabilities" else (count,)
        head.outputs.add(name=name, datatype=OUTPUTS[name], shape=shape)
    return head
