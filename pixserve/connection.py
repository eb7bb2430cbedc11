"""One server, all its APIs: makes clients that know its addresses and tokens."""

from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Self

from pixserve.endpoints import Endpoints
from pixserve.errors import AddressError
from pixserve.inference import Explain
from pixserve.management import ManagementClient
from pixserve.rest import RestClient
from pixserve.retries import DEFAULT_RETRIES, Retries
from pixserve.rpc import GrpcClient
from pixserve.tokens import ApiKey, Tokens


@dataclass(frozen=True)
class Connection:
    """Makes the clients of one server; a context, which closes the management API on exit.

    Args:
        endpoints: its addresses.
        timeout_s: how long a prediction may take; an explanation five times as long.
        retries: when a call is made again.
        api_key: of a gateway, for predictions over REST; None where it asks for none.
    """

    endpoints: Endpoints
    timeout_s: float = 30.0
    retries: Retries = DEFAULT_RETRIES
    api_key: str | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the management client; clients made by `rest` and `grpc` are closed by whoever made them."""
        if "management" in vars(self):
            self.management.close()

    @cached_property
    def tokens(self) -> Tokens | None:
        """The server's keys, or None where it asks for none."""
        key_file = self.endpoints.key_file
        return Tokens(key_file, management=self._management_address) if key_file else None

    @cached_property
    def management(self) -> ManagementClient:
        """The management API; one client for all that use this connection."""
        return ManagementClient(self._management_address, tokens=self.tokens, retries=self.retries)

    def rest(self, *, connections: int = 16, retries: Retries | None = None) -> RestClient:
        """Return a client of the inference API over REST.

        Args:
            connections: how many it opens at most.
            retries: instead of this connection's own.
        """
        return RestClient(
            _known(self.endpoints.inference, "the inference API (--url)"),
            tokens=ApiKey(self.api_key) if self.api_key else self.tokens,
            retries=retries or self.retries,
            explain=self._explain,
            timeout_s=self.timeout_s,
            connections=connections,
            front=self.endpoints.front,
        )

    def grpc(self) -> GrpcClient:
        """Return a client of the inference API over gRPC."""
        return GrpcClient(
            _known(self.endpoints.grpc, "gRPC (--grpc-address)"),
            tokens=self.tokens,
            retries=self.retries,
            explain=self._explain,
            timeout_s=self.timeout_s,
            front=self.endpoints.front_grpc,
        )

    @property
    def _management_address(self) -> str:
        return _known(self.endpoints.management, "the management API (--management)")

    @property
    def _explain(self) -> Explain | None:
        return self.management.explain if self.endpoints.management else None


def _known(address: str | None, api: str) -> str:
    if address is None:
        raise AddressError(f"the address of {api} is not known: give it, or the server's runtime directory")
    return address
