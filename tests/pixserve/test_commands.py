"""The command line without a server: what it refuses, and how it says so."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations.commands import COMMANDS as OPERATIONS
from operations.commands.versions import archive_name
from pixserve import Connection, Endpoints
from pixserve.commands.main import COMMANDS, app
from pixserve.errors import ArchiveNotFoundError, UnreachableError


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
