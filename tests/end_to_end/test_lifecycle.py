"""A server's life from the command line: start, status, stop, and everything that can go wrong with it."""

import json
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import javaproperties
import psutil
import pytest
import requests

import archive
from serving.server import Server
from serving.settings import PROJECT, Settings
from tests.conftest import CAT, LENET_RECORD


class Launcher:
    """`serve.py` with a runtime directory, a store and settings of its own."""

    def __init__(self, runtime_dir: Path, store: Path, **overrides: str) -> None:
        self.settings = Settings.isolated(runtime_dir, store, overrides)
        self.config = runtime_dir / "config.properties"
        self.config.write_text(javaproperties.dumps(dict(self.settings.properties)))

    def command(self, verb: str) -> list[str]:
        options = ["--config", self.config, "--runtime-dir", self.settings.runtime_directory.path]
        store = ["--store", self.settings.store] if verb in ("run", "start") else []
        return [sys.executable, "serve.py", verb, *map(str, [*options, *store])]

    def __call__(self, verb: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(verb), cwd=PROJECT, capture_output=True, text=True, timeout=150)

    def predict(self) -> requests.Response:
        with CAT.open("rb") as cat:
            url = f"{self.settings.inference}/predictions/cifar10"
            return requests.post(url, files={"image": cat}, timeout=30)

    def processes(self) -> list[psutil.Process]:
        """Every process that works in this runtime directory, whoever its parent is."""
        path = str(self.settings.runtime_directory.path)
        return [process for process in psutil.process_iter() if mentions(process, path)]


def mentions(process: psutil.Process, text: str) -> bool:
    try:
        return process.pid != os.getpid() and text in " ".join(process.cmdline())
    except psutil.Error:
        return False


@pytest.fixture
def launcher(runtime_dir: Path, store: Path) -> Iterator[Launcher]:
    launcher = Launcher(runtime_dir, store)
    yield launcher
    launcher("stop")


def test_start_returns_when_predictions_are_answered_and_stop_leaves_no_process(launcher):
    started = launcher("start")
    assert started.returncode == 0, started.stderr
    assert "ready: cifar10 1.0" in started.stdout
    assert launcher.predict().status_code == 200
    status = launcher("status")
    assert status.returncode == 0
    assert "cifar10" in status.stdout
    assert launcher.processes()
    stopped = launcher("stop")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert launcher.processes() == []


def test_a_server_started_by_a_background_script_which_ignores_interrupts_stops_all_the_same(launcher):
    start = f"trap '' INT; exec {shlex.join(launcher.command('start'))}"
    subprocess.run(["sh", "-c", start], cwd=PROJECT, check=True, capture_output=True, timeout=150)
    assert launcher("stop").stdout == "stopped\n"
    assert launcher.processes() == []


def test_without_a_server_status_fails_and_stop_has_nothing_to_do(launcher):
    assert launcher("status").returncode == 1
    assert launcher("stop").stdout == "nothing to stop: no server runs\n"


def test_only_the_owner_reaches_management(server):
    directory = server.settings.runtime_directory.path
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    with server.management() as management:
        assert management.models() == ["cifar10"]
    port = int(server.settings.properties["grpc_management_port"])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_everything_listens_on_the_loopback_alone(server):
    listening = [c.laddr.ip for c in psutil.Process(server.pid).net_connections("tcp") if c.status == "LISTEN"]
    assert listening
    assert all(ip.endswith("127.0.0.1") for ip in listening)


def test_stopping_under_load_loses_no_request(launcher):
    """Each client sends request upon request; every one is answered, or refused before it was taken."""
    launcher("start")
    outcomes: list[str] = []
    clients = [threading.Thread(target=send_until_refused, args=(launcher, outcomes)) for _ in range(8)]
    for client in clients:
        client.start()
    time.sleep(1)
    assert launcher("stop").returncode == 0
    for client in clients:
        client.join()
    assert outcomes.count("answered") > 8
    assert set(outcomes) <= {"answered", "refused"}


def send_until_refused(launcher: Launcher, outcomes: list[str]) -> None:
    while True:
        try:
            response = launcher.predict()
        except requests.ConnectionError as error:
            never_connected = "Failed to establish a new connection" in str(error)  # so nothing was sent
            outcomes.append("refused" if never_connected else repr(error))
            return
        outcomes.append("answered" if response.ok else refusal(response))
        if not response.ok:
            return


def refusal(response: requests.Response) -> str:
    return "refused" if response.json()["type"] == "ServerStopping" else response.text


def test_interrupting_the_foreground_server_leaves_no_process(launcher):
    foreground = subprocess.Popen(
        launcher.command("run"), cwd=PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert foreground.stdout is not None
    assert "ready" in foreground.stdout.readline()
    os.killpg(foreground.pid, signal.SIGINT)  # as a terminal does
    assert foreground.wait(60) == 0
    foreground.stdout.close()
    assert launcher.processes() == []


def test_a_launcher_that_was_killed_is_cleaned_up_after(launcher):
    launcher("start")
    claim = json.loads(launcher.settings.runtime_directory.claim.read_text())
    os.kill(claim["launcher"], signal.SIGKILL)
    assert launcher("stop").stdout == "stopped\n"
    assert launcher.processes() == []


def test_a_second_server_in_one_runtime_directory_is_refused(launcher):
    launcher("start")
    again = launcher("start")
    assert again.returncode == 1
    assert "a server runs already" in again.stderr


def test_a_port_in_use_is_one_sentence(launcher):
    port = int(launcher.settings.inference.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        refused = launcher("start")
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: port {port} is in use")
    assert refused.stderr.count("\n") == 1


def test_an_empty_store_is_one_sentence(runtime_dir, tmp_path):
    refused = Launcher(runtime_dir, tmp_path)("start")
    assert refused.returncode == 1
    assert "there is no archive" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_worker_that_cannot_load_is_shown_with_its_own_traceback(runtime_dir, tmp_path):
    launcher = Launcher(runtime_dir, store_of_misfits(tmp_path))
    refused = launcher("start")
    assert refused.returncode == 1
    assert "a worker of cifar10_1.0 died while it loaded the model" in refused.stderr
    assert "Traceback (most recent call last):" in refused.stderr
    assert launcher.processes() == []


def store_of_misfits(folder: Path) -> Path:
    """An archive whose weights know ten classes, and whose record names three."""
    facts = json.loads(LENET_RECORD.read_text()) | {"class_names": ["a", "b", "c"]}
    record = folder / "cifar10-1.0.json"
    record.write_text(json.dumps(facts))
    shutil.copy(LENET_RECORD.with_suffix(".pt"), folder)
    archive.build(record, store=folder)
    return folder


def test_one_setting_turns_tokens_on(runtime_dir, store):
    settings = Settings.isolated(runtime_dir, store, {"disable_token_authorization": "false"})
    with Server(settings) as server:
        server.wait_until_ready()
        without = requests.post(f"{settings.inference}/predictions/cifar10", data=CAT.read_bytes(), timeout=30)
        assert (without.status_code, without.json()["type"]) == (400, "InvalidKeyException")
        server.predict(CAT.read_bytes(), model="cifar10")
        with server.management() as management:
            assert management.models() == ["cifar10"]


def test_versions_and_default_survive_a_restart(runtime_dir, store):
    settings = Settings.isolated(runtime_dir, store)
    for _ in range(2):
        with Server(settings) as server:
            server.wait_until_ready()
            with server.management() as management:
                assert management.default_version("cifar10") == "1.0"


def test_the_settings_of_the_tree_are_those_of_the_readme():
    settings = Settings.read()
    assert settings.inference == "http://127.0.0.1:8080"
