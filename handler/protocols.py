"""Which protocol a row speaks. TorchServe tells the handler no path, so the form of the body decides.

Of `/predictions` and `/explanations` TorchServe tells what follows the version in the path, as header `url_path`; of
`/v1/models/M:predict` and `/v2/models/M/infer`, which it routes to the handler too, nothing. Who passes requests on to
/predictions/M/V may say `/v1` or `/v2` behind the version, so that errors have that form whatever came.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from handler.answer import DocumentWriter
from handler.front_end import PATH_HEADER, header, is_grpc, is_standard_path, wants_tutorial_answer
from handler.kserve_v1 import KServeV1
from handler.native import Native, Tutorial
from handler.oip_v2 import LENGTH_HEADER, OpenInference
from handler.protocol import Limits, RowProtocol


class Protocols:
    """The protocols that are spoken for one model.

    Args:
        class_names: in the order of the probabilities.
        model_name: as served.
        model_version: the archive's.
        limits: what requests are held against.
    """

    def __init__(self, class_names: Sequence[str], *, model_name: str, model_version: str, limits: Limits) -> None:
        writer = DocumentWriter(class_names, model_version=model_version)
        self.native = Native(writer, limits)
        self.tutorial = Tutorial(writer, limits)
        self.kserve_v1 = KServeV1(writer, limits)
        self.oip_v2 = OpenInference(class_names, model_name=model_name, model_version=model_version, limits=limits)
        self._by_path: dict[str, RowProtocol] = {"v1": self.kserve_v1, "v2": self.oip_v2}

    def of(self, row: Mapping[str, Any], headers: Mapping[str, Any]) -> tuple[RowProtocol, Mapping[str, Any]]:
        """The protocol that a row speaks, and the row with its body parsed where that had to be read to know."""
        body = row.get("body")
        path = headers.get(PATH_HEADER)
        native = self.tutorial if wants_tutorial_answer(headers) else self.native
        if is_grpc(headers) or (body is None and path == ""):
            return native, row
        if isinstance(body, (bytes, bytearray)) and header(headers, LENGTH_HEADER.lower()):
            return self.oip_v2, row
        if (isinstance(body, (bytes, bytearray)) and body[:64].lstrip()[:1] == b"{") or isinstance(body, str):
            body = _parsed(body)
            row = {**row, "body": body}
        if isinstance(body, dict):
            if "inputs" in body:
                return self.oip_v2, row
            if "instances" in body:
                return self.kserve_v1, row
        if is_standard_path(headers):
            return self.oip_v2, row  # whose refusal names both forms
        return self._by_path.get(path or "", native), row


def _parsed(body: bytes | bytearray | str) -> Any:
    """The JSON in a body, or the body where it is none: who reads it says so."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body
