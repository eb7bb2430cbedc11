"""A server's life from the command line: start, status, stop, and everything that can go wrong with it."""

import json
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from serving.lock import launcher_status
from serving.server import Server
from serving.settings import PROJECT, Settings
from tests.conftest import CAT
from tests.end_to_end.launching import PATIENCE_S, Launcher, wait_until

# What other projects may have left in a user's environment; nothing of it may reach TorchServe.
STRANGE_ENVIRONMENT = {
    "TS_CONFIG_FILE": "/of/another/project/config.properties",
    "LOG_LOCATION": "/of/another/project/logs",
    "JAVA_TOOL_OPTIONS": "-Xmx1k",
    "PYTHONHASHSEED": "no number",
    "LC_ALL": "C",
}


@pytest.fixture(scope="module")
def running(store: Path) -> Iterator[Launcher]:
    """A server in the background, started under a strange environment in a directory with a strange name."""
    folder = Path(tempfile.mkdtemp(prefix="serving-"))
    directory = folder / "été & co"
    directory.mkdir()
    environment = {name: value for name, value in (os.environ | STRANGE_ENVIRONMENT).items() if "PYTHON" not in name}
    launcher = Launcher(directory, store, environment=environment)
    started = launcher("start")
    assert started.returncode == 0, started.stderr
    assert "ready: cifar10 1.0" in started.stdout
    yield launcher
    launcher("stop")
    shutil.rmtree(folder)


def test_start_returns_when_predictions_are_answered(running):
    assert running.predict().status_code == 200


def test_status_shows_the_versions(running):
    status = running("status")
    assert status.returncode == 0
    (version,) = json.loads(status.stdout)
    assert (version["model"], version["version"], version["default"]) == ("cifar10", "1.0", True)
    assert f"inference {running.settings.inference} " in status.stderr


def test_a_second_server_in_one_runtime_directory_is_refused(running):
    again = running("start")
    assert again.returncode == 1
    assert f"a server runs already in {running.directory.path}: process {running.pid}" in again.stderr
    assert running.predict().ok


def test_what_is_served_is_recorded_whoever_changes_it(running):
    state = json.loads(running.directory.state.read_text())["models"]["cifar10"]
    assert (state["default"], list(state["versions"])) == ("1.0", ["1.0"])
    with Server(running.settings).management() as management:
        management.scale("cifar10", "1.0", workers=1)
    wait_until(lambda: _workers_recorded(running) == 1)


def _workers_recorded(launcher: Launcher) -> int:
    state = json.loads(launcher.directory.state.read_text())
    return int(state["models"]["cifar10"]["versions"]["1.0"]["workers"])


def test_a_client_that_resets_its_connection_is_no_error_of_the_server(running):
    host, _, port = running.settings.inference.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /predictions/cifar10 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nimage")
        time.sleep(0.2)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close with a reset
    log = running.directory.logs / "connections.log"
    wait_until(lambda: "Connection reset by peer" in log.read_text())
    assert "ERROR" not in running.directory.console_log.read_text()
    assert "ERROR" not in running.directory.server_log.read_text()


def test_a_torchserve_that_is_killed_is_started_again_and_leaves_no_worker(running):
    java, launcher = running.front_end(), running.pid
    killed = [java, *java.children(recursive=True)]  # the front beside it goes on
    java.kill()
    wait_until(lambda: all(not process.is_running() for process in killed))
    wait_until(lambda: "TorchServe ended by itself (killed by SIGKILL)" in running.directory.launcher_log.read_text())
    wait_until(lambda: (status := launcher_status(running.directory)) and status.ready)
    assert running.predict().ok
    assert running.pid == launcher


def test_stop_leaves_no_process(running):
    stopped = running("stop")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert running.processes() == []


def test_a_server_started_by_a_background_script_which_ignores_interrupts_stops_all_the_same(launcher):
    start = f"trap '' INT; exec {shlex.join(launcher.command('start'))}"
    subprocess.run(["sh", "-c", start], cwd=PROJECT, check=True, capture_output=True, timeout=300)
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


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGHUP])
def test_interrupting_the_foreground_server_or_closing_its_terminal_leaves_no_process(launcher, how):
    with launcher.run_in_foreground() as foreground:
        assert foreground.stdout is not None
        assert "ready" in foreground.stdout.readline()
        os.killpg(foreground.pid, how)  # as a terminal does
        try:
            assert foreground.wait(PATIENCE_S) == 0
        finally:
            foreground.kill()  # or the end of the block would wait for ever
    assert launcher.processes() == []


def test_a_launcher_that_was_killed_leaves_no_process_and_nothing_that_looks_alive(launcher):
    launcher("start")
    os.kill(launcher.pid, signal.SIGKILL)
    wait_until(lambda: launcher.processes() == [])
    assert launcher("status").returncode == 1
    assert launcher("stop").stdout == "nothing to stop: no server runs\n"


def test_a_start_that_was_interrupted_is_no_state_to_come_back_to(launcher):
    foreground = launcher.run_in_foreground()
    wait_until(lambda: (status := launcher_status(launcher.directory)) and "unpacks" in status.step)
    foreground.send_signal(signal.SIGINT)
    foreground.communicate(timeout=60)
    assert launcher.processes() == []
    assert not launcher.directory.state.exists()
    assert not launcher.directory.default_history.exists()


def test_one_setting_turns_tokens_on(runtime_dir, store):
    settings = Settings.isolated(runtime_dir, store, {"disable_token_authorization": "False"})
    with Server(settings) as server:
        server.wait_until_ready()
        without = requests.post(f"{settings.inference}/predictions/cifar10", data=CAT.read_bytes(), timeout=30)
        assert (without.status_code, without.json()["type"]) == (400, "InvalidKeyException")
        server.predict(CAT.read_bytes(), model="cifar10")
        with server.management() as management:
            assert management.models() == ["cifar10"]
