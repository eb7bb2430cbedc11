"""The gateway's settings: what does not fit together is refused in one sentence, before nginx starts."""

from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.nginx import Nginx, find_nginx
from gateway.running import Gateway
from gateway.settings import GatewaySettings
from serving.errors import ServingError
from serving.settings import Settings
from tests.gateways import needs_nginx


def settings(folder: Path, **overrides: str) -> GatewaySettings:
    return GatewaySettings.of(Settings.isolated(folder, folder, overrides))


def test_as_shipped_the_gateway_listens_on_the_loopback_before_this_checkouts_server(tmp_path):
    shipped = Settings.read(runtime_dir=tmp_path, store=tmp_path, local=False)
    gateway = GatewaySettings.of(shipped)
    assert gateway.listeners == ("127.0.0.1:5000",)
    assert gateway.upstreams.rest == ("127.0.0.1:8080",)
    assert gateway.max_body_bytes == 20_000_000
    assert not gateway.asks_for_keys


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"gateway_address": "0.0.0.0:5000"}, "can be reached from other machines, and gateway_access=loopback"),
        ({"gateway_tls_address": "[::]:5443"}, "can be reached from other machines"),
        ({"gateway_address": "0.0.0.0:5000", "gateway_access": "keys"}, "keys would cross the network unencrypted"),
        ({"gateway_address": ""}, "the gateway has no address"),
        ({"gateway_certificate": "/etc/cert.pem"}, "go together"),
        ({"gateway_certificate": "/no.pem", "gateway_certificate_key": "/no.key"}, "expected a PEM file that exists"),
        ({"disable_token_authorization": "false"}, "cannot pass TorchServe's tokens on"),
    ],
)
def test_settings_that_do_not_fit_together_are_one_sentence(tmp_path, overrides, sentence):
    with pytest.raises(GatewayError, match=sentence):
        settings(tmp_path, **overrides)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gateway_address", "5000"),
        ("gateway_address", "127.0.0.1:0"),
        ("gateway_tls_address", "0.0.0.0:5443 ssl"),
        ("gateway_access", "everyone"),
        ("gateway_cors_origins", "shop.example"),
        ("gateway_cors_origins", 'https://a";}'),
        ("gateway_trusted_proxies", "10.0.0.0/99"),
        ("gateway_certificate", "/etc/$host.pem"),
        ("gateway_model", "cifar10; return 200"),
        ("gateway_rest_servers", "127.0.0.1"),
        ("gateway_key_rate", "-1"),
    ],
)
def test_a_wrong_value_is_refused_before_it_reaches_a_template(tmp_path, key, value):
    with pytest.raises(ServingError, match=f"{key} is "):
        settings(tmp_path, **{key: value})


def test_without_nginx_one_sentence_says_what_brings_it(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(GatewayError, match="nginx, which is not installed; `apt-get install nginx-light`"):
        find_nginx()


@needs_nginx
@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"gateway_address": "", "gateway_tls_address": "0.0.0.0:5443", "gateway_access": "keys"},
        {"gateway_tls_address": "[::1]:5443", "gateway_cors_origins": "*", "gateway_trusted_proxies": "10.0.0.0/8"},
        {"gateway_key_rate": "0", "gateway_address_rate": "0", "gateway_address_connections": "0"},
        {"gateway_rest_servers": "127.0.0.1:1,unix:/tmp/socket"},
    ],
    ids=str,
)
def test_nginx_accepts_what_is_rendered(tmp_path, overrides):
    gateway = Gateway.of(Settings.isolated(tmp_path, tmp_path, overrides))
    gateway.check()
    assert gateway.nginx.master() is None


@needs_nginx
def test_a_configuration_that_nginx_refuses_leaves_the_old_one(tmp_path):
    gateway = Gateway.of(Settings.isolated(tmp_path, tmp_path))
    gateway.check()
    old = gateway.nginx.configuration.read_text()
    with pytest.raises(GatewayError, match="nginx refuses the configuration"):
        gateway.nginx.check({"nginx.conf": "events {} http { nonsense; }"})
    assert Nginx(gateway.settings.directory).configuration.read_text() == old
