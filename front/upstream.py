"""The front's connections to TorchServe: its inference API and its management API, over HTTP."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from front.settings import FrontSettings
from pixserve.addresses import UNIX, http_address
from pixserve.records import ModelVersion
from pixserve.tokens import Tokens

CONNECT_S = 5.0
INFERENCE_S = 300.0  # queue and responseTimeout together; TorchServe never answers some requests (docs/explanation)
MANAGEMENT_S = 5.0
MOST_CONNECTIONS = 1000  # as many as a version's queue takes


class UpstreamError(Exception):
    """TorchServe did not answer, or not what was expected; the message is fit for a client."""


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
        key_file = endpoints.key_file
        self._tokens = Tokens(key_file, management=endpoints.management) if key_file else None

    async def __aenter__(self) -> Self:
        self.inference = _session(self._inference_address, total_s=INFERENCE_S)
        self.management = _session(self._management_address, total_s=MANAGEMENT_S)
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.inference.close()
        await self.management.close()

    async def default_version(self, model: str) -> ModelVersion | None:
        """Return the default version of a model with its workers, or None where there is no such model.

        Raises:
            UpstreamError: TorchServe does not say.
        """
        described = await self.ask_management(f"/models/{quote(model, safe='')}")
        if described is None:
            return None
        return ModelVersion.from_json(described[0], default=described[0]["modelVersion"])

    async def ask_management(self, path: str, parameters: Mapping[str, str] | None = None) -> Any | None:
        """Return the JSON that the management API answers to a GET, or None for 404.

        Raises:
            UpstreamError: it does not answer, or refuses.
        """
        headers = await asyncio.to_thread(self._tokens.header, "management") if self._tokens else None
        try:
            async with self.management.get(path, params=parameters, headers=headers) as response:
                if response.status == 404:
                    return None
                if response.status != 200:
                    raise UpstreamError(f"TorchServe's management API answered {response.status} to {path}")
                return await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as fault:
            raise UpstreamError(
                f"TorchServe's management API does not answer: {fault or type(fault).__name__}"
            ) from fault


def _session(address: str, *, total_s: float) -> aiohttp.ClientSession:
    url = http_address(address)
    is_socket = url.startswith(UNIX)
    connector = (
        aiohttp.UnixConnector(url.removeprefix(UNIX), limit=MOST_CONNECTIONS)
        if is_socket
        else aiohttp.TCPConnector(limit=MOST_CONNECTIONS, use_dns_cache=True)
    )
    return aiohttp.ClientSession(
        base_url="http://localhost" if is_socket else url,
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=total_s, sock_connect=CONNECT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )
