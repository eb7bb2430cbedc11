"""The command line without a server: what it refuses, and how it says so."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations.commands import COMMANDS as OPERATIONS
from operations.commands.versions import archive_name
from pixserve import Connection, Endpoints
from pixserve.commands.main import COMMANDS, app
from pixserve.commands.output import quantity, sentence_of
from pixserve.errors import AddressError, ArchiveNotFoundError, UnreachableError
from pixserve.runtime_directory import RuntimeDirectory
from tests.pixserve.small_servers import ANSWER, rest_server


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "m.mar").touch()
    return Connection(Endpoints("http://x", "x:1", "http://y", store=tmp_path / "store"))


@pytest.mark.parametrize("command", [command.__name__ for command in (*COMMANDS, *OPERATIONS)])
def test_every_command_shows_an_example(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    assert (shown.exit_code, f"pixserve {command}" in shown.stdout) == (0, True)


def test_wrong_usage_has_an_exit_code_of_its_own() -> None:
    for wrong in (["predict"], ["scale", "1.0", "0"], ["rollout", "x.mar"], ["predict", "x", "--top", "0"]):
        assert CliRunner().invoke(app, wrong).exit_code == 2


def test_a_home_without_a_server_is_said_so(tmp_path: Path) -> None:
    failed = CliRunner().invoke(app, ["--runtime-dir", str(tmp_path), "models"])
    assert isinstance(failed.exception, UnreachableError)
    assert "`make start` starts one" in str(failed.exception)


def test_an_archive_is_named_or_shown_where_it_lies(connection: Connection, tmp_path: Path) -> None:
    assert archive_name(Path("m.mar"), connection) == "m.mar"
    assert archive_name(tmp_path / "store" / "m.mar", connection) == "m.mar"


def test_an_archive_outside_the_store_is_refused_before_the_server_is_asked(
    connection: Connection, tmp_path: Path
) -> None:
    (tmp_path / "m.mar").touch()
    with pytest.raises(ArchiveNotFoundError, match="copy it to"):
        archive_name(tmp_path / "m.mar", connection)
    with pytest.raises(ArchiveNotFoundError, match="there is no archive"):
        archive_name(tmp_path / "store" / "n.mar", connection)


def test_an_address_alone_names_a_server(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"x")
    with rest_server(lambda *_: (200, ANSWER)) as url:
        done = CliRunner().invoke(app, ["--url", url.removeprefix("http://"), "predict", str(tmp_path / "1.png")])
    assert (done.exit_code, json.loads(done.stdout)["class_name"]) == (0, "cat")


def test_an_address_that_a_command_needs_and_nobody_gave_is_named() -> None:
    failed = CliRunner().invoke(app, ["--url", "127.0.0.1:9", "models"])
    assert isinstance(failed.exception, AddressError)
    assert "--management" in str(failed.exception)


def test_a_key_that_is_valid_now_is_printed_for_curl(tmp_path: Path) -> None:
    directory = RuntimeDirectory(tmp_path)
    directory.properties.write_text(
        "inference_address=http://x\ngrpc_inference_port=1\nmanagement_address=http://y\nmodel_store=/\n"
    )
    directory.key_file.write_text(json.dumps({"inference": {"key": "one"}, "management": {"key": "two"}}))
    line = ["--runtime-dir", str(tmp_path), "token"]
    assert CliRunner().invoke(app, line).stdout == "one\n"
    assert CliRunner().invoke(app, [*line, "--for-management"]).stdout == "two\n"
    directory.properties.write_text(directory.properties.read_text() + "disable_token_authorization=true\n")
    assert "asks for no token" in str(CliRunner().invoke(app, line).exception)


def test_files_that_are_no_images_are_passed_over_aloud(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"x")
    (tmp_path / "notes.txt").write_bytes(b"x")
    with rest_server(lambda *_: (200, ANSWER)) as url:
        done = CliRunner().invoke(app, ["--url", url, "predict", str(tmp_path)])
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == f"{tmp_path}: 1 file passed over, not an image by name\n"


@pytest.mark.parametrize(("count", "text"), [(0, "0 workers"), (1, "1 worker"), (2, "2 workers")])
def test_a_count_and_its_noun_agree(count: int, text: str) -> None:
    assert quantity(count, "worker") == text


def test_an_error_of_the_operating_system_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Errno") as caught:
        (tmp_path / "nothing").read_bytes()
    assert sentence_of(caught.value) == f"{tmp_path / 'nothing'}: no such file or directory"
