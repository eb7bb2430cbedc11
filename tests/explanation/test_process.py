"""The process that explains, as the front uses it: real archives, real processes."""

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
from PIL import Image

from explanation.process import Explanation, ExplanationQueue, Failure, Job, NotExplainedError
from tests.conftest import CAT

Result = TypeVar("Result")


@pytest.fixture(scope="module")
def archive(store: Path) -> Path:
    return next(store.glob("*.mar"))


@pytest.fixture
def run() -> Iterator[Callable[[Awaitable[Any]], Any]]:
    with asyncio.Runner() as runner:
        yield lambda work: runner.run(_awaited(work))


@pytest.fixture
def queue() -> Iterator[ExplanationQueue]:
    queue = ExplanationQueue(priority="normal", queue_size=2)
    yield queue
    queue.close()


async def _awaited(work: Awaitable[Result]) -> Result:
    return await work


def cat(archive: Path, **options: str) -> Job:
    return Job(archive, {"image": CAT.read_bytes()}, options=options)


async def failure_of(work: Awaitable[Any]) -> Failure:
    with pytest.raises(NotExplainedError) as refused:
        await work
    return refused.value.failure


def test_an_explanation_names_class_method_and_network(archive: Path, run: Any, queue: ExplanationQueue) -> None:
    found: Explanation = run(queue.explain(cat(archive, **{"class": "cat", "method": "integrated_gradients"})))
    assert found.png is None
    heat_map = found.document.pop("heat_map")
    assert (len(heat_map), {len(row) for row in heat_map}) == (32, {32})
    assert 0 < found.document.pop("probability") < 1
    assert found.document == {
        "class": 3,
        "class_name": "cat",
        "method": "integrated_gradients",
        "unit": "nats of log-odds",
        "network": "cifar10-1.0 in float32",
        "model_version": "1.0",
    }


def test_without_a_class_the_predicted_one_is_explained(archive: Path, run: Any, queue: ExplanationQueue) -> None:
    plain, by_index = (run(queue.explain(cat(archive, **options))).document for options in ({}, {"class": "0"}))
    assert plain["probability"] > 0.1 > by_index["probability"] or plain["class"] == 0
    assert by_index["class"] == 0


def test_the_overlay_is_a_png(archive: Path, run: Any, queue: ExplanationQueue) -> None:
    found = run(queue.explain(cat(archive, format="both")))
    picture = Image.open(io.BytesIO(found.png))
    assert (picture.format, picture.width) == ("PNG", 384)
    colours = picture.convert("RGB").getcolors(1 << 20)
    assert any(red > green + 40 for _, (red, green, _) in colours)  # a grey image is drawn over in red


@pytest.mark.parametrize(
    ("row", "options", "expected"),
    [
        ({"image": b"no image"}, {}, (415, "NotAnImage")),
        ({"image": b""}, {}, (400, "EmptyImage")),
        ({"body": b'{"image": "?"}'}, {}, (400, "InvalidBase64")),
        ({"image": CAT.read_bytes()[:3000]}, {}, (422, "DamagedImage")),
        ({"image": b"x" * 10_000_001}, {}, (413, "TooManyBytes")),
        ({"image": b"x", "method": b"guess"}, {}, (400, "InvalidMethod")),
        ({"image": b"x"}, {"class": "unicorn"}, (400, "InvalidClass")),
        ({"image": b"x"}, {"class": "10"}, (400, "InvalidClass")),
        ({"image": b"x"}, {"format": "gif"}, (400, "InvalidFormat")),
    ],
)
def test_what_cannot_be_explained_is_refused_as_predictions_are(
    archive: Path, run: Any, shared_queue: ExplanationQueue, row: Any, options: Any, expected: tuple[int, str]
) -> None:
    failure = run(failure_of(shared_queue.explain(Job(archive, row, options=options))))
    assert (failure.code, failure.type) == expected


@pytest.fixture(scope="module")
def shared_queue() -> Iterator[ExplanationQueue]:
    queue = ExplanationQueue(priority="normal")
    yield queue
    queue.close()


def test_a_full_queue_refuses_and_says_when_to_come_back(archive: Path, run: Any, queue: ExplanationQueue) -> None:
    async def many() -> list[Any]:
        return await asyncio.gather(*(queue.explain(cat(archive)) for _ in range(5)), return_exceptions=True)

    outcomes = run(many())
    refused = [outcome for outcome in outcomes if isinstance(outcome, NotExplainedError)]
    assert [(each.failure.code, each.failure.type) for each in refused] == [(503, "TooManyExplanations")] * 2
    assert all(each.retry_after_s for each in refused)
    assert sum(isinstance(outcome, Explanation) for outcome in outcomes) == 3


def test_a_process_that_dies_costs_one_explanation(archive: Path, run: Any, queue: ExplanationQueue) -> None:
    run(queue.explain(cat(archive)))

    async def killed() -> Failure:
        assert queue.pid is not None
        process = psutil.Process(queue.pid)
        process.suspend()  # so that it cannot answer before it dies
        asyncio.get_running_loop().call_later(0.02, process.kill)
        return await failure_of(queue.explain(cat(archive)))

    assert run(killed()).type == "ExplanationFailed"
    assert run(queue.explain(cat(archive))).document["class_name"]


def test_an_explanation_that_takes_too_long_is_given_up(archive: Path, run: Any) -> None:
    queue = ExplanationQueue(priority="normal", timeout_s=0.05)
    failure = run(failure_of(queue.explain(cat(archive))))
    assert (failure.code, failure.type) == (503, "ExplanationTimedOut")
    assert queue.pid is None


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="only Linux has the scheduling policy SCHED_IDLE")
def test_by_default_the_process_gets_what_all_others_leave(archive: Path, run: Any) -> None:
    queue = ExplanationQueue()

    async def policy() -> int:
        asking = asyncio.ensure_future(failure_of(queue.explain(Job(archive, {"image": b""}))))
        while queue.pid is None or (os.sched_getscheduler(queue.pid) != os.SCHED_IDLE and not asking.done()):
            await asyncio.sleep(0.05)
        assert os.getsid(queue.pid) == queue.pid  # a session of its own: autogroup weighs sessions first
        found = os.sched_getscheduler(queue.pid)
        queue.close()  # on a busy machine it would not end soon
        await asking
        return found

    assert run(policy()) == os.SCHED_IDLE


def test_the_process_ends_with_the_one_that_started_it(archive: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "explanation", "normal"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=60) == 0
    process.stdout.close()
