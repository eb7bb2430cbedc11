"""A server that ends by itself is started again, more and more slowly, and not for ever."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from serving import supervisor
from serving.errors import EndedError, GaveUpError, ServingError
from serving.settings import Settings
from serving.supervisor import MAX_RESTARTS, Listener, restart_delay_s, supervise


class EndingServer:
    """Stands in for a TorchServe that is ready, runs for a while, and ends by itself."""

    def __init__(self, *, start_fault: Exception | None = None) -> None:
        self.startup = None
        self.has_ended = True
        self._start_fault = start_fault

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def wait_until_ready(self, *, progress):
        progress("loading")
        if self._start_fault:
            raise self._start_fault
        return []

    def watch_front(self):
        pass

    def require_alive(self):
        raise EndedError("killed by SIGKILL", "out of memory")


class Log(list):
    """What a supervisor said and did, in order."""

    def listener(self) -> Listener:
        return Listener(
            step=lambda line: None,
            ready=lambda versions: self.append("ready"),
            ended=lambda sentence: self.append(sentence),
        )

    def sleep(self, seconds: float) -> None:
        if seconds != supervisor.POLL_S:
            self.append(seconds)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.isolated(tmp_path, tmp_path)


@pytest.fixture(autouse=True)
def nothing_recorded(monkeypatch):
    monkeypatch.setattr(supervisor, "Recorder", lambda server: SimpleNamespace(record_changes=lambda: None))


def test_a_server_that_keeps_ending_is_started_again_with_growing_delays_and_then_given_up(settings):
    log = Log()
    with pytest.raises(GaveUpError, match=r"killed by SIGKILL.*\n.*\nit was started again 5 times; giving up"):
        supervise(settings, log.listener(), make_server=lambda *_: EndingServer(), sleep=log.sleep)
    assert log.count("ready") == MAX_RESTARTS + 1
    assert [entry for entry in log if isinstance(entry, float)] == [1, 2, 4, 8, 16]
    assert log[1].startswith("TorchServe ended by itself (killed by SIGKILL); its last words:\nout of memory")
    assert log[1].endswith("starting it again in 1 s (restart 1 of 5)")


def test_a_server_that_never_came_up_is_not_started_again(settings):
    log = Log()
    starts = []

    def make(*_):
        starts.append(1)
        return EndingServer(start_fault=ServingError("a worker died while it loaded the model"))

    with pytest.raises(ServingError, match="a worker died"):
        supervise(settings, log.listener(), make_server=make, sleep=log.sleep)
    assert len(starts) == 1


def test_a_restart_that_fails_counts_like_an_end(settings):
    log = Log()
    servers = iter([EndingServer()] + [EndingServer(start_fault=OSError("No space left on device"))] * MAX_RESTARTS)
    with pytest.raises(GaveUpError, match="No space left on device"):
        supervise(settings, log.listener(), make_server=lambda *_: next(servers), sleep=log.sleep)


def test_restarts_are_counted_anew_after_a_server_was_stable(settings, monkeypatch):
    monkeypatch.setattr(supervisor, "STABLE_S", -1.0)
    log = Log()
    ends = 0

    def make(*_):
        nonlocal ends
        ends += 1
        return EndingServer() if ends <= 20 else EndingServer(start_fault=KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        supervise(settings, log.listener(), make_server=make, sleep=log.sleep)
    assert {entry for entry in log if isinstance(entry, float)} == {restart_delay_s(1)}
