"""What a server costs: CPU seconds and memory of its process and all below it."""

import time

import psutil

REST = 0.1  # of a core
LOOK_S = 0.5


def family(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that the living processes of a family have used so far, user and system."""
    total = 0.0
    for process in family(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # it ended after it was listed
        total += times.user + times.system
    return total


def wait_for_rest(pid: int, *, timeout_s: float) -> None:
    """Wait until a family uses less than a tenth of a core, or the time is over."""
    deadline, before_s = time.monotonic() + timeout_s, cpu_seconds(pid)
    while time.monotonic() < deadline:
        time.sleep(LOOK_S)
        now_s = cpu_seconds(pid)
        if now_s - before_s < REST * LOOK_S:
            return
        before_s = now_s


def memory_mb(pid: int) -> list[float]:
    """Return the memory of a process and of each descendant, in MB.

    It is the proportional set size (Linux): a page that several processes share counts once in the sum.
    """
    sizes = []
    for process in family(pid):
        try:
            sizes.append(process.memory_full_info().pss / 1e6)
        except psutil.NoSuchProcess:
            continue  # it ended after it was listed
    return sizes


def end(pid: int, *, timeout_s: float = 10) -> None:
    """End a family: politely its first process, then for good whatever is left."""
    try:
        processes = family(pid)
    except psutil.NoSuchProcess:
        return  # it ended by itself
    processes[0].terminate()
    _, alive = psutil.wait_procs(processes, timeout=timeout_s)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=timeout_s)
