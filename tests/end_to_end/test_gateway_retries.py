"""Behind the gateway: a request whose worker died is asked again; one that met a full queue is not."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.project import served
from tests.conftest import LENET_RECORD
from tests.end_to_end.launching import wait_until
from tests.gateways import JPEG, MODEL, RunningGateway, gateway_before, needs_nginx, ready_worker_pids

pytestmark = needs_nginx

CLIENTS = 16


def statuses(gateway: RunningGateway, *, until: Callable[[], bool]) -> Counter[int]:
    """What so many clients get, each of which asks again and again."""

    def ask(_: int) -> Counter[int]:
        found: Counter[int] = Counter()
        while not until():
            found[gateway.ask("POST", MODEL, data=JPEG).status_code] += 1
        return found

    with ThreadPoolExecutor(CLIENTS) as clients:
        return sum(clients.map(ask, range(CLIENTS)), Counter())


def test_no_request_fails_while_workers_are_killed() -> None:
    with served(LENET_RECORD) as (server, _), gateway_before(server.settings) as gateway:
        done: list[bool] = []
        with ThreadPoolExecutor(1) as background:
            found = background.submit(statuses, gateway, until=lambda: bool(done))
            try:
                for _ in range(3):
                    wait_until(lambda: len(ready_worker_pids(server)) == server.settings.workers)
                    time.sleep(0.5)  # of traffic
                    for pid in ready_worker_pids(server)[-1:]:
                        os.kill(pid, signal.SIGKILL)
            finally:
                time.sleep(0.5)
                done.append(True)
            assert found.result().keys() == {200}


def test_a_full_queue_is_asked_once_and_its_answer_is_torchserves() -> None:
    narrow = {"batchSize": 1, "jobQueueSize": 1}
    with served(LENET_RECORD, config=narrow) as (server, _), gateway_before(server.settings) as gateway:
        deadline_s = time.monotonic() + 3
        found = statuses(gateway, until=lambda: time.monotonic() > deadline_s)
        assert found.keys() == {200, 503}
        lines = gateway.log(least=found.total())
        assert {line["answered"] for line in lines} == {"200", "503"}  # "503, 503" would be two times
