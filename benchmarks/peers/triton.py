"""Start Triton: lay out the model repository that it reads, then become the server.

python -m benchmarks.peers.triton    reads the benchmark's environment variables; it runs in Triton's environment
"""

import os
import shutil
import sys
from pathlib import Path

import pytriton

from benchmarks.peers import environment_variables as variables

HERE = Path(__file__).parent
MODEL = "image"


def model_repository(folder: Path, *, workers: int) -> Path:
    """Write the repository: one model with so many instances, each a process."""
    model = folder / MODEL
    (model / "1").mkdir(parents=True)
    shutil.copy(HERE / "triton_app.py", model / "1" / "model.py")
    config = (HERE / "triton_config.pbtxt").read_text().replace("WORKERS", str(workers))
    (model / "config.pbtxt").write_text(config)
    return folder


def backends(folder: Path, server: Path) -> Path:
    """Copy the Python backend beside the stub for this interpreter, where Triton looks for it."""
    shutil.copytree(server / "backends" / "python", folder / "python")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copy(server / "python_backend_stubs" / version / "triton_python_backend_stub", folder / "python")
    return folder


def main() -> None:
    """Replace this process by the server."""
    scratch, server = Path(os.environ[variables.SCRATCH]), Path(pytriton.__file__).parent / "tritonserver"
    options = {
        "model-repository": model_repository(scratch / "models", workers=variables.integer(variables.WORKERS)),
        "backend-directory": backends(scratch / "backends", server),
        "http-address": "127.0.0.1",
        "http-port": os.environ[variables.PORT],
        "http-thread-count": variables.integer(variables.WORKERS),
        "allow-grpc": "false",
        "allow-metrics": "false",
    }
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # for the backend's processes
    words = [str(server / "bin" / "tritonserver"), *(f"--{name}={value}" for name, value in options.items())]
    os.execv(words[0], words)


if __name__ == "__main__":
    main()
