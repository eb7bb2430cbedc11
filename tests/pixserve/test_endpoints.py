"""Where a server listens is read from its runtime directory, with doubt."""

import pytest

from pixserve.endpoints import Endpoints
from pixserve.errors import UnreachableError
from pixserve.runtime_directory import RuntimeDirectory

PROPERTIES = """\
inference_address=http\\://127.0.0.1\\:8080
grpc_inference_port=7070
management_address=unix\\:/run/management.sock
model_store=/srv/archives
disable_token_authorization=true
"""


def test_the_addresses_are_those_that_the_server_was_started_with(tmp_path):
    RuntimeDirectory(tmp_path).properties.write_text(PROPERTIES)
    endpoints = Endpoints.of_runtime_dir(tmp_path)
    assert (endpoints.inference, endpoints.grpc) == ("http://127.0.0.1:8080", "127.0.0.1:7070")
    assert (endpoints.management, endpoints.key_file) == ("unix:/run/management.sock", None)


@pytest.mark.parametrize("content", ["", PROPERTIES[:60], "inference_address=\\u12"])
def test_properties_that_were_half_written_are_one_sentence(tmp_path, content):
    RuntimeDirectory(tmp_path).properties.write_text(content)
    with pytest.raises(UnreachableError, match="does not say where the server listens"):
        Endpoints.of_runtime_dir(tmp_path)


def test_a_directory_where_no_server_was_started_is_one_sentence(tmp_path):
    with pytest.raises(UnreachableError, match="no server has been started"):
        Endpoints.of_runtime_dir(tmp_path)
