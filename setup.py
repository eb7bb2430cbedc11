"""Adds one step to the build that pyproject.toml describes: the gRPC stubs are generated from the .proto files.

grpcio-tools is therefore a requirement of the build alone; who installs pixserve gets the generated modules.
"""

import shutil
from pathlib import Path

from grpc_tools import protoc
from setuptools import setup
from setuptools.command.build_py import build_py

# Relative to the project, where every build runs: the generated modules import each other by this path.
PROTOS = ("pixserve/_stubs/inference.proto", "front/_stubs/open_inference.proto")
WELL_KNOWN_TYPES = Path(protoc.__file__).parent / "_proto"


class BuildStubs(build_py):
    """Generates the stubs beside the .proto files, then collects the modules of the package, stubs included."""

    def run(self) -> None:
        """Generate, then build; raises RuntimeError where protoc refuses the file (it prints why)."""
        arguments = ["-I.", f"-I{WELL_KNOWN_TYPES}", "--python_out=.", "--grpc_python_out=."]
        protos = [proto for proto in PROTOS if Path(proto).exists()]  # the client's alone, where it is built by itself
        if protoc.main(["protoc", *arguments, *protos]) != 0:
            raise RuntimeError(f"protoc could not generate the gRPC stubs from {', '.join(protos)}")
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)  # modules of an earlier build would be packed, too
        super().run()


setup(cmdclass={"build_py": BuildStubs})
