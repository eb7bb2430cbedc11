"""`pixserve predict`: standard output is for programs, whatever the terminal shows."""

import csv
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixserve.commands.predict import MOST_IN_A_ROW
from serving.settings import PROJECT
from tests.pixserve.small_servers import ANSWER, DAMAGED, rest_server
from tests.pixserve.terminal import run_in_terminal, run_on_screen

IMAGES = 30


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with rest_server(lambda *_: (200, ANSWER)) as url:
        yield url


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("holiday")
    for index in range(IMAGES):
        (folder / f"{index:02}.jpg").write_bytes(b"x")
    return folder


def server(url: str) -> list[str]:
    """The options that name a server by its addresses."""
    return ["--url", url, "--grpc-address", "127.0.0.1:9", "--management", "127.0.0.1:9"]


def predict_in_pipe(url: str, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "pixserve", *server(url), "predict", folder, *options]
    return subprocess.run(line, capture_output=True, text=True, cwd=PROJECT, check=False)


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def test_json_lines_reach_a_file_while_the_terminal_shows_progress(url: str, folder: Path, tmp_path: Path) -> None:
    done = run_in_terminal(*server(url), "predict", folder, stdout=tmp_path / "out.jsonl")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [answer["file"] for answer in answers] == [str(folder / f"{index:02}.jpg") for index in range(IMAGES)]
    assert "class_name" not in done.screen


