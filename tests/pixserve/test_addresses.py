"""Addresses as people write them, and which of them the web proxy of the environment is not for."""

import pytest

from pixserve import GrpcClient, RestClient
from pixserve.addresses import http_address, is_loopback
from pixserve.errors import AddressError
from pixserve.retries import NO_RETRIES
from tests.pixserve.small_servers import ANSWER, grpc_server, rest_server


def test_a_scheme_need_not_be_given() -> None:
    with rest_server(lambda *_: (200, ANSWER)) as url, RestClient(url.removeprefix("http://")) as client:
        assert client.predict(b"x").best.name == "cat"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost:8080/", "http://localhost:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("https://example.org", "https://example.org"),
        ("unix:/run/m.sock", "unix:/run/m.sock"),
    ],
)
def test_an_address_is_completed(written: str, address: str) -> None:
    assert http_address(written) == address


@pytest.mark.parametrize("nonsense", ["", "http://", "ftp://host:1", "host:port", "a host:80", "http://[::1:80"])
def test_what_is_no_address_is_refused_in_one_sentence(nonsense: str) -> None:
    with pytest.raises(AddressError, match="expected http://host:port"):
        RestClient(nonsense)


def test_a_grpc_address_may_have_a_scheme() -> None:
    with grpc_server(lambda *_: (200, ANSWER)) as address, GrpcClient(f"http://{address}") as client:
        assert client.predict(b"x").best.name == "cat"


@pytest.mark.parametrize("nonsense", ["", "127.0.0.1", "https://127.0.0.1:7070", "unix:/run/m.sock", "host:port"])
def test_what_is_no_grpc_address_is_refused_in_one_sentence(nonsense: str) -> None:
    with pytest.raises(AddressError, match="expected host:port"):
        GrpcClient(nonsense)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:8080", True),
        ("localhost:7070", True),
        ("[::1]:7070", True),
        ("unix:/run/m.sock", True),
        ("10.0.0.1:7070", False),
        ("http://example.org", False),
    ],
)
def test_loopback_is_known(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_a_web_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    with rest_server(lambda *_: (200, ANSWER)) as url, RestClient(url, retries=NO_RETRIES) as rest:
        assert rest.predict(b"x").best.name == "cat"
    with grpc_server(lambda *_: (200, ANSWER)) as address, GrpcClient(address, retries=NO_RETRIES) as grpc:
        assert grpc.predict(b"x").best.name == "cat"


def test_a_web_proxy_is_asked_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    with rest_server(lambda body, headers: (seen.append(headers.get("Host", "")), (200, ANSWER))[1]) as proxy:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy)
        for name in ("no_proxy", "NO_PROXY", "grpc_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        with RestClient("http://pixserve.invalid:8080", retries=NO_RETRIES) as rest:
            assert rest.predict(b"x").best.name == "cat"
    assert seen == ["pixserve.invalid:8080"]
