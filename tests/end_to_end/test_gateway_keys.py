"""API keys: added, revoked, expired and sent, and never written down."""

import json
import os
import subprocess
import sys
import time

import pytest
import requests

from gateway.keys import KeyStore
from gateway.live import apply_keys
from pixserve import Connection, Endpoints
from pixserve.errors import UnauthorizedError
from serving.server import Server
from serving.settings import PROJECT
from tests.conftest import CAT
from tests.gateways import JPEG, MODEL, needs_nginx

pytestmark = needs_nginx


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer pix_aaaaaaaa_" + 43 * "a"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic dGVzdDp0ZXN0"},
        {"X-Api-Key": "pix_aaaaaaaa_" + 43 * "a"},
        {"X-Api-Key": ""},
    ],
)
def test_what_is_no_key_is_refused(strict, headers):
    response = strict.ask("POST", MODEL, data=JPEG, headers=headers)
    assert (response.status_code, response.json()["type"]) == (401, "Unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_key_with_one_character_changed_is_refused_and_both_headers_take_the_right_one(strict):
    changed = strict.key[:-2] + ("A" if strict.key[-2] != "A" else "B") + strict.key[-1]
    assert strict.ask("POST", MODEL, data=JPEG, key=changed).status_code == 401
    assert strict.ask("POST", MODEL, data=JPEG, key=strict.key).status_code == 200
    assert strict.ask("POST", MODEL, data=JPEG, headers={"X-Api-Key": strict.key}).status_code == 200


def test_a_key_is_added_and_revoked_while_the_gateway_runs_and_an_open_connection_feels_it(strict):
    store = KeyStore(strict.folder)
    key = store.add("guest")
    assert strict.ask("POST", MODEL, data=JPEG, key=key).status_code == 401
    apply_keys(strict.folder)
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {key}"
        assert session.post(strict.url + MODEL, data=JPEG).status_code == 200
        store.revoke("guest")
        apply_keys(strict.folder)
        assert session.post(strict.url + MODEL, data=JPEG).status_code == 401
    assert strict.ask("POST", MODEL, data=JPEG, key=strict.key).status_code == 200


def test_an_expired_key_is_refused(strict):
    key = KeyStore(strict.folder).add("late", days=1)
    content = json.loads((strict.folder / "keys.json").read_text())
    for entry in content["keys"]:
        if entry["name"] == "late":
            entry["expires"] = int(time.time()) - 1
    (strict.folder / "keys.json").write_text(json.dumps(content))
    apply_keys(strict.folder)
    assert strict.ask("POST", MODEL, data=JPEG, key=key).status_code == 401


def test_no_key_stands_in_a_file_of_the_gateway(strict):
    strict.ask("POST", MODEL, data=JPEG, key=strict.key)
    strict.ask("GET", f"/{strict.key}?key={strict.key}")
    strict.log(least=2)
    time.sleep(1.1)  # nginx writes its log once a second
    secret = strict.key.rpartition("_")[2].encode()
    files = [path for path in strict.folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if secret in path.read_bytes()] == []
    assert "requests.log" in {path.name for path in files}


def test_keys_are_made_listed_and_revoked_on_the_command_line(strict, server: Server):
    # the command looks into `gateway/` of the runtime directory, which is where this gateway lies
    command = [sys.executable, "-m", "pixserve", "--runtime-dir", str(strict.folder.parent), "keys"]
    assert strict.folder.name == "gateway"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *words], cwd=PROJECT, capture_output=True, text=True, check=False)

    key = run("add", "shop").stdout.strip()
    assert strict.ask("POST", MODEL, data=JPEG, key=key).status_code == 200
    assert "there is a key named shop" in run("add", "shop").stderr
    listed = run("list").stdout
    assert "shop" in {row["name"] for row in json.loads(listed)}
    assert key not in listed
    assert run("revoke", "shop").returncode == 0
    assert strict.ask("POST", MODEL, data=JPEG, key=key).status_code == 401
    assert "there is no key named shop" in run("revoke", "shop").stderr


def test_the_client_sends_the_gateways_key_and_names_a_wrong_one(strict):
    endpoints = Endpoints(strict.url)
    with Connection(endpoints, api_key=strict.key).rest() as client:
        assert client.predict(CAT).model_version == "1.0"
    with Connection(endpoints).rest() as client, pytest.raises(UnauthorizedError, match="no API key came"):
        client.predict(CAT)
    command = [sys.executable, "-m", "pixserve", "--url", strict.url, "predict", str(CAT)]
    environment = os.environ | {"PIXSERVE_API_KEY": strict.key}
    assert subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, check=False).returncode == 0