def test_csv_reaches_a_file_while_the_terminal_shows_progress(url: str, folder: Path, tmp_path: Path) -> None:
    done = run_in_terminal(*server(url), "predict", folder, "--csv", stdout=tmp_path / "out.csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert [row["class"] for row in rows] == ["cat"] * IMAGES


def test_two_files_reach_a_file(url: str, folder: Path, tmp_path: Path) -> None:
    done = run_in_terminal(*server(url), "predict", folder / "00.jpg", folder / "01.jpg", stdout=tmp_path / "out")
    assert len(done.stdout.splitlines()) == 2


def test_tail_receives_every_line(url: str, folder: Path, tmp_path: Path) -> None:
    done = run_in_terminal(*server(url), "predict", folder, stdout=tmp_path / "out", pipe="tail -n 3")
    files = [json.loads(line)["file"] for line in done.stdout.splitlines()]
    assert files == [str(folder / f"{index}.jpg") for index in range(IMAGES - 3, IMAGES)]


def test_a_terminal_shows_a_table_and_no_json(url: str, folder: Path) -> None:
    done = run_on_screen(*server(url), "predict", folder)
    assert "cat 90.0%" in done.screen
    assert "class_name" not in done.screen


def test_json_on_a_terminal_is_whole_lines(url: str, folder: Path) -> None:
    done = run_on_screen(*server(url), "predict", folder, "--json")
    assert len([json.loads(line) for line in done.screen.splitlines()]) == IMAGES


@pytest.mark.parametrize("protocol", [[], ["--grpc"]])
def test_a_server_that_is_down_ends_the_command_at_the_first_image(folder: Path, protocol: list[str]) -> None:
    address = f"127.0.0.1:{closed_port()}"
    line = [sys.executable, "-m", "pixserve", "--url", address, "--grpc-address", address, "--management", address]
    done = subprocess.run(
        [*line, "predict", folder, *protocol], capture_output=True, text=True, cwd=PROJECT, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: nobody answers at ")
    assert done.stderr.endswith(f"; {IMAGES} of {IMAGES} images were not classified\n")
    assert done.stderr.count("\n") == 1


def test_a_server_that_goes_away_half_way_leaves_what_was_answered(folder: Path) -> None:
    with rest_server(lambda *_: (200, ANSWER), most=10) as url:
        done = predict_in_pipe(url, folder, "--concurrency", "1")
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 10)
    assert f"{IMAGES - 10} of {IMAGES} images were not classified" in done.stderr


RED = {"class": 0, "class_name": "röd 赤", "probability": 0.9}
NARROW = [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]


@pytest.fixture(scope="module")
def red_url() -> Iterator[str]:
    with rest_server(lambda *_: (200, json.dumps({**RED, "top": [RED], "model_version": "1.0"}))) as url:
        yield url


@pytest.mark.parametrize("narrow", NARROW)
def test_a_program_gets_utf_8_whatever_the_locale_is(red_url: str, tmp_path: Path, narrow: dict[str, str]) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg"))
    odd.write_bytes(b"x")
    command = [sys.executable, "-m", "pixserve", *server(red_url), "predict", odd]
    csv_done, json_done = (
        subprocess.run([*command, form], capture_output=True, cwd=PROJECT, env=os.environ | narrow)
        for form in ("--csv", "--json")
    )
    assert (csv_done.returncode, json_done.returncode) == (0, 0), csv_done.stderr
    assert csv_done.stdout.splitlines()[1] == os.fsencode(odd) + ",röd 赤,0.9,1.0,".encode()
    assert json.loads(json_done.stdout.decode("utf-8"))["class_name"] == "röd 赤"


@pytest.mark.parametrize("narrow", NARROW)
def test_a_terminal_that_cannot_show_a_class_name_shows_the_rest(
    red_url: str, folder: Path, narrow: dict[str, str]
) -> None:
    done = run_on_screen(*server(red_url), "predict", folder / "00.jpg", environment=narrow)
    assert done.returncode == 0
    assert "? 90.0%" in done.screen
    assert "Error" not in done.screen


def refusal(code: int, kind: str, message: str) -> str:
    return json.dumps({"code": code, "type": kind, "message": message})


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (400, "InvalidKeyException", "Token Authorization failed. Token either incorrect, expired, or not provided"),
        (401, "Unauthorized", "this key is not known"),
        (404, "ModelNotFoundException", "Model not found: cifar10"),
        (404, "ModelVersionNotFoundException", "Model version: 9.0 does not exist for model: cifar10"),
        (400, "InvalidTopK", "top_k is 99; expected 1 to 10"),
        (503, "ServerStopping", "the server stops"),
    ],
)
def test_an_error_of_every_image_ends_the_command_at_the_first_one(
    folder: Path, code: int, kind: str, message: str
) -> None:
    with rest_server(lambda *_: (code, refusal(code, kind, message))) as url:
        done = predict_in_pipe(url, folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {message}; {IMAGES} of {IMAGES} images were not classified\n"


@pytest.mark.parametrize("concurrency", [1, 6])
@pytest.mark.parametrize(("code", "kind", "message"), [(500, "", "broken"), (429, "TooManyRequests", "too many")])
def test_errors_that_may_be_every_images_end_the_command_where_they_do_not_cease(
    folder: Path, concurrency: int, code: int, kind: str, message: str
) -> None:
    with rest_server(lambda *_: (code, refusal(code, kind, message))) as url:
        done = predict_in_pipe(url, folder, "--concurrency", str(concurrency))
    printed = max(MOST_IN_A_ROW, concurrency)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, printed)
    assert done.stderr == f"error: {message}; {IMAGES - printed} of {IMAGES} images were not classified\n"


def test_time_outs_in_a_row_end_the_command(folder: Path) -> None:
    with rest_server(lambda *_: time.sleep(1) or (200, ANSWER)) as url:
        line = [sys.executable, "-m", "pixserve", *server(url), "--timeout", "0.05", "predict", folder]
        done = subprocess.run(line, capture_output=True, text=True, cwd=PROJECT, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 8)
    assert f"{IMAGES - 8} of {IMAGES} images were not classified" in done.stderr


def test_errors_of_the_images_themselves_never_end_the_command(folder: Path) -> None:
    with rest_server(lambda *_: (422, DAMAGED)) as url:
        done = predict_in_pipe(url, folder)
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr) == (3, IMAGES, "")


def test_a_file_that_is_not_there_is_a_sentence(url: str, folder: Path) -> None:
    line = [sys.executable, "-m", "pixserve", *server(url), "predict", folder / "00.jpg", "nothing.jpg"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=PROJECT, check=False)
    assert done.returncode == 3
    assert json.loads(done.stdout.splitlines()[1])["error"]["message"] == "nothing.jpg: no such file or directory"
    assert "Errno" not in done.stdout + done.stderr
