"""Starts that cannot succeed end soon, with a sentence that says why."""

import json
import resource
import socket
from pathlib import Path

import archive
from tests.conftest import LENET_RECORD
from tests.end_to_end.launching import Launcher
from tests.two_versions import copy_weights


def test_a_port_in_use_is_one_sentence(launcher):
    port = int(launcher.settings.inference.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        refused = launcher("start")
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: port {port} (inference_address) is in use")
    assert refused.stderr.count("\n") == 1


def test_an_empty_store_is_one_sentence(runtime_dir, tmp_path):
    refused = Launcher(runtime_dir, tmp_path)("start")
    assert refused.returncode == 1
    assert "there is no archive" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_full_disk_is_one_sentence(launcher):
    no_room = launcher("start", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
    assert no_room.returncode == 1
    assert no_room.stderr == f"error: {launcher.directory.launcher_lock} cannot be written: File too large\n"


def test_an_option_that_java_refuses_is_shown_in_its_own_words(runtime_dir, store):
    refused = Launcher(runtime_dir, store, vmargs="-XX:+UseTheForce")("start")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: TorchServe ended by itself (exit code 1); its last words:\n")
    assert "Unrecognized VM option 'UseTheForce'" in refused.stderr


def test_settings_that_torchserve_refuses_are_shown_in_its_own_words(runtime_dir, store):
    refused = Launcher(runtime_dir, store, blacklist_env_vars="(")("start")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: TorchServe ended by itself (exit code 1); its last words:\n")
    assert "PatternSyntaxException" in refused.stderr


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
    copy_weights(LENET_RECORD, folder)
    archive.build(record, store=folder)
    return folder
