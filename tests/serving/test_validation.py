"""Settings are checked as a whole before Java starts; each fault is one sentence."""

import re
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from serving.errors import ServingError
from serving.gateway_checks import GATEWAY_CHECKS
from serving.settings import CONFIG, read_properties
from serving.validation import CHECKS, DEFAULTS, SET_BY_THE_LAUNCHER, validated

FRONT = {"enable_front", "front_address", "front_grpc_port", "explanation_priority"}
READ_BY_THE_LAUNCHER = {
    "serving_profile",
    "pass_environment",
    "archive_public_key",
    "torchserve_metrics_address",
    "access_log",
    "vmargs",
    "plugins_path",
    *FRONT,
    *GATEWAY_CHECKS,
}


def faults(**settings: str) -> list[str]:
    """The sentences about these settings."""
    with pytest.raises(ServingError) as refused:
        validated(settings, source="config.properties")
    return str(refused.value).splitlines()


def test_the_shipped_settings_are_valid():
    assert validated(read_properties(CONFIG), source="config.properties").items() >= DEFAULTS.items()


def test_an_address_that_is_missing_is_the_shipped_one():
    assert validated({}, source="") == DEFAULTS


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("grpc_inference_port", "7o70", "a whole number from 1 to 65535"),
        ("grpc_inference_port", "70700", "a whole number from 1 to 65535"),
        ("grpc_inference_port", "", "a whole number from 1 to 65535"),
        ("max_request_size", "20_000_000", "a whole number from 1 to 2147483647"),
        ("max_request_size", "٣", "a whole number from 1 to 2147483647"),
        ("token_expiration_min", "nan", "a number above 0"),
        ("enable_model_api", "yes", "true or false"),
        ("metrics_mode", "Prometheus", "log or prometheus or legacy"),
        ("serving_profile", "fast", "throughput or latency"),
        (
            "inference_address",
            "http://[::1]:8080",
            "http://host:port or unix:path (TorchServe takes no IPv6 address here)",
        ),
        (
            "inference_address",
            "127.0.0.1:8080",
            "http://host:port or unix:path (TorchServe takes no IPv6 address here)",
        ),
        (
            "inference_address",
            "http://127.0.0.1",
            "http://host:port or unix:path (TorchServe takes no IPv6 address here)",
        ),
        ("inference_address", "http://127.0.0.1:0", "a whole number from 1 to 65535"),
        ("grpc_inference_address", "::1", "a host name or an IPv4 address, without a port"),
        ("front_address", "https://127.0.0.1:8000", "http://host:port"),
        ("front_address", "unix:front.sock", "http://host:port"),
        ("front_address", "http://127.0.0.1:0", "a whole number from 1 to 65535"),
        ("enable_front", "off", "true or false"),
        ("explanation_priority", "high", "idle or normal"),
        ("archive_public_key", "keys/none.pem", "the absolute path of a file that exists, or nothing"),
        ("access_log", "2", "a number from 0 to 1"),
        ("access_log", "1.01", "a number from 0 to 1"),
        ("access_log", "-0.5", "a number from 0 to 1"),
        ("access_log", "nan", "a number from 0 to 1"),
        ("access_log", "true", "a number from 0 to 1"),
        ("pass_environment", "MY VARIABLE", "names of environment variables, separated by commas"),
    ],
)
def test_a_wrong_value_is_one_sentence_with_what_was_expected(key, value, expected):
    assert faults(**{key: value}) == [f"config.properties: {key} is {value!r}; expected {expected}"]


def test_every_fault_is_said_at_once():
    assert len(faults(enable_model_api="yes", grpc_inference_port="x", inference_adress="y")) == 3


def test_a_misspelt_setting_is_named_with_the_one_that_was_meant():
    assert faults(inference_adress="x") == [
        "config.properties: inference_adress is no setting; did you mean inference_address?"
    ]


def test_what_the_launcher_decides_cannot_be_set():
    (fault,) = faults(model_store="/elsewhere")
    assert fault == "config.properties: model_store cannot be set here; the option --store decides"


def test_two_apis_on_one_port_are_refused():
    (fault,) = faults(grpc_inference_port="8080")
    assert "grpc_inference_port and inference_address both use port 8080" in fault


@pytest.mark.parametrize("value", ["True", "TRUE", " true ", "true\t"])
def test_true_is_true_however_it_is_written(value):
    assert validated({"disable_token_authorization": value}, source="")["disable_token_authorization"] == "true"


def test_blanks_around_a_value_do_not_matter():
    assert validated({"grpc_inference_port": "7070 "}, source="")["grpc_inference_port"] == "7070"


def test_each_setting_is_one_that_torchserve_reads():
    package = find_spec("ts")
    assert package is not None
    jar = Path(str(package.origin)).parent / "frontend" / "model-server.jar"
    with zipfile.ZipFile(jar) as file:
        config_manager = file.read("org/pytorch/serve/util/ConfigManager.class")
    for key in (CHECKS.keys() | SET_BY_THE_LAUNCHER.keys()) - READ_BY_THE_LAUNCHER:
        assert re.search(rb"[^a-z_]" + key.encode() + rb"[^a-z_]", config_manager), key
