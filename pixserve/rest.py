"""Predictions over REST."""

from collections.abc import Callable
from urllib.parse import quote

import httpx

from pixserve.endpoints import open_http
from pixserve.http_errors import mapped_errors, unexpected
from pixserve.inference import DEFAULT_TIMEOUT_S, Explain, InferenceClient, Result
from pixserve.records import Health, Prediction
from pixserve.retries import DEFAULT_RETRIES, Retries
from pixserve.tokens import Tokens


class RestClient(InferenceClient):
    """The inference API over REST.

        with RestClient("http://127.0.0.1:8080") as client:
            client.predict(Path("cat.jpg"), top_k=3).best.name

    Args:
        address: the inference API.
        tokens, retries, explain: see `InferenceClient`.
        timeout_s: how long connecting, and how long each wait for bytes, may take.
        connections: most connections at once; more calls than that wait for one.
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
        self._address = address
        self._http = open_http(address, timeout_s=timeout_s, connections=connections)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _predict(self, picture: bytes, model: str, version: str | None, top_k: int | None) -> Prediction:
        with mapped_errors(self._address):
            response = self._send(self._request(picture, model, version, top_k)).raise_for_status()
        return _read(response, lambda: Prediction.from_json(response.json()))

    def _health(self) -> Health:
        # TorchServe says "Unhealthy" with status 500.
        with mapped_errors(self._address):
            response = self._send(self._http.build_request("GET", "/ping"))
            if response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
                response.raise_for_status()
        return _read(response, lambda: Health.from_body(response.content))

    def _request(self, picture: bytes, model: str, version: str | None, top_k: int | None) -> httpx.Request:
        path = "/".join(["/predictions", *(quote(segment, safe="") for segment in (model, version) if segment)])
        if top_k is None:
            headers = {"Content-Type": "application/octet-stream"}
            return self._http.build_request("POST", path, content=picture, headers=headers)
        return self._http.build_request("POST", path, files={"image": picture}, data={"top_k": str(top_k)})

    def _send(self, request: httpx.Request) -> httpx.Response:
        request.headers.update(self._headers())
        return self._http.send(request)


def _read(response: httpx.Response, read: Callable[[], Result]) -> Result:
    try:
        return read()
    except (ValueError, KeyError, TypeError, IndexError) as fault:
        raise unexpected(response) from fault
