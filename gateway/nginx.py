"""One nginx in the gateway's folder: checked, started, reloaded, stopped."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from gateway.errors import GatewayError

OLDEST = (1, 18)
SHUTTING_DOWN = "shutting down"  # in the title of a worker that a reload has replaced
POLL_S = 0.02
PATIENCE_S = 15.0
MOST_LOG_BYTES = 50_000_000
FOLDERS = ("logs", "tmp")


class Nginx:
    """The nginx of one folder.

    Args:
        folder: the gateway's; configuration, process id, logs and temporary files lie there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def configuration(self) -> Path:
        """The main configuration."""
        return self._folder / "nginx.conf"

    def master(self) -> psutil.Process | None:
        """Return the process that runs for this folder, or None."""
        try:
            process = psutil.Process(int((self._folder / "nginx.pid").read_text()))
            return process if str(self.configuration) in " ".join(process.cmdline()) else None
        except (OSError, ValueError, psutil.Error):
            return None

    def check(self, files: Mapping[str, str]) -> None:
        """Write configuration files that nginx accepts; the old ones stay where it does not.

        Args:
            files: contents by name; they refer to one another by their final paths.

        Raises:
            GatewayError: there is no nginx, or it refuses them; the message is nginx's.
        """
        for name in FOLDERS:
            (self._folder / name).mkdir(mode=0o700, exist_ok=True)
        old = {name: path.read_text() for name in files if (path := self._folder / name).exists()}
        for name, text in files.items():
            _write(self._folder / name, text)
        tested = self._run("-t", "-q")
        if tested.returncode:
            for name in files:
                _restore(self._folder / name, old.get(name))
            raise GatewayError(f"nginx refuses the configuration: {tested.stderr.strip()}")

    def start(self) -> None:
        """Start it in the background; its addresses are open when this returns.

        Raises:
            GatewayError: an address is taken, or may not be listened to.
        """
        for log in ("requests.log", "error.log"):
            _keep_previous(self._folder / "logs" / log)
        started = self._run()
        if started.returncode:
            raise GatewayError(f"nginx does not start: {_first_sentence(started.stderr)}")
        _wait(lambda: self.master() is not None, "nginx has not started; see its logs/error.log")

    def reload(self) -> None:
        """Let new worker processes take over; return when none of the old ones takes a request.

        Raises:
            GatewayError: it does not run, or goes on as it was.
        """
        master = self.master()
        if master is None:
            raise GatewayError("the gateway does not run; `make gateway` starts it")
        before = {child.pid for child in master.children()}
        master.send_signal(signal.SIGHUP)
        _wait(
            lambda: _replaced(master, before),
            f"the gateway goes on with its old configuration; {self._folder}/logs/error.log says why",
        )

    def stop(self) -> bool:
        """Let it answer what is in flight and end; return whether it ran."""
        master = self.master()
        if master is None:
            return False
        master.send_signal(signal.SIGQUIT)
        try:
            master.wait(timeout=PATIENCE_S)
        except psutil.TimeoutExpired:  # a client that does not end, such as a watch
            master.terminate()
            master.wait(timeout=PATIENCE_S)
        return True

    def _run(self, *options: str) -> subprocess.CompletedProcess[str]:
        error_log = self._folder / "logs" / "error.log"
        command = [find_nginx(), *map(str, ("-p", self._folder, "-e", error_log, "-c", self.configuration)), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def find_nginx() -> str:
    """Return the path of nginx.

    Raises:
        GatewayError: there is none, it is too old, or it lacks a module.
    """
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise GatewayError("the gateway is nginx, which is not installed; `apt-get install nginx-light` brings it")
    said = subprocess.run([found, "-V"], capture_output=True, text=True, check=False).stderr
    version = re.search(r"nginx/(\d+)\.(\d+)", said)
    if version is None or tuple(map(int, version.groups())) < OLDEST:
        raise GatewayError(f"{found} is {said.splitlines()[0] if said else 'silent'}; expected nginx 1.18 or newer")
    missing = [name for name in ("ssl", "v2", "secure_link", "realip") if f"--with-http_{name}_module" not in said]
    if missing:
        raise GatewayError(f"{found} was built without {', '.join(missing)}; the distribution's nginx has them")
    return found


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _restore(path: Path, text: str | None) -> None:
    if text is None:
        path.rename(path.with_suffix(".refused"))
    else:
        path.write_text(text)


def _keep_previous(log: Path) -> None:
    """Rename a log that has become long to `<name>-previous.log`."""
    if log.exists() and log.stat().st_size > MOST_LOG_BYTES:
        log.replace(log.with_stem(f"{log.stem}-previous"))


def _first_sentence(text: str) -> str:
    """Return the first line of what nginx printed; it repeats a failed bind five times."""
    return text.strip().splitlines()[0] if text.strip() else "it printed nothing"


def _replaced(master: psutil.Process, before: set[int]) -> bool:
    """Return whether a new worker process runs, and no old one takes requests."""
    workers = [child for child in master.children() if child.pid not in before]
    old = [child for child in master.children() if child.pid in before]
    return bool(workers) and all(_is_leaving(child) for child in old)


def _is_leaving(child: psutil.Process) -> bool:
    try:
        return SHUTTING_DOWN in " ".join(child.cmdline()) or child.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _wait(condition: Callable[[], bool], otherwise: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise GatewayError(otherwise)
        time.sleep(POLL_S)
