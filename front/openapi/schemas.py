"""The documents of requests and answers as JSON Schema, by name."""

from typing import Any

from front.models import INPUTS, outputs_of
from front.openapi import errors

# The smallest PNG that proves a prediction: one white pixel, in base64.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEANl9ngAAAAABJRU5ErkJggg=="
BASE64 = {"type": "string", "format": "byte", "description": "An image file in base64.", "examples": [PIXEL]}
TOP_K = {"type": "integer", "minimum": 1, "description": "How many classes an answer names.", "examples": [3]}


def ref(name: str) -> dict[str, str]:
    """A reference to a schema of this module."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    """An object whose keys are all required but the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def listed(items: Any, **more: Any) -> dict[str, Any]:
    """An array."""
    return {"type": "array", "items": items, **more}


TEXT, NUMBER, FLAG = {"type": "string"}, {"type": "number"}, {"type": "boolean"}
COUNT = {"type": "integer", "minimum": 0}
CLASS = {
    "class": COUNT | {"description": "The index of the class."},
    "class_name": TEXT,
    "probability": NUMBER | {"minimum": 0, "maximum": 1},
}
OUTPUT_NAMES = [tensor.name for tensor in outputs_of(-1)]
DATATYPES = sorted({tensor.datatype for tensor in (*INPUTS, *outputs_of(-1))} | {"UINT8"})


def schemas() -> dict[str, Any]:
    """Every schema of `#/components/schemas`."""
    return {**_native(), **_kserve_v1(), **_tensors(), **_metadata(), **errors.schemas()}


def _native() -> dict[str, Any]:
    return {
        "Class": record(CLASS),
        "Prediction": record({**CLASS, "top": listed(ref("Class"), minItems=1), "model_version": TEXT}),
        "ImageInJson": record({"image": BASE64, "top_k": TOP_K}, "top_k"),
    }


def _kserve_v1() -> dict[str, Any]:
    in_object = record({"b64": BASE64})
    instance = {"anyOf": [BASE64, in_object, record({"image": {"anyOf": [BASE64, in_object]}})]}
    return {
        "Instances": record(
            {
                "instances": listed(instance, minItems=1, maxItems=64),
                "parameters": {"type": "object", "properties": {"top_k": TOP_K}},
            },
            "parameters",
        ),
        "Predictions": record({"predictions": listed({"anyOf": [ref("Prediction"), ref("StandardError")]})}),
        "V1Models": record({"models": listed(TEXT)}),
        "V1Model": record({"name": TEXT, "ready": FLAG}),
    }


def _tensors() -> dict[str, Any]:
    parameters = {"type": "object", "description": "Of the protocol and its extensions; unknown ones are passed over."}
    size = COUNT | {"description": "Bytes of the tensor behind the JSON."}
    asked = {
        "binary_data": FLAG,
        "classification": COUNT | {"description": "Of `probabilities`: the k best classes as text."},
    }
    return {
        "InferRequest": record(
            {
                "id": TEXT,
                "inputs": listed(ref("InputTensor"), minItems=1, maxItems=1),
                "outputs": listed(ref("RequestedOutput")),
                "parameters": parameters | {"properties": {"binary_data_output": FLAG}},
            },
            "id", "outputs", "parameters",
        ),
        "InputTensor": record(
            {
                "name": TEXT,
                "datatype": {"enum": ["BYTES", "UINT8"]},
                "shape": listed(COUNT, minItems=1, maxItems=4),
                "data": {"type": "array", "description": "Base64 texts (BYTES), or numbers 0 to 255 (UINT8)."},
                "parameters": parameters
                | {"properties": {"content_type": {"const": "base64"}, "binary_data_size": size}},
            },
            "data", "parameters",
        ),
        "RequestedOutput": record(
            {"name": {"enum": OUTPUT_NAMES}, "parameters": parameters | {"properties": asked}}, "parameters"
        ),
        "InferAnswer": record(
            {"model_name": TEXT, "model_version": TEXT, "id": TEXT, "outputs": listed(ref("OutputTensor"))}, "id"
        ),
        "OutputTensor": record(
            {
                "name": TEXT,
                "datatype": {"enum": DATATYPES},
                "shape": listed(COUNT),
                "data": {"type": "array"},
                "parameters": {"type": "object", "properties": {"binary_data_size": size}},
            },
            "data", "parameters",
        ),
    }  # fmt: skip


def _metadata() -> dict[str, Any]:
    tensor = record({"name": TEXT, "datatype": {"enum": DATATYPES}, "shape": listed({"type": "integer"})})
    return {
        "ServerMetadata": record({"name": TEXT, "version": TEXT, "extensions": listed(TEXT)}),
        "ModelMetadata": record(
            {
                "name": TEXT,
                "versions": listed(TEXT),
                "platform": TEXT,
                "inputs": listed(tensor),
                "outputs": listed(tensor),
            }
        ),
        "ModelReady": record({"name": TEXT, "ready": FLAG}),
        "Live": record({"live": {"const": True}}),
        "Ready": record({"ready": FLAG, "error": TEXT}, "error"),
        "Alive": record({"status": {"const": "alive"}}),
        "Health": record({"status": {"enum": ["ok", "unavailable"]}, "reason": TEXT}, "reason"),
    }
