"""How many workers and threads fit this machine: the one place where that rule stands.

The rule: workers x threads never exceeds the cores. TorchServe sets no thread count of its own, and torch takes
every core in every worker; two workers with two threads each on two cores answer 20 times slower than with one.
Small networks gain nothing from a second thread, so a core is spent on a worker first, up to `MOST_WORKERS`;
beyond that, cores become threads of the workers there are. With GPUs, each gets one worker.
"""

import os
from dataclasses import dataclass
from pathlib import Path

MOST_WORKERS = 8  # each holds its own copy of torch in memory, about 250 MB


@dataclass(frozen=True)
class Machine:
    """The processors that a server may use."""

    cores: int
    gpus: int = 0

    @property
    def workers(self) -> int:
        """Worker processes a model version."""
        return self.gpus or min(self.cores, MOST_WORKERS)

    @property
    def threads_per_worker(self) -> int:
        """Intra-op threads of each worker: OMP_NUM_THREADS."""
        return max(1, self.cores // self.workers)

    @property
    def netty_threads(self) -> int:
        """Event loops of TorchServe's front end, shared by predictions and management."""
        return max(2, self.cores)

    @property
    def java_pool_threads(self) -> int:
        """Threads of Java's common pool, which hands each batch to its worker.

        Java's own choice is a thread fewer than there are cores; where that is one, it starts a new thread a batch.
        """
        return max(2, self.cores - 1)


def this_machine() -> Machine:
    """Return what this process may use: its CPU affinity, a container's CPU quota, and the GPUs it sees."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(cores=min(cores, cpu_quota(Path("/sys/fs/cgroup/cpu.max")) or cores), gpus=visible_gpus())


def cpu_quota(cpu_max: Path) -> int | None:
    """Return the whole cores that a cgroup v2 `cpu.max` file grants, at least 1, or None where it sets no limit."""
    if not cpu_max.exists():
        return None
    quota, period = cpu_max.read_text().split()
    return None if quota == "max" else max(1, int(quota) // int(period))


def visible_gpus() -> int:
    """Return how many NVIDIA GPUs TorchServe's workers will see: the devices, or those CUDA_VISIBLE_DEVICES names."""
    devices = len(list(Path("/dev").glob("nvidia[0-9]*")))
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return devices if named is None else min(devices, len([gpu for gpu in named.split(",") if gpu.strip()]))
