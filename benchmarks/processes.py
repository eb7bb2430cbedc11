"""What a server costs: CPU seconds and memory of its first process and all that descend from it."""

import time

import psutil

IDLE_CORES = 0.1  # a server that uses less than this is idle
INTERVAL_S = 0.5


def process_tree(pid: int) -> list[psutil.Process]:
    """A process and its descendants."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    """The CPU time that the living processes of a tree have used so far, user and system."""
    total = 0.0
    for process in process_tree(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # it ended after it was listed
        total += times.user + times.system
    return total


def wait_until_idle(pid: int, *, timeout_s: float) -> None:
    """Wait until a tree of processes uses less than a tenth of a core, or the time is over."""
    deadline, before_s = time.monotonic() + timeout_s, cpu_seconds(pid)
    while time.monotonic() < deadline:
        time.sleep(INTERVAL_S)
        now_s = cpu_seconds(pid)
        if now_s - before_s < IDLE_CORES * INTERVAL_S:
            return
        before_s = now_s


def memory_mb(pid: int) -> list[float]:
    """The memory of a process and of each descendant, in MB.

    It is the proportional set size (Linux): a page that several processes share counts once in the sum.
    """
    sizes = []
    for process in process_tree(pid):
        try:
            sizes.append(process.memory_full_info().pss / 1e6)
        except psutil.NoSuchProcess:
            continue  # it ended after it was listed
    return sizes


def end(pid: int, *, timeout_s: float = 10) -> None:
    """End a tree of processes: SIGTERM to the first, then SIGKILL to whatever is left, even when interrupted."""
    try:
        processes = process_tree(pid)
    except psutil.NoSuchProcess:
        return  # it ended by itself
    try:
        processes[0].terminate()
        psutil.wait_procs(processes, timeout=timeout_s)
    finally:
        alive = [process for process in processes if process.is_running()]
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=timeout_s)
