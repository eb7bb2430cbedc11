"""Predictions over REST."""

from collections.abc import Callable
from urllib.parse import quote

import httpx

from pixserve.addresses import http_address
from pixserve.endpoints import open_http
from pixserve.http_errors import mapped_errors, unexpected
from pixserve.inference import DEFAULT_TIMEOUT_S, Explain, InferenceClient
from pixserve.records import Health, Prediction
from pixserve.retries import DEFAULT_RETRIES, Result, Retries
from pixserve.tokens import Tokens


class RestClient(InferenceClient):
    """The inference API over REST.

        with RestClient("http://127.0.0.1:8080") as client:
            client.predict(Path("cat.jpg"), top_k=3).best.name

    Args:
        address: the inference API, ``http://host:port`` or ``host:port``.
        tokens, retries, explain: see `InferenceClient`.
        timeout_s: how long connecting, and how long each wait for bytes, may take.
        connections: how many there are at most; further calls wait for one.
    """

    def __init__(
        self,
        address: str,
        *,
        tokens: Tokens | None = None,
        retries: Retries | None = None,
        explain: Explain | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        connections: int = 16,
    ) -> None:
        super().__init__(tokens=tokens, retries=retries or DEFAULT_RETRIES, explain=explain)
        self._address = http_address(address)
        self._http = open_http(address, timeout_s=timeout_s, connections=connections)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _predict(
        self, image: bytes, model: str, version: str | None, top_k: int | None, headers: dict[str, str]
    ) -> Prediction:
        with mapped_errors(self._address):
            response = self._http.send(self._request(image, model, version, top_k, headers)).raise_for_status()
        return _read(response, lambda: Prediction.from_json(response.json()))

    def _health(self, headers: dict[str, str]) -> Health:
        # TorchServe says "Unhealthy" with status 500.
        with mapped_errors(self._address):
            response = self._http.get("/ping", headers=headers)
            if response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
                response.raise_for_status()
        return _read(response, lambda: Health.from_body(response.content))

    def _request(
        self, image: bytes, model: str, version: str | None, top_k: int | None, headers: dict[str, str]
    ) -> httpx.Request:
        path = "/".join(["/predictions", *(quote(segment, safe="") for segment in (model, version) if segment)])
        if top_k is None:
            binary = {"Content-Type": "application/octet-stream"}
            return self._http.build_request("POST", path, content=image, headers=headers | binary)
        form = {"top_k": str(top_k)}
        return self._http.build_request("POST", path, files={"image": image}, data=form, headers=headers)


def _read(response: httpx.Response, read: Callable[[], Result]) -> Result:
    try:
        return read()
    except (ValueError, KeyError, TypeError, IndexError) as fault:
        raise unexpected(response) from fault
