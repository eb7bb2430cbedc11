"""Requests for explanations that reach a worker: they are sent on to the front.

An explanation takes 80 to 100 forward passes, and TorchServe answers a batch as a whole: the predictions beside it
would wait. TorchServe marks such rows with the header `explain`.
"""

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from handler.errors import ExplainedElsewhereError, MethodUnavailableError, RequestError
from handler.front_end import header

FRONT_VARIABLE = "PIXSERVE_FRONT"  # `serving/environment.py` sets it; a test compares the names
# A host as a client may have sent it, without its port. Other characters would end the worker (a line end in a header).
_HOST = re.compile(r"([A-Za-z0-9.-]+)(?::\d+)?")


def is_explanation_request(headers: Mapping[str, Any]) -> bool:
    """Whether the row came by `/explanations/…`, `:explain` or `/v2/models/…/explain`."""
    return headers.get("explain") == "True"


def explained_elsewhere(
    row: Mapping[str, Any], headers: Mapping[str, Any], *, model: str, version: str
) -> RequestError:
    """The answer to such a row: the URL of the same request at the front, or why there is none.

    The front is looked for on the host that the client has reached, on the front's port.
    """
    front = os.environ.get(FRONT_VARIABLE)
    if not front:
        return MethodUnavailableError(
            "explanations are answered by the front, which is switched off here; expected enable_front=true in "
            "config.properties"
        )
    address = urlsplit(front)
    named = _HOST.fullmatch(header(headers, "host"))
    host = named[1] if named else address.hostname
    location = f"http://{host}:{address.port}{_path(row, model, version)}"
    return ExplainedElsewhereError(
        f"explanations are answered at {location}: predictions would wait for them here; send the request there "
        "(curl -L does)",
        location,
    )


def _path(row: Mapping[str, Any], model: str, version: str) -> str:
    """The path at the front, by the protocol that the body speaks."""
    body, name = row.get("body"), quote(model, safe="")
    if isinstance(body, dict) and "instances" in body:
        return f"/v1/models/{name}:explain"
    if isinstance(body, dict) and "inputs" in body:
        return f"/v2/models/{name}/versions/{quote(version, safe='')}/explain"
    return f"/explanations/{name}/{quote(version, safe='')}"
