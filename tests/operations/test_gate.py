"""The gate: what is better, worse, or failed, and in whose names."""

from pathlib import Path

import pytest

from operations.gate import LEAST_CALLS, MOST_PASSES, compare
from operations.labelled_images import LabelledImage, labelled_images
from operations.verdict import Call, Limits, Side, Verdict
from pixserve import Prediction, RankedClass
from tests.operations.small_versions import DAMAGED, WORKER_DIED, Answer, versions

GENEROUS = Limits(latency_factor=1000)


@pytest.fixture
def cats(tmp_path: Path) -> list[LabelledImage]:
    (tmp_path / "cat").mkdir()
    for index in range(3):
        (tmp_path / "cat" / f"{index}.png").write_bytes(b"cat")
    return labelled_images(tmp_path, class_names=["cat", "dog"], most=10).images


def judged(cats: list[LabelledImage], *, renames: dict[str, str] | None = None, **answers: Answer) -> Verdict:
    with versions("v1", **answers) as client:
        return compare(client, cats, model="m", old="v1", new="v2", limits=GENEROUS, renames=renames)


def side(version: str, latencies_s: list[float]) -> Side:
    answer = Prediction((RankedClass(0, "cat", 1.0),), version)
    return Side(version, tuple(Call("x.png", "cat", answer, "cat", latency_s) for latency_s in latencies_s))


def test_a_version_that_answers_the_same_is_accepted(cats: list[LabelledImage]) -> None:
    verdict = judged(cats, v1="cat", v2="cat")
    assert (verdict.new.accuracy, verdict.agreement, verdict.new.failed, verdict.reasons) == (1.0, 1.0, [], ())


def test_a_version_that_answers_worse_is_refused_with_both_figures(cats: list[LabelledImage]) -> None:
    assert judged(cats, v1="cat", v2="dog").reasons[0].startswith("accuracy fell from 100.0% to 0.0%")


def test_a_version_that_answers_better_is_accepted(cats: list[LabelledImage]) -> None:
    assert judged(cats, v1="dog", v2="cat").reasons == ()


def test_one_failed_image_is_enough_and_is_named(cats: list[LabelledImage]) -> None:
    assert "first 0.png: cut short" in judged(cats, v1="cat", v2=DAMAGED).reasons[0]


def test_a_class_under_another_name_is_the_same_class(cats: list[LabelledImage]) -> None:
    verdict = judged(cats, renames={"Felis": "cat"}, v1="cat", v2="Felis")
    assert (verdict.new.accuracy, verdict.agreement, verdict.reasons) == (1.0, 1.0, ())


def test_a_worker_that_dies_once_is_seen(cats: list[LabelledImage]) -> None:
    deaths = iter([WORKER_DIED])
    verdict = judged(cats, v1="cat", v2=lambda: next(deaths, "cat"))
    assert verdict.reasons[0].startswith("1 of 300 calls failed")


def test_a_version_that_is_surely_slower_is_refused_at_once() -> None:
    verdict = Verdict(side("v1", [0.010] * 300), side("v2", [0.021] * 300), Limits(latency_factor=2))
    assert verdict.reasons[0].startswith("p50 grew from 10.0 to 21.0 ms, 2.1 to 2.1 times as long with 99% confidence")
    assert not verdict.is_undecided


def test_a_slower_version_is_accepted_within_the_factor_or_the_slack() -> None:
    assert Verdict(side("v1", [0.010] * 300), side("v2", [0.019] * 300), Limits(latency_factor=2)).reasons == ()
    assert Verdict(side("v1", [0.001] * 300), side("v2", [0.005] * 300), Limits(latency_factor=2)).reasons == ()


def test_one_pause_of_the_machine_refuses_nobody_but_asks_for_more_calls() -> None:
    paused = [0.010] * 290 + [0.080] * 10
    verdict = Verdict(side("v1", [0.010] * 300), side("v2", paused), Limits(latency_factor=2))
    assert verdict.reasons == ()
    assert verdict.is_undecided


def test_the_gate_ends_when_it_is_decided_or_has_measured_enough(cats: list[LabelledImage]) -> None:
    calls = {"v1": 0, "v2": 0}

    def count(version: str) -> str:
        calls[version] += 1
        return "cat"

    judged(cats, v1=lambda: count("v1"), v2=lambda: count("v2"))
    assert calls == {"v1": LEAST_CALLS, "v2": LEAST_CALLS}
    assert MOST_PASSES > 1
