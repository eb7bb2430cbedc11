"""The front's connections to TorchServe: its inference API and its management API, over HTTP."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from front.refusals import STOPPING, UNAVAILABLE, RefusedError
from front.settings import FrontSettings
from pixserve.addresses import UNIX, http_address
from pixserve.runtime_directory import RuntimeDirectory
from pixserve.tokens import Tokens

CONNECT_S = 5.0
INFERENCE_S = 300.0  # queue and responseTimeout together; TorchServe never answers some requests (docs/explanation)
MANAGEMENT_S = 5.0
MOST_CONNECTIONS = 1000  # as many as a version's queue takes
ATTEMPTS = 2  # TorchServe closes a connection after an error, and the next request may be on it already


class UpstreamError(Exception):
    """TorchServe's management API does not answer, or not what was expected; the message is fit for a client."""


class Reply(NamedTuple):
    """What TorchServe answered."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


class Upstream:
    """Keeps connections to TorchServe; a context.

    Args:
        settings: the front's.
    """

    def __init__(self, settings: FrontSettings) -> None:
        endpoints = settings.endpoints
        assert endpoints.inference is not None, "the properties name the inference API"
        assert endpoints.management is not None, "the properties name the management API"
        self._inference_address, self._management_address = endpoints.inference, endpoints.management
        self._directory: RuntimeDirectory = settings.directory
        key_file = endpoints.key_file
        self._tokens = Tokens(key_file, management=endpoints.management) if key_file else None

    @property
    def asks_for_tokens(self) -> bool:
        """Whether a client needs a token."""
        return self._tokens is not None

    async def __aenter__(self) -> Self:
        self._inference, self._inference_url = _session(self._inference_address, total_s=INFERENCE_S)
        self._management, self._management_url = _session(self._management_address, total_s=MANAGEMENT_S)
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._inference.close()
        await self._management.close()

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return what the inference API answers; an error status is an answer.

        Args:
            method: of HTTP.
            path: quoted, with the query if any.
            headers: these and no others are sent, but for Host and Content-Length.
            body: all of it.

        Raises:
            RefusedError: TorchServe does not listen, or does not answer in time.
        """
        url = URL(self._inference_url + path, encoded=True)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._inference.request(method, url, data=body, headers=headers) as response:
                    return Reply(response.status, response.headers, await response.read())
            except TimeoutError as fault:
                raise RefusedError(504, "TimedOut", f"TorchServe has not answered in {INFERENCE_S:.0f} s") from fault
            except aiohttp.ClientConnectorError as fault:
                raise self._unavailable() from fault
            except aiohttp.ClientError as fault:  # the connection was lost; a prediction may be asked for twice
                if attempt == ATTEMPTS:
                    raise self._unavailable() from fault
        raise AssertionError("the last attempt returns or raises")

    def _unavailable(self) -> RefusedError:
        if self._directory.draining.exists():
            return RefusedError(503, STOPPING, "the server is stopping; send the request to another, or again later")
        return RefusedError(503, UNAVAILABLE, "TorchServe does not answer: it starts, or is started again")

    async def ask_management(self, path: str, parameters: Mapping[str, str] | None = None) -> Any | None:
        """Return the JSON that the management API answers to a GET, or None for 404.

        Raises:
            UpstreamError: it does not answer, or refuses.
        """
        headers = await asyncio.to_thread(self._tokens.header, "management") if self._tokens else None
        url = URL(self._management_url + path, encoded=True)
        try:
            async with self._management.get(url, params=parameters, headers=headers) as response:
                if response.status == 404:
                    return None
                if response.status != 200:
                    raise UpstreamError(f"TorchServe's management API answered {response.status} to {path}")
                return await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as fault:
            reason = str(fault) or type(fault).__name__
            raise UpstreamError(f"TorchServe's management API does not answer: {reason}") from fault


def _session(address: str, *, total_s: float) -> tuple[aiohttp.ClientSession, str]:
    """Return a pool of connections, and what an URL begins with."""
    url = http_address(address)
    connector: aiohttp.BaseConnector
    if url.startswith(UNIX):
        connector = aiohttp.UnixConnector(url.removeprefix(UNIX), limit=MOST_CONNECTIONS)
        url = "http://localhost"
    else:
        connector = aiohttp.TCPConnector(limit=MOST_CONNECTIONS)
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=total_s, sock_connect=CONNECT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
    )
    return session, url
