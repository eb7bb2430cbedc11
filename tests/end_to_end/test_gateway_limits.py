"""Limits of the gateway: bytes, requests and time."""

import contextlib
import socket

import pytest

from gateway.keys import KeyStore
from gateway.live import apply_keys
from serving.server import Server
from tests.gateways import JPEG, MODEL, gateway_before, needs_nginx

pytestmark = needs_nginx


@pytest.mark.parametrize(
    ("size", "chunked", "message"),
    [
        (11_000_000, False, "an image of 11,000,000 bytes"),
        (21_000_000, False, "a body of more than 20,000,000 bytes"),
        (11_000_000, True, "an image of 11,000,000 bytes"),
        (21_000_000, True, "a body of more than 20,000,000 bytes"),
    ],
)
def test_a_body_that_is_too_large_is_refused_as_the_handler_does_it(strict, size, chunked, message):
    body = JPEG + bytes(size - len(JPEG))
    data = iter([body[: size // 2], body[size // 2 :]]) if chunked else body
    answer = strict.ask("POST", MODEL, data=data, key=strict.key, headers={"Content-Type": "image/jpeg"})
    assert (answer.status_code, answer.json()["type"]) == (413, "TooManyBytes")
    assert message in answer.json()["message"]


def test_more_requests_than_allowed_are_refused_with_the_seconds_to_wait_each_key_for_itself(server: Server):
    with gateway_before(server.settings, "slow", gateway_access="keys", gateway_key_rate="2") as gateway:
        other = KeyStore(gateway.folder).add("other")
        apply_keys(gateway.folder)
        answers = [gateway.ask("POST", MODEL, data=JPEG, key=gateway.key) for _ in range(20)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {200, 429}
        assert refused[0].headers["retry-after"] == "1"
        assert refused[0].json()["type"] == "TooManyRequests"
        assert gateway.ask("POST", MODEL, data=JPEG, key=other).status_code == 200


def test_an_address_is_limited_behind_a_trusted_proxy_too_and_this_machine_is_not(server: Server):
    settings = {"gateway_address_rate": "2", "gateway_trusted_proxies": "127.0.0.1"}
    with gateway_before(server.settings, "addresses", **settings) as gateway:

        def statuses(address: str | None) -> set[int]:
            headers = {"X-Forwarded-For": address} if address else {}
            return {gateway.ask("POST", MODEL, data=JPEG, headers=headers).status_code for _ in range(20)}

        assert statuses("203.0.113.7") == {200, 429}
        assert statuses(None) == {200}


def test_a_client_that_sends_nothing_more_is_cut_off(strict):
    host, port = strict.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as slow:
        slow.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\n")  # and never the rest
        with contextlib.suppress(ConnectionResetError):
            assert slow.recv(1000) == b""  # closed; a TimeoutError otherwise
