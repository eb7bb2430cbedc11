"""The processes of one TorchServe: its Java front end and the workers, which are all of one session.

A session's id is the front end's process id. The kernel gives that number to no other process while one of the session
lives, so membership cannot be mistaken, whatever the clock does.
"""

import ctypes
import os
import signal
import subprocess
import time

import psutil

from pixserve.runtime_directory import RuntimeDirectory

PR_SET_PDEATHSIG = 1  # linux/prctl.h; no other system has it
PRCTL = getattr(ctypes.CDLL(None), "prctl", None)
FRONT_END = "org.pytorch.serve.ModelServer"
WORKER = "model_service_worker.py"
FRONT = ["-m", "front"]  # what follows is the runtime directory
POLL_S = 0.05


def die_with(parent: int) -> None:
    """Let the kernel send SIGTERM to this process when its parent ends, however that happens.

    Called in the child, between fork and exec. It is bound to the thread that forked, so only the main thread asks.
    """
    if PRCTL:
        PRCTL(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it has ended already
        os._exit(1)


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a child has ended. It is not reaped, so that its process id, the session's, stays taken."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def end_session(leader: subprocess.Popen[bytes], *, timeout_s: float = 15) -> None:
    """Ask the front end to end, wait for it, and kill whatever is left of its session after that."""
    if not has_ended(leader):
        os.kill(leader.pid, signal.SIGTERM)
    deadline_s = time.monotonic() + timeout_s
    while members_alive(leader.pid) and time.monotonic() < deadline_s:
        if has_ended(leader):  # its workers see their connection closed; one that is loading does not
            deadline_s = min(deadline_s, time.monotonic() + 1)
        time.sleep(POLL_S)
    kill(members_alive(leader.pid))
    leader.wait()


def members_alive(session: int) -> list[psutil.Process]:
    """Return the processes of a session that have not ended."""
    return [process for process in psutil.process_iter() if _session_of(process.pid) == session and _is_alive(process)]


def orphans(directory: RuntimeDirectory) -> list[psutil.Process]:
    """Return the front end and the workers of a runtime directory, whoever started them.

    Ask only while holding the launcher's lock: then nobody supervises them. Command lines tell them from others.
    """
    return [process for process in psutil.process_iter() if _works_in(process, directory) and _is_alive(process)]


def kill(processes: list[psutil.Process]) -> None:
    """End processes for good."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=10)


def _works_in(process: psutil.Process, directory: RuntimeDirectory) -> bool:
    try:
        line = process.cmdline()
    except psutil.Error:
        return False
    if line[1:3] == FRONT:
        return line[3:] == [str(directory.path)]
    if FRONT_END in line:
        return f"-Djava.io.tmpdir={directory.temporary}" in line
    is_worker = any(argument.endswith(WORKER) for argument in line)
    return is_worker and any(argument.startswith(f"{directory.temporary}/") for argument in line)


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
