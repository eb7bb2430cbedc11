"""What config.properties may say: every setting, and the values it takes.

TorchServe ignores an unknown key, and ends with a Java exception, or waits for ever, on a wrong value. So settings are
checked as a whole before Java starts. The keys are those of TorchServe 0.12's `ConfigManager`; a test compares.
"""

import difflib
from collections.abc import Mapping

from serving.errors import ServingError
from serving.gateway_checks import GATEWAY_CHECKS
from serving.startup import PROFILES
from serving.value_checks import (
    Check,
    address,
    address_or_none,
    boolean,
    decimal,
    existing_file,
    fraction,
    host,
    one_of,
    plain_address,
    port,
    text,
    variables,
    whole_number,
)

SET_BY_THE_LAUNCHER = {
    "model_store": "the option --store",
    "model_snapshot": "what was served before",
    "load_models": "the archives of the model store",
    "models": "handler/model-config.yaml",
    "model_server_home": "the installed torchserve package",
    "async_logging": "serving/log4j2.xml",  # without effect in TorchServe 0.12
    "enable_envvars_config": "config.properties alone",
    "use_env_allowed_urls": "allowed_urls",
}


CHECKS: dict[str, Check] = {
    # The launcher's own.
    "serving_profile": one_of(*PROFILES),
    "pass_environment": variables,
    "archive_public_key": existing_file,
    "access_log": fraction,
    "enable_front": boolean,
    "front_address": plain_address,
    "explanation_priority": one_of("idle", "normal"),
    "front_grpc_port": port,
    # The gateway's own.
    **GATEWAY_CHECKS,
    # Addresses.
    "inference_address": address,
    "management_address": address,
    "metrics_address": plain_address,
    "torchserve_metrics_address": address_or_none,
    "grpc_inference_address": host,
    "grpc_management_address": host,
    "grpc_inference_port": port,
    "grpc_management_port": port,
    # Sizes, counts and times.
    **dict.fromkeys(
        (
            "default_response_timeout",
            "default_startup_timeout",
            "default_workers_per_model",
            "job_queue_size",
            "max_request_size",
            "max_response_size",
            "metric_time_interval",
            "unregister_model_timeout",
        ),
        whole_number(1),
    ),
    **dict.fromkeys(("netty_client_threads", "number_of_gpu", "number_of_netty_threads"), whole_number(0)),
    "io_ratio": whole_number(1, 100),
    "initial_worker_port": port,
    "initial_distribution_port": port,
    **dict.fromkeys(
        (
            "grpc_inference_max_connection_age_ms",
            "grpc_inference_max_connection_age_grace_ms",
            "grpc_management_max_connection_age_ms",
            "grpc_management_max_connection_age_grace_ms",
        ),
        whole_number(1, 9_999_999_999),
    ),
    "token_expiration_min": decimal,
    # Switches.
    **dict.fromkeys(
        (
            "cpu_launcher_enable",
            "decode_input_request",
            "disable_system_metrics",
            "disable_token_authorization",
            "enable_grpc_ssl",
            "enable_metrics_api",
            "enable_model_api",
            "install_py_dep_per_model",
            "ipex_enable",
            "ipex_gpu_enable",
            "limit_max_image_pixels",
            "model_metrics_auto_detect",
            "prefer_direct_buffer",
            "ts_open_inference_protocol",
            "use_native_io",
        ),
        boolean,
    ),
    "metrics_mode": one_of("log", "prometheus", "legacy"),
    # Words.
    **dict.fromkeys(
        (
            "allowed_urls",
            "blacklist_env_vars",
            "certificate_file",
            "cors_allowed_headers",
            "cors_allowed_methods",
            "cors_allowed_origin",
            "cpp_log_config",
            "cpu_launcher_args",
            "default_service_handler",
            "keystore",
            "keystore_pass",
            "keystore_type",
            "metrics_config",
            "plugins_path",
            "private_key_file",
            "service_envelope",
            "system_metrics_cmd",
            "ts_header_key_sequence_end",
            "ts_header_key_sequence_id",
            "ts_header_key_sequence_start",
            "vmargs",
            "workflow_store",
        ),
        text,
    ),
}

# What is served where a file of settings leaves an address out; TorchServe's own default for management is a TCP port.
DEFAULTS = {
    "inference_address": "http://127.0.0.1:8080",
    "management_address": "unix:management.sock",
    "metrics_address": "http://127.0.0.1:8082",
    "grpc_inference_address": "127.0.0.1",
    "grpc_inference_port": "7070",
    "grpc_management_address": "127.0.0.1",
    "grpc_management_port": "7071",
    "enable_front": "true",
    "explanation_priority": "idle",
    "front_address": "http://127.0.0.1:8000",
    "front_grpc_port": "8001",
}


def validated(properties: Mapping[str, str], *, source: str) -> dict[str, str]:
    """Return the settings in TorchServe's notation, with the addresses that are missing.

    Args:
        properties: keys and values as they were read; blanks around a value are ignored.
        source: where they were read, for the message.

    Raises:
        ServingError: a line for each setting that is wrong: what it is, and what is expected.
    """
    accepted: dict[str, str] = dict(DEFAULTS)
    faults: list[str] = []
    for key, value in properties.items():
        if key not in CHECKS:
            faults.append(_unknown(key))
            continue
        try:
            accepted[key] = CHECKS[key](value.strip())
        except ValueError as expected:
            faults.append(f"{key} is {value!r}; expected {expected}")
    if not faults:
        faults += _twice(accepted)
    if faults:
        raise ServingError("\n".join(f"{source}: {fault}" for fault in faults))
    return accepted


def _unknown(key: str) -> str:
    if key in SET_BY_THE_LAUNCHER:
        return f"{key} cannot be set here; {SET_BY_THE_LAUNCHER[key]} decides"
    close = difflib.get_close_matches(key, CHECKS, n=1)
    return f"{key} is no setting" + (f"; did you mean {close[0]}?" if close else " of TorchServe or of the launcher")


def _twice(settings: Mapping[str, str]) -> list[str]:
    """Return a sentence for each TCP port that two APIs would listen to."""
    users: dict[int, str] = {}
    faults = []
    for key, taken in tcp_ports(settings).items():
        if taken in users:
            faults.append(f"{key} and {users[taken]} both use port {taken}; each needs a port of its own")
        users[taken] = key
    return faults


def tcp_ports(settings: Mapping[str, str]) -> dict[str, int]:
    """Return every TCP port that a server will open, by the setting that names it."""
    addresses = ["inference_address", "management_address", "torchserve_metrics_address"]
    if settings.get("enable_metrics_api", "true") == "true":
        addresses.append("metrics_address")
    grpc_ports = ["grpc_inference_port", "grpc_management_port"]
    if settings["enable_front"] == "true":
        addresses.append("front_address")
        grpc_ports.append("front_grpc_port")
    urls = {key: url for key in addresses if (url := settings.get(key, "")) and not url.startswith("unix:")}
    ports = {key: int(url.rpartition(":")[2]) for key, url in urls.items()}
    return ports | {key: int(settings[key]) for key in grpc_ports}
