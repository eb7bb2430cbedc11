"""nginx runs wherever the checkout lies."""

from pathlib import Path

import requests

from gateway.keys import KeyStore
from gateway.live import apply_canary, apply_keys
from serving.settings import Settings
from tests.gateways import gateway_before, needs_nginx


@needs_nginx
def test_a_folder_may_have_a_space_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    settings = Settings.isolated(folder, folder)
    with gateway_before(settings, gateway_access="keys") as gateway:
        assert requests.get(f"{gateway.url}/predictions/cifar10", timeout=30).status_code in (401, 405)
        KeyStore(gateway.folder).add("another")
        assert apply_keys(gateway.folder)
        apply_canary(gateway.folder, {"2.0": 5.0}, model="cifar10")
