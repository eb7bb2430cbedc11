"""Nothing of the user's environment reaches TorchServe unless it is named."""

import pytest

from serving.environment import passed_environment, worker_environment
from serving.settings import Settings


@pytest.mark.parametrize(
    "name",
    [
        "TS_CONFIG_FILE",
        "TS_INFERENCE_ADDRESS",
        "LOG_LOCATION",
        "METRICS_LOCATION",
        "JAVA_TOOL_OPTIONS",
        "JDK_JAVA_OPTIONS",
        "_JAVA_OPTIONS",
        "CLASSPATH",
        "PYTHONPATH",
        "PYTHONHOME",
        "OMP_NUM_THREADS",
        "TMPDIR",
        "TEMP",
        "LC_CTYPE",
        "MY_SECRET",
    ],
)
def test_other_projects_settings_do_not_reach_torchserve(tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "/of/another/project")
    assert "/of/another/project" not in worker_environment(Settings.isolated(tmp_path, tmp_path)).values()


def test_what_is_named_is_passed():
    environment = {"MY_VARIABLE": "1", "MY_OTHER": "2", "YOURS": "3", "PATH": "/bin"}
    assert passed_environment(["MY_*"], environment) == {
        "MY_VARIABLE": "1",
        "MY_OTHER": "2",
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
    }


def test_what_the_launcher_sets_cannot_be_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("LOG_LOCATION", "/of/another/project")
    settings = Settings.isolated(tmp_path, tmp_path, {"pass_environment": "LOG_LOCATION"})
    assert worker_environment(settings)["LOG_LOCATION"] == str(settings.runtime_directory.logs)


@pytest.mark.parametrize(("setting", "told"), [("0", None), ("0.0", None), ("0.25", "0.25"), ("1", "1")])
def test_workers_are_told_of_the_access_log_only_where_there_is_one(tmp_path, setting, told):
    settings = Settings.isolated(tmp_path, tmp_path, {"access_log": setting})
    assert worker_environment(settings).get("PIXSERVE_ACCESS_LOG") == told
