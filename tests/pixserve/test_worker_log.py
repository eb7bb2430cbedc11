"""Why a worker ended is read from the workers' log."""

from pixserve.worker_log import worker_deaths

LOG = """\
2026-11-27 02:45:18,101 W-9001-pets_1.0-stdout - Listening on addr:port: /tmp/.ts.sock.9001
2026-11-27 02:45:18,207 W-9002-pets_2.0-stdout - Failed to load model pets, exception no weights:
2026-11-27 02:45:18,208 W-9002-pets_2.0-stdout - Backend worker process died.
2026-11-27 02:45:18,209 W-9001-pets_1.0-stdout - Torch worker started.
2026-11-27 02:45:18,209 W-9002-pets_2.0-stdout - Traceback (most recent call last):
2026-11-27 02:45:18,209 W-9002-pets_2.0-stdout - ValueError: no weights
"""


def test_a_worker_that_died_is_found_with_its_traceback_and_the_handlers_reason():
    (death,) = worker_deaths(LOG)
    assert (death.worker, death.model_version, death.reason) == ("9002", "pets_2.0", "no weights")
    assert death.traceback == "Traceback (most recent call last):\nValueError: no weights"


def test_without_a_message_of_the_handler_the_reason_is_the_exception():
    without = "\n".join(line for line in LOG.splitlines() if "Failed to load" not in line)
    assert [death.reason for death in worker_deaths(without)] == ["ValueError: no weights"]


def test_workers_that_run_have_not_died():
    assert list(worker_deaths(LOG.replace("Backend worker process died.", "Backend received inference"))) == []
