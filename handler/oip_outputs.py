"""The output tensors of an answer in the Open Inference Protocol, as JSON or in Triton's binary form."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from handler.answer import PROBABILITY_DIGITS
from handler.errors import InvalidTensorError, InvalidTopKError, RowError, UnknownOutputError
from handler.protocol import Limits, Prediction, Result
from handler.values import shown

CLASSIFICATION = "classification"  # Triton's extension: the best k classes as "probability:index:name"
NO_CLASS = -1  # of an image that has an error instead
CLASS, CLASS_NAME, PROBABILITY, PROBABILITIES, ERROR = "class", "class_name", "probability", "probabilities", "error"
OUTPUTS = {CLASS: "INT64", CLASS_NAME: "BYTES", PROBABILITY: "FP32", PROBABILITIES: "FP32", ERROR: "BYTES"}
NUMBERS: Mapping[str, np.dtype[Any]] = {"INT64": np.dtype("<i8"), "FP32": np.dtype("<f4")}


class RequestedOutput(NamedTuple):
    """An output by its name: binary or JSON; `best` is the k of a classification, 0 for the tensor itself."""

    name: str
    is_binary: bool
    best: int = 0


class Tensor(NamedTuple):
    """An output: `values` are numbers or texts, of all images in a row."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Sequence[Any]


def requested_outputs(document: Mapping[str, Any], limits: Limits) -> tuple[RequestedOutput, ...]:
    """The outputs that a request asks for; all of them where it names none.

    Raises:
        UnknownOutputError, InvalidTopKError, InvalidTensorError: one that there is not.
    """
    parameters, outputs = document.get("parameters", {}), document.get("outputs")
    if not isinstance(parameters, dict):
        raise InvalidTensorError(f"parameters is {shown(parameters)}; expected an object")
    all_binary = _flag(parameters, "binary_data_output", default=False)
    if outputs is None or outputs == []:
        return tuple(RequestedOutput(name, all_binary) for name in OUTPUTS)
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise UnknownOutputError(f"outputs is {shown(outputs)}; expected a list of objects with a name")
    found = tuple(_requested(output, limits, all_binary=all_binary) for output in outputs)
    if len({output.name for output in found}) != len(found):
        raise UnknownOutputError("an output was asked for twice; expected each once")
    return found


def classes_needed(outputs: Iterable[RequestedOutput], class_count: int) -> int:
    """How many of the best classes the outputs are made from."""
    return max(output.best or (class_count if output.name == PROBABILITIES else 1) for output in outputs)


def _requested(output: Mapping[str, Any], limits: Limits, *, all_binary: bool) -> RequestedOutput:
    name, parameters = output.get("name"), output.get("parameters", {})
    if name not in OUTPUTS if isinstance(name, str) else True:
        raise UnknownOutputError(f"output {shown(name)}; expected one of {', '.join(OUTPUTS)}")
    if not isinstance(parameters, dict):
        raise InvalidTensorError(f"parameters of output {name} is {shown(parameters)}; expected an object")
    is_binary = _flag(parameters, "binary_data", default=all_binary)
    best = parameters.get(CLASSIFICATION, 0)
    if best == 0 and type(best) is int:
        return RequestedOutput(str(name), is_binary)
    if name != PROBABILITIES:
        raise UnknownOutputError(f"{CLASSIFICATION} of output {name}; expected it of {PROBABILITIES} alone")
    if type(best) is not int or not 1 <= best <= limits.class_count:
        raise InvalidTopKError(
            f"{CLASSIFICATION} is {shown(best)}; expected a whole number from 1 to {limits.class_count}"
        )
    return RequestedOutput(str(name), is_binary, best)


def _flag(parameters: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidTensorError(f"{name} is {shown(value)}; expected true or false")
    return value


class TensorMaker:
    """Makes output tensors from results.

    Args:
        class_names: in the order of the probabilities.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._class_names = class_names
        self._values: dict[str, Callable[[Result], Any]] = {
            CLASS: lambda result: NO_CLASS if isinstance(result, Exception) else result.classes[0],
            CLASS_NAME: lambda result: "" if isinstance(result, Exception) else class_names[result.classes[0]],
            PROBABILITY: lambda result: 0.0 if isinstance(result, Exception) else result.probabilities[0],
            ERROR: lambda result: result.message if isinstance(result, Exception) else "",
        }

    def tensor(self, output: RequestedOutput, results: Sequence[Result]) -> Tensor:
        """One output of all images."""
        if output.best:
            shape = (len(results), output.best)
            texts = [text for result in results for text in self._classification(result, output.best)]
            return Tensor(output.name, "BYTES", shape, texts)
        if output.name == PROBABILITIES:
            shape = (len(results), len(self._class_names))
            return Tensor(output.name, "FP32", shape, self._probabilities(results))
        values = list(map(self._values[output.name], results))
        return Tensor(output.name, OUTPUTS[output.name], (len(results),), values)

    def _probabilities(self, results: Sequence[Result]) -> list[float]:
        """Those of all classes, in the order of the classes; zeros for an image that has an error."""
        values = [0.0] * (len(results) * len(self._class_names))
        for row, result in enumerate(results):
            if not isinstance(result, Exception):
                start = row * len(self._class_names)
                for probability, index in zip(result.probabilities, result.classes, strict=True):
                    values[start + index] = probability
        return values

    def _classification(self, result: Prediction | RowError, best: int) -> list[str]:
        if isinstance(result, Exception):
            return [f"0:{NO_CLASS}:"] * best
        pairs = zip(result.probabilities[:best], result.classes[:best], strict=True)
        return [f"{probability:.6f}:{index}:{self._class_names[index]}" for probability, index in pairs]


def json_tensor(tensor: Tensor) -> str:
    """The tensor as a JSON object with its data."""
    values = tensor.values
    if tensor.datatype == "FP32":
        data = "[" + ",".join([repr(round(value, PROBABILITY_DIGITS)) for value in values]) + "]"
    else:
        data = json.dumps(values, separators=(",", ":"))
    return f'{_head(tensor)},"data":{data}}}'


def binary_tensor(tensor: Tensor) -> tuple[str, bytes]:
    """The tensor as a JSON object without data, and the data that follows the document."""
    if tensor.datatype == "BYTES":
        encoded = [value.encode("utf-8", "replace") for value in tensor.values]
        data = b"".join([len(value).to_bytes(4, "little") + value for value in encoded])
    else:
        data = np.array(tensor.values, NUMBERS[tensor.datatype]).tobytes()
    return f'{_head(tensor)},"parameters":{{"binary_data_size":{len(data)}}}}}', data


def _head(tensor: Tensor) -> str:
    shape = ",".join(map(str, tensor.shape))
    return f'{{"name":"{tensor.name}","datatype":"{tensor.datatype}","shape":[{shape}]'
