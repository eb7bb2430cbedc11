"""The gRPC contract of the client is a part of TorchServe's: held against the .proto file in TorchServe's jar."""

import importlib.util
import zipfile
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from pixserve._stubs import inference_pb2


def compile_proto(proto: bytes, folder: Path) -> FileDescriptorProto:
    (folder / "theirs.proto").write_bytes(proto)
    rpc = importlib.util.find_spec("google.rpc")  # of googleapis-common-protos; theirs imports google/rpc/status.proto
    assert rpc is not None
    common = Path(next(iter(rpc.submodule_search_locations or ()))).parent.parent
    includes = [folder, Path(protoc.__file__).parent / "_proto", common]
    target = folder / "descriptors"
    assert not protoc.main(["protoc", *[f"-I{path}" for path in includes], f"-o{target}", "theirs.proto"])
    return FileDescriptorSet.FromString(target.read_bytes()).file[0]


@pytest.fixture
def theirs(tmp_path: Path) -> FileDescriptorProto:
    ts = importlib.util.find_spec("ts")
    assert ts is not None
    with zipfile.ZipFile(Path(str(ts.origin)).parent / "frontend" / "model-server.jar") as jar:
        return compile_proto(jar.read("proto/inference.proto"), tmp_path)


@pytest.fixture
def ours() -> FileDescriptorProto:
    return FileDescriptorProto.FromString(inference_pb2.DESCRIPTOR.serialized_pb)


def test_each_method_of_the_client_is_one_of_torchserve(ours: FileDescriptorProto, theirs: FileDescriptorProto) -> None:
    assert ours.package == theirs.package
    (service,), (known,) = ours.service, theirs.service
    assert service.name == known.name
    signatures = [
        {
            (method.name, method.input_type, method.output_type, method.client_streaming, method.server_streaming)
            for method in each.method
        }
        for each in (service, known)
    ]
    assert signatures[0] < signatures[1]
    assert {method.name for method in service.method} == {"Ping", "Predictions", "StreamPredictions"}


def test_each_field_of_the_client_is_one_of_torchserve(ours: FileDescriptorProto, theirs: FileDescriptorProto) -> None:
    known = {message.name: message for message in theirs.message_type}
    assert len(ours.message_type) == 3
    for message in ours.message_type:
        for mine, torchserves in (
            (message, known[message.name]),
            *zip(message.nested_type, known[message.name].nested_type, strict=True),  # the entries of maps
        ):
            fields = [
                {(field.name, field.number, field.type, field.label, field.type_name) for field in each.field}
                for each in (mine, torchserves)
            ]
            assert fields[0], mine.name
            assert fields[0] <= fields[1], mine.name
            assert mine.options == torchserves.options
