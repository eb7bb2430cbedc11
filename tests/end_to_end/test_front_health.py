"""The front's health is true: each claim is proved by breaking the thing, over HTTP and over gRPC."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest
import requests
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving.listeners import free_port
from serving.lock import launcher_status
from serving.server import Server
from serving.settings import Settings
from tests.end_to_end.launching import Launcher, wait_until

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture(scope="module")
def launcher(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path_factory.mktemp("front"), store)
    yield launcher
    launcher("stop")


def probe(launcher: Launcher, path: str) -> int:
    """The status that a probe gets, 0 where nobody listens."""
    try:
        return requests.get(f"{launcher.settings.front}/{path}", timeout=10).status_code
    except requests.ConnectionError:
        return 0


def grpc_health(launcher: Launcher) -> int:
    with grpc.insecure_channel(f"127.0.0.1:{launcher.settings.properties['front_grpc_port']}") as channel:
        return int(health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10).status)


def workers(launcher: Launcher) -> list[psutil.Process]:
    return [process for process in launcher.processes() if "model_service_worker" in " ".join(process.cmdline())]


def front(launcher: Launcher) -> psutil.Process:
    return next(process for process in launcher.processes() if process.cmdline()[1:3] == ["-m", "front"])


def is_ready(launcher: Launcher) -> bool:
    status = launcher_status(launcher.directory)
    return bool(status and status.ready)


def test_while_the_server_starts_it_is_alive_and_neither_started_nor_ready(launcher):
    process = subprocess.Popen(launcher.command("start"), stdout=subprocess.DEVNULL)
    wait_until(lambda: probe(launcher, "livez") == 200)
    assert not is_ready(launcher), "the front came too late to say so"
    assert (probe(launcher, "startupz"), probe(launcher, "readyz")) == (503, 503)
    assert process.wait() == 0
    assert [probe(launcher, path) for path in ("startupz", "readyz", "livez")] == [200, 200, 200]
    assert grpc_health(launcher) == SERVING


def test_without_a_worker_it_is_not_ready_and_says_of_which_version_until_one_is_back(launcher):
    for worker in workers(launcher):
        worker.kill()
    wait_until(lambda: probe(launcher, "readyz") == 503)
    assert grpc_health(launcher) == NOT_SERVING
    reason = requests.get(f"{launcher.settings.front}/readyz", timeout=10).json()["reason"]
    assert reason == "no worker of cifar10 1.0, the default version, is ready"
    assert (probe(launcher, "startupz"), probe(launcher, "livez")) == (200, 200)
    wait_until(lambda: probe(launcher, "readyz") == 200)


def test_a_front_that_is_killed_is_started_again_and_predictions_go_on(launcher):
    killed = front(launcher)
    killed.kill()
    assert launcher.predict().ok
    wait_until(lambda: probe(launcher, "readyz") == 200)
    assert front(launcher).pid != killed.pid
    assert "the front ended by itself (killed by SIGKILL)" in launcher.directory.launcher_log.read_text()


def test_while_torchserve_is_started_again_the_front_lives_on_and_is_not_ready(launcher):
    before = front(launcher).pid
    launcher.front_end().kill()
    wait_until(lambda: probe(launcher, "readyz") == 503)
    assert probe(launcher, "livez") == 200
    wait_until(lambda: probe(launcher, "startupz") == 503)
    wait_until(lambda: probe(launcher, "readyz") == 200)
    assert front(launcher).pid == before


def test_a_name_that_is_no_service_is_not_found(launcher):
    with grpc.insecure_channel(f"127.0.0.1:{launcher.settings.properties['front_grpc_port']}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.Check(health_pb2.HealthCheckRequest(service="nothing"), timeout=10)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND


def test_who_watches_is_told_when_the_server_drains_and_nothing_is_left_of_the_front(launcher):
    busy = workers(launcher)
    with grpc.insecure_channel(f"127.0.0.1:{launcher.settings.properties['front_grpc_port']}") as channel:
        watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watched).status == SERVING
        for worker in busy:
            worker.send_signal(signal.SIGSTOP)  # so that the drain waits for it
        stopping = subprocess.Popen(launcher.command("stop"), stdout=subprocess.DEVNULL)
        assert next(watched).status == NOT_SERVING
        assert (probe(launcher, "readyz"), probe(launcher, "livez")) == (503, 200)
        for worker in busy:
            worker.send_signal(signal.SIGCONT)
        assert stopping.wait() == 0
    assert launcher.processes() == []
    assert probe(launcher, "livez") == 0


def test_a_front_that_cannot_start_is_one_sentence_with_its_own_words(runtime_dir, store):
    settings = Settings.isolated(runtime_dir, store, {"front_address": f"http://localhost.invalid:{free_port()}"})
    with Server(settings) as server, pytest.raises(Exception, match=r"the front ended by itself \(exit code 1\)"):
        server.wait_until_ready()


def test_one_setting_does_without_the_front(runtime_dir, store):
    settings = Settings.isolated(runtime_dir, store, {"enable_front": "false"})
    with socket.create_server(("127.0.0.1", settings.ports.get("front_grpc_port", 0))), Server(settings) as server:
        server.wait_until_ready()
        lines = [child.cmdline() for child in psutil.Process(os.getpid()).children(recursive=True)]
        assert [line for line in lines if str(runtime_dir) in " ".join(line) and "front" in line] == []
        assert any(str(runtime_dir) in " ".join(line) for line in lines), "nor is there a TorchServe"
