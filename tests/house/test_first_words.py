"""What a command line says that cannot begin, or whose files cannot be used: one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import serve
from serving.errors import GaveUpError
from serving.settings import PROJECT


@pytest.mark.parametrize("package", ["typer", "httpx"])
@pytest.mark.parametrize("program", [["archive.py"], ["serve.py", "status"], ["-m", "pixserve"], ["-m", "gateway"]])
def test_without_a_package_one_sentence_names_the_make_command(
    tmp_path: Path, program: list[str], package: str
) -> None:
    missing = f"raise ModuleNotFoundError(\"No module named '{package}'\", name='{package}')"
    (tmp_path / f"{package}.py").write_text(missing)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, *program], cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {sys.executable} has no package {package}: install what ")
    assert "`make environments`" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("program", [["serve.py", "start"], ["-m", "gateway", "check"]])
def test_a_file_that_stands_in_the_way_is_a_sentence_without_a_number(tmp_path: Path, program: list[str]) -> None:
    (tmp_path / "file").touch()
    command = [sys.executable, *program, "--runtime-dir", str(tmp_path / "file" / "run")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Errno" not in done.stderr
    assert done.stderr == f"error: {tmp_path}/file/run: not a directory\n"


def test_a_server_that_is_given_up_ends_with_the_exit_code_that_systemd_knows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def give_up(*_: object, **__: object) -> None:
        raise GaveUpError("it was started again 5 times; giving up")

    monkeypatch.setattr(serve.launcher, "run", give_up)
    monkeypatch.setattr(sys, "argv", ["serve.py", "run"])
    with pytest.raises(SystemExit) as ended:
        serve.main()
    assert ended.value.code == 3
    assert capsys.readouterr().err == "error: it was started again 5 times; giving up\n"
    unit = (PROJECT / "deploy" / "systemd" / "pixserve.service").read_text().splitlines()
    assert f"RestartPreventExitStatus={ended.value.code}" in unit
