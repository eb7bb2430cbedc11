"""The whole OpenAPI document."""

import re
from functools import cache
from importlib.metadata import version
from typing import Any

from front.openapi import explanations
from front.openapi.operations import paths
from front.openapi.schemas import schemas

DESCRIPTION = (
    "Image classification in three protocols: the native one, KServe V1 and the Open Inference Protocol (V2). "
    "Each error says its HTTP status as `code` and its `type`. Paths of V1 and V2 have the text as `error`, native "
    "ones as `message`."
)
PARAMETERS = {
    "model": {"description": "The model's name.", "example": "cifar10"},
    "version": {"description": "One of its versions.", "example": "1.0"},
}
TOKEN = {"type": "http", "scheme": "bearer", "description": "Where the server asks for tokens: .run/key_file.json."}


@cache
def document() -> dict[str, Any]:
    """OpenAPI 3.1, as JSON values."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "pixserve", "version": version("pixserve"), "description": DESCRIPTION},
        "security": [{}, {"token": []}],
        "paths": {path: _parameters(path) | operations for path, operations in sorted(paths().items())},
        "components": {"schemas": {**schemas(), **explanations.schemas()}, "securitySchemes": {"token": TOKEN}},
    }


def _parameters(path: str) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)\}", path)
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}, **PARAMETERS[name]}
        for name in names
    ]
    return {"parameters": found} if found else {}
