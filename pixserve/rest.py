"""Predictions over REST."""

from collections.abc import Callable
from urllib.parse import quote

import httpx

from pixserve.addresses import http_address
from pixserve.endpoints import open_http
from pixserve.http_errors import mapped_errors, unexpected
from pixserve.inference import DEFAULT_TIMEOUT_S, EXPLANATION_FACTOR, Explain, InferenceClient
from pixserve.records import Explanation, Health, Prediction
from pixserve.retries import DEFAULT_RETRIES, Result, Retries
from pixserve.tokens import ApiKey, Tokens


class RestClient(InferenceClient):
    """The inference API over REST.

        with RestClient("http://127.0.0.1:8080") as client:
            client.predict(Path("cat.jpg"), top_k=3).best.name

    Args:
        address: the inference API, ``http://host:port`` or ``host:port``.
        tokens, retries, explain: see `InferenceClient`.
        timeout_s: how long connecting, and each wait for bytes, may take; of an explanation five times as long.
        connections: how many there are at most; further calls wait for one.
        front: ``http://host:port`` of the front, which answers explanations; None asks TorchServe where it is.
    """

    def __init__(
        self,
        address: str,
        *,
        tokens: Tokens | ApiKey | None = None,
        retries: Retries | None = None,
        explain: Explain | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        connections: int = 16,
        front: str | None = None,
    ) -> None:
        self._front = http_address(front) if front else None
        super().__init__(tokens=tokens, retries=retries or DEFAULT_RETRIES, explain=explain)
        self._address = http_address(address)
        self._explanation_timeout_s = EXPLANATION_FACTOR * timeout_s
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

    def _explanation(
        self, image: bytes, model: str, version: str | None, options: dict[str, str], headers: dict[str, str]
    ) -> Explanation:
        """Ask the front: at its address where that is known, else where TorchServe sends the request on to."""
        url = (self._front or "") + _path("explanations", model, version)
        with mapped_errors(self._front or self._address):
            response = self._post_form(url, image, options, headers)
        if response.status_code == httpx.codes.TEMPORARY_REDIRECT:
            there = httpx.URL(response.headers["location"])
            if there.host != self._http.base_url.host:  # the token is for this server
                headers = {}
            with mapped_errors(str(there)):
                response = self._post_form(str(there), image, options, headers)
        with mapped_errors(str(response.url)):
            response.raise_for_status()
        return _read(response, lambda: Explanation.from_json(response.json()))

    def _post_form(self, url: str, image: bytes, data: dict[str, str], headers: dict[str, str]) -> httpx.Response:
        timeout = self._explanation_timeout_s
        return self._http.post(url, files={"image": image}, data=data, headers=headers, timeout=timeout)

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
        path = _path("predictions", model, version)
        if top_k is None:
            binary = {"Content-Type": "application/octet-stream"}
            return self._http.build_request("POST", path, content=image, headers=headers | binary)
        form = {"top_k": str(top_k)}
        return self._http.build_request("POST", path, files={"image": image}, data=form, headers=headers)


def _path(what: str, model: str, version: str | None) -> str:
    return "/".join(["", what, *(quote(segment, safe="") for segment in (model, version) if segment)])


def _read(response: httpx.Response, read: Callable[[], Result]) -> Result:
    try:
        return read()
    except (ValueError, KeyError, TypeError, IndexError) as fault:
        raise unexpected(response) from fault
