"""The gRPC stubs, generated from the .proto file inside the installed TorchServe's jar.

    python -m pixserve.stubs     writes pixserve/_stubs/; does nothing where they fit the jar already

They are never committed: the jar is their source, and grpcio-tools of the same environment writes them.
"""

import importlib.util
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from pixserve.errors import StubsMissingError

PROTO = "inference.proto"
FOLDER = Path(__file__).parent / "_stubs"


def proto_of_jar() -> bytes:
    """The .proto file in the jar of the installed `ts` package, which is not imported for that.

    Raises:
        StubsMissingError: torchserve is not installed.
    """
    found = importlib.util.find_spec("ts")
    if found is None or found.origin is None:
        raise StubsMissingError("the stubs are made from TorchServe's jar: install torchserve (`make` does)")
    with zipfile.ZipFile(Path(found.origin).parent / "frontend" / "model-server.jar") as jar:
        return jar.read(f"proto/{PROTO}")


def generate(proto: bytes) -> bool:
    """Write the stubs of a .proto file, and say whether there was a need.

    Raises:
        StubsMissingError: the compiler refused the file.
    """
    source = FOLDER / PROTO
    if source.is_file() and source.read_bytes() == proto:
        return False
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    _compile(proto)
    source.write_bytes(proto)  # last: it vouches for the rest
    return True


def _compile(proto: bytes) -> None:
    """Run protoc on a copy that lies as the package does, so that the stubs import each other by the full name."""
    from grpc_tools import protoc

    package = f"{__package__}/_stubs"
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / package).mkdir(parents=True)
        (Path(scratch) / package / PROTO).write_bytes(proto)
        target = FOLDER.parent.parent
        bundled = Path(protoc.__file__).parent / "_proto"
        google = importlib.util.find_spec("google.rpc")
        common = [str(Path(path).parent.parent) for path in google.submodule_search_locations or []] if google else []
        includes = [f"-I{path}" for path in (scratch, bundled, *common)]
        outputs = [f"--python_out={target}", f"--grpc_python_out={target}"]
        if protoc.main(["protoc", *includes, *outputs, f"{package}/{PROTO}"]) != 0:
            raise StubsMissingError("protoc refused TorchServe's inference.proto; its words are above")


def main() -> None:
    """Generate the stubs where they are missing, or are those of another TorchServe."""
    try:
        print("pixserve/_stubs: generated" if generate(proto_of_jar()) else "pixserve/_stubs: up to date")
    except StubsMissingError as fault:
        sys.exit(f"error: {fault}")


if __name__ == "__main__":
    main()
