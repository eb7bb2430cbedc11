"""What a rollout decides: which pictures, better or worse, and why a worker did not load."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from operations.errors import RolledBackError, RolloutError
from operations.gate import Call, Limits, Side, Verdict, compare, reasons_to_refuse
from operations.labelled_images import LabelledPicture, labelled_pictures
from operations.latency import percentile_ms
from operations.loading import death_of_worker
from operations.lock import exclusive_lock
from operations.watch import Watch
from pixserve import Prediction, RankedClass
from pixserve.errors import ClientError, DamagedImageError, QueueFullError
from pixserve.inference import InferenceClient
from pixserve.records import Health
from pixserve.retries import NO_RETRIES
from pixserve.runtime_directory import RuntimeDirectory


class Versions(InferenceClient):
    """Answers each version's pictures with one class, or with an error; without a version, the newest answers."""

    def __init__(self, **answers: str | ClientError) -> None:
        super().__init__(tokens=None, retries=NO_RETRIES, explain=None)
        self._answers = answers

    def close(self) -> None:
        pass

    def _predict(
        self, image: bytes, model: str, version: str | None, top_k: int | None, headers: dict[str, str]
    ) -> Prediction:
        version = version or max(self._answers)
        answer = self._answers[version]
        if isinstance(answer, ClientError):
            raise answer
        return Prediction((RankedClass(0, answer, 1.0),), version)

    def _health(self, headers: dict[str, str]) -> Health:
        return Health("Healthy")


@pytest.fixture
def cats(tmp_path: Path) -> list[LabelledPicture]:
    (tmp_path / "cat").mkdir()
    for index in range(3):
        (tmp_path / "cat" / f"{index}.png").write_bytes(b"cat")
    return labelled_pictures(tmp_path, class_names=["cat", "dog"], most=10)


def judged(cats: Sequence[LabelledPicture], **answers: str | ClientError) -> Verdict:
    return compare(Versions(**answers), cats, model="m", old="v1", new="v2", limits=Limits())


def slow_side(version: str, latency_s: float) -> Side:
    picture = LabelledPicture(Path("x"), "cat")
    return Side(version, (Call(picture, Prediction((RankedClass(0, "cat", 1.0),), version), latency_s),) * 10)


def test_a_version_that_answers_the_same_is_accepted(cats: list[LabelledPicture]) -> None:
    verdict = judged(cats, v1="cat", v2="cat")
    assert (verdict.new.accuracy, verdict.agreement, verdict.new.failed) == (1.0, 1.0, [])


def test_a_version_that_answers_worse_is_refused_with_both_figures(cats: list[LabelledPicture]) -> None:
    assert judged(cats, v1="cat", v2="dog").reasons[0].startswith("accuracy fell from 100.0% to 0.0%")


def test_a_version_that_answers_better_is_accepted(cats: list[LabelledPicture]) -> None:
    assert not [reason for reason in judged(cats, v1="dog", v2="cat").reasons if "accuracy" in reason]


def test_one_failed_picture_is_enough_and_is_named(cats: list[LabelledPicture]) -> None:
    assert "first 0.png: cut short" in judged(cats, v1="cat", v2=DamagedImageError("cut short")).reasons[0]


def test_a_slower_version_is_refused_beyond_the_factor_and_the_slack() -> None:
    assert list(reasons_to_refuse(slow_side("v1", 0.010), slow_side("v2", 0.019), Limits(p99_factor=2))) == []
    assert "p99 grew from 10.0 to 21.0 ms" in next(
        reasons_to_refuse(slow_side("v1", 0.01), slow_side("v2", 0.021), Limits())
    )
    assert list(reasons_to_refuse(slow_side("v1", 0.001), slow_side("v2", 0.005), Limits(p99_factor=2))) == []


def test_a_new_default_that_fails_is_rolled_back_with_its_last_error(cats: list[LabelledPicture]) -> None:
    watch = Watch(60, most_errors=0.01, p99_ms=1e9)
    with pytest.raises(RolledBackError, match="v2 failed 20 of 20 probes: full"):
        watch.run(Versions(v2=QueueFullError("full")), cats, model="m", version="v2")


def test_another_version_answering_counts_as_an_error(cats: list[LabelledPicture]) -> None:
    with pytest.raises(RolledBackError, match="version v3 answered"):
        Watch(60, most_errors=0.01, p99_ms=1e9).run(Versions(v3="cat"), cats, model="m", version="v2")


def test_pictures_are_spread_over_all_classes(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for index in range(50):
            (tmp_path / name / f"{index:02}.jpg").touch()
    chosen = labelled_pictures(tmp_path, class_names=["cat", "dog"], most=10)
    assert [picture.class_name for picture in chosen] == ["cat"] * 5 + ["dog"] * 5


def test_folders_named_otherwise_go_by_their_order_if_there_are_as_many(tmp_path: Path) -> None:
    for name in ("airplane", "bird"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").touch()
    chosen = labelled_pictures(tmp_path, class_names=["plane", "bird"], most=10)
    assert [picture.class_name for picture in chosen] == ["plane", "bird"]
    with pytest.raises(RolloutError, match="airplane is no class"):
        labelled_pictures(tmp_path, class_names=["plane", "bird", "cat"], most=10)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RolloutError, match="holds no pictures"):
        labelled_pictures(tmp_path, class_names=["cat"], most=10)


def test_why_a_worker_died_is_read_from_the_log(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "workers.log"
    assert death_of_worker(RuntimeDirectory(tmp_path), "9002") is None
    other = "02:45:18 W-9001-m_1-stdout - Backend worker process died.\n"
    log.write_text(other + "02:45:18 W-9002-m_2-stdout - Failed to load model m, exception no weights:\n")
    assert death_of_worker(RuntimeDirectory(tmp_path), "9002") is None
    log.write_text(log.read_text() + "02:45:18 W-9002-m_2-stdout - Backend worker process died.\n")
    assert death_of_worker(RuntimeDirectory(tmp_path), "9002") == "no weights"


def test_a_percentile_is_a_latency_that_was_measured() -> None:
    latencies_s = [index / 1000 for index in range(1, 101)]
    assert [percentile_ms(latencies_s, share) for share in (0.5, 0.99, 1.0)] == pytest.approx([50, 99, 100])


def test_one_rollout_keeps_another_out_until_it_ends(tmp_path: Path) -> None:
    with (
        exclusive_lock(RuntimeDirectory(tmp_path)),
        pytest.raises(RolloutError, match="another rollout"),
        exclusive_lock(RuntimeDirectory(tmp_path)),
    ):
        pass
    with exclusive_lock(RuntimeDirectory(tmp_path)):
        pass
