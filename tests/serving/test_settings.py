"""Settings: the tracked file, the machine's own, and the runtime directory."""

import subprocess
from pathlib import Path

import javaproperties
import pytest

from pixserve.runtime_directory import RuntimeDirectory
from serving.archives import read_store
from serving.errors import ServingError
from serving.settings import CONFIG, PROJECT, Settings
from serving.startup import plan_startup
from tests.serving.sample_archives import make_archive


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.properties"
    path.write_text("inference_address=http://127.0.0.1:8080\nmax_request_size=1000\n")
    return path


def test_the_machines_own_settings_win_and_the_others_stay(config):
    (config.parent / "config.local.properties").write_text("inference_address=http://127.0.0.1:9090\n")
    settings = Settings.read(config)
    assert settings.inference == "http://127.0.0.1:9090"
    assert settings.properties["max_request_size"] == "1000"


def test_a_wrong_local_setting_names_both_files(config):
    (config.parent / "config.local.properties").write_text("max_request_size=many\n")
    with pytest.raises(ServingError, match=r"^config.properties and config.local.properties: max_request_size is"):
        Settings.read(config)


def test_git_ignores_the_machines_own_settings():
    ignored = subprocess.run(["git", "check-ignore", "config.local.properties"], cwd=PROJECT, check=False)
    assert ignored.returncode == 0


def test_isolated_settings_take_nothing_from_the_machines_own(tmp_path, monkeypatch):
    monkeypatch.setattr("serving.settings.local_config", lambda config: pytest.fail("they were read"))
    settings = Settings.isolated(tmp_path, tmp_path)
    shipped = javaproperties.loads(CONFIG.read_text())
    assert settings.inference != shipped["inference_address"]


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ServingError, match="there is no settings file"):
        Settings.read(tmp_path / "config.properties")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_settings_file_may_be_in_utf_8_or_in_javas_own_encoding(config, encoding):
    config.write_bytes("# réglages\nkeystore_pass=clé\n".encode(encoding))
    assert Settings.read(config).properties["keystore_pass"] == "clé"


def test_an_escape_that_java_refuses_is_one_sentence(config):
    config.write_text("keystore_pass=\\u12\n")
    with pytest.raises(ServingError, match=r"config.properties cannot be read"):
        Settings.read(config)


def test_relative_sockets_lie_in_the_runtime_directory(tmp_path):
    settings = Settings.read(CONFIG, runtime_dir=tmp_path / "run", local=False)
    assert settings.management == f"unix:{tmp_path}/run/management.sock"


def test_a_socket_path_too_long_for_the_kernel_is_refused_with_the_remedy(tmp_path):
    management = {"management_address": f"unix:{tmp_path}/{'deep' * 30}.sock"}
    with pytest.raises(ServingError, match=r"longer than 103 bytes.*set management_address"):
        Settings.read(runtime_dir=tmp_path / "run", overrides=management, local=False)


@pytest.mark.parametrize("management", ["unix:management.sock", "unix:/run/m.sock", "http://127.0.0.1:8081"])
def test_a_runtime_directory_too_deep_for_the_workers_sockets_is_refused_with_the_remedy(management):
    longest = Path("/tmp") / ("x" * (107 - len("/tmp//tmp/.ts.sock.65535")))
    overrides = {"management_address": "unix:/run/m.sock"} | {"management_address": management}
    with pytest.raises(ServingError, match=r"is 1 bytes too long for the sockets of workers.*shorter .* --runtime-dir"):
        Settings.read(runtime_dir=Path(f"{longest}x"), overrides=overrides, local=False)
    Settings.read(runtime_dir=longest, overrides={"management_address": "unix:/run/m.sock"}, local=False)


@pytest.mark.parametrize("name", ["a:b", "a,b"])
def test_a_path_that_java_would_take_apart_is_refused(tmp_path, name):
    for folders in ({"runtime_dir": tmp_path / name}, {"store": tmp_path / name}):
        with pytest.raises(ServingError, match=rf"the path .*{name} holds .*; choose a path without it"):
            Settings.read(local=False, **folders)


def test_tokens_leave_the_grpc_management_port_open():
    assert Settings.read(local=False).hides_management
    assert not Settings.read(overrides={"disable_token_authorization": "False"}, local=False).hides_management


def test_torchserve_gets_its_own_settings_and_none_of_the_launchers(tmp_path):
    make_archive(tmp_path, "pets", "1.0")
    overrides = {"serving_profile": "latency", "pass_environment": "MY_VARIABLE", "default_workers_per_model": "7"}
    settings = Settings.isolated(tmp_path, tmp_path, overrides)
    startup = plan_startup(read_store(tmp_path), None, directory=RuntimeDirectory(tmp_path), workers=settings.workers)
    written = javaproperties.loads(settings.write(startup).read_text())
    assert written.keys().isdisjoint({"serving_profile", "pass_environment"})
    assert written["default_workers_per_model"] == "7"
    assert '"batchSize": 1,' in written["model_snapshot"]
    assert '"minWorkers": 7' in written["model_snapshot"]
