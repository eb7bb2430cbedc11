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
    """Link the Python backend beside the stub for this interpreter, where Triton looks for it.

    Links, not copies: the files find their libraries by their own place.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    (folder / "python").mkdir(parents=True)
    for file in [stub, *(server / "backends" / "python").glob("*.*")]:
        (folder / "python" / file.name).symlink_to(file)
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
    # The backend's processes embed Python, which finds this environment by the first `python3` of PATH.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    words = [str(server / "bin" / "tritonserver"), *(f"--{name}={value}" for name, value in options.items())]
    os.execv(words[0], words)


if __name__ == "__main__":
    main()
