"""The environment of TorchServe and its workers: a short list of variables, and what the launcher sets.

Nothing else of the user's environment reaches them: `TS_CONFIG_FILE` of another TorchServe project would replace the
launcher's settings, `JAVA_TOOL_OPTIONS` those of the JVM. `pass_environment` in config.properties names more.
"""

import os
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from pixserve.runtime_directory import RUNTIME_DIR_VARIABLE
from serving.machine import this_machine
from serving.settings import Settings

FRONT_VARIABLE = "PIXSERVE_FRONT"  # names the front's address to the workers; they send requests for explanations there
ACCESS_LOG_VARIABLE = "PIXSERVE_ACCESS_LOG"  # the fraction of requests of which workers write a line; only above 0
TORCH_STAND_IN = Path(__file__).parent / "torch_stand_in"  # holds a module `torch` of a few lines

PASSED = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TZ",
    "LD_LIBRARY_PATH",
    "CUDA_*",
    "NVIDIA_*",
)


def passed_environment(names: Iterable[str], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables of `environment` that `PASSED` or `names` name; ``NAME*`` is a prefix.

    The locale is always C.UTF-8: Java cannot open a path with other letters than ASCII in the locale C.
    """
    wanted = [*PASSED, *names]
    exact = {name for name in wanted if not name.endswith("*")}
    prefixes = tuple(name.removesuffix("*") for name in wanted if name.endswith("*"))
    passed = {name: value for name, value in environment.items() if name in exact or name.startswith(prefixes)}
    return passed | {"LC_ALL": "C.UTF-8"}


def worker_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of TorchServe and its workers: threads that fit the cores, the runtime directory.

    Where torch is not installed, workers find the stand-in that TorchServe's own code is content with.
    """
    threads = str(this_machine().threads_per_worker)
    directory = settings.runtime_directory
    passed = passed_environment(settings.passed_environment)
    stand_in = [] if find_spec("torch") else [str(TORCH_STAND_IN)]
    return passed | {
        "PYTHONPATH": os.pathsep.join([*stand_in, *filter(None, [passed.get("PYTHONPATH")])]),
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "TMPDIR": str(directory.temporary),
        "LOG_LOCATION": str(directory.logs),
        "METRICS_LOCATION": str(directory.logs),
        RUNTIME_DIR_VARIABLE: str(directory.path),
        **({"PROMETHEUS_MULTIPROC_DIR": str(directory.metrics)} if settings.serves_metrics else {}),
        **({FRONT_VARIABLE: settings.front} if settings.front else {}),
        **({ACCESS_LOG_VARIABLE: settings.access_log} if settings.access_log else {}),
    }
