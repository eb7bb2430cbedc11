"""Thresholds of a cascade are fitted for the best accuracy at a stated cost."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import archive
import train
from engine.loading import openvino_engine
from engine.metadata import EngineMetadata
from training.destination import SHIPPED
from training.errors import WeightsError
from training.export import channels_last
from training.sources import load_source
from training.trade_off import VIEWS, best_within, fit_temperature, trade_off


def answers(right, margin):
    """Probabilities of two classes, of which 0 is right, from who is right and how sure."""
    logits = np.where(right, margin, -margin) / 2
    first = 1 / (1 + np.exp(-2 * logits))
    return np.stack([first, 1 - first], axis=1).astype(np.float32)


@pytest.fixture
def points():
    """The small network is wrong where it is least certain; the large one and its views are right everywhere."""
    margins = np.linspace(0.01, 4, 1000)
    small = answers(margins > 0.8, margins)
    large = answers(np.ones(1000, bool), margins)
    return trade_off((small, large, large), np.zeros(1000, np.int64), small_cost=0.1)


def test_a_larger_part_for_the_large_network_costs_more_and_is_right_more_often(points):
    plain = [point for point in points if point.views_fraction == 0]
    assert [point.large_fraction for point in plain] == sorted(point.large_fraction for point in plain)
    assert [point.cost for point in plain] == pytest.approx([0.1 + p.large_fraction for p in plain], abs=0.002)
    accuracies = [point.accuracy for point in plain]
    assert accuracies == sorted(accuracies)
    assert (accuracies[0], accuracies[-1]) == pytest.approx((0.85, 1.0), abs=0.005)


def test_each_further_view_costs_as_much_as_the_large_network(points):
    (point,) = (p for p in points if (p.large_fraction, p.views_fraction) == (0.2, 0.05))
    assert point.cost == pytest.approx(0.1 + 0.2 + (VIEWS - 1) * 0.05, abs=0.02)


def test_the_expected_accuracy_is_the_probability_that_the_best_stage_gives_to_the_answers():
    sure = np.full((400, 2), [0.9, 0.1], np.float32)
    labels = (np.arange(400) % 10 == 0).astype(np.int64)  # one in ten is of the other class
    (point, *_) = trade_off((sure, sure, sure), labels, small_cost=0.1)
    assert point.accuracy == pytest.approx(0.9)
    assert point.expected_accuracy == pytest.approx(0.9, abs=0.01)


def test_of_equally_accurate_choices_within_the_cost_the_cheapest_is_taken(points):
    assert best_within(points, max_cost=10).large_fraction == 0.2
    assert best_within(points, max_cost=0.26).large_fraction == 0.15


def test_a_cost_that_no_choice_keeps_is_refused_with_the_least_one(points):
    with pytest.raises(WeightsError, match=r"No cascade of these costs 0\.01 of the large network or less: give 0\.15"):
        best_within(points, max_cost=0.01)


def test_the_temperature_brings_confidence_to_the_share_of_right_answers():
    right = np.arange(1000) % 4 > 0  # three in four
    sure = answers(right, np.full(1000, 2 * np.log(3)))  # nine in ten
    assert fit_temperature(sure, np.zeros(1000, np.int64)) == pytest.approx(2.0, rel=0.03)
    assert fit_temperature(sure[:50], np.zeros(50, np.int64)) == 1


@pytest.fixture(scope="module")
def networks(tmp_path_factory, pictures):
    """The folder of two exported networks, not to be changed."""
    folder = tmp_path_factory.mktemp("networks")
    for version in ("0.1", "0.2"):
        where = [f"--source={pictures}", f"--out={folder}", f"--checkpoint={folder}/c{version}.pt"]
        arguments = ["fast", *where, "--epochs=2", "--validation-fraction=0.25", f"--version={version}"]
        assert CliRunner().invoke(train.app, arguments).exit_code == 0
    return folder


def cascade(networks, *arguments):
    records = [f"{networks}/cifar10-{version}.json" for version in ("0.1", "0.2")]
    return CliRunner().invoke(train.app, ["cascade", *records, "--max-cost=2", *arguments])


def test_two_exported_networks_become_one_version(networks, pictures, tmp_path):
    result = cascade(networks, "--version=3.0", f"--source={pictures}", f"--out={tmp_path}")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "cifar10-3.0.json").read_text())
    metadata = EngineMetadata.from_json(record["engine"])
    assert [stage.name for stage in metadata.stages[:2]] == ["cifar10-0.1", "cifar10-0.2"]
    assert record["weights"]["file"] == "cifar10-0.2.pt"
    assert sum(record["engine"]["cascade"]["answered"]) == pytest.approx(1)
    test = load_source(str(pictures), image_size=32).test
    served = openvino_engine(tmp_path, metadata).answer(channels_last(test.images))
    accuracy = (served.probabilities.argmax(axis=1) == test.labels.numpy()).mean()
    assert accuracy == pytest.approx(record["test"]["accuracy"])
    assert (tmp_path / "cifar10-3.0-trade-off.png").is_file()
    curve = (tmp_path / "cifar10-3.0-trade-off.csv").read_text().splitlines()
    assert curve[0] == "large_fraction,views_fraction,small_margin,large_margin,cost,accuracy,expected_accuracy"
    assert len(curve) > 50


def test_a_cascade_without_a_place_gets_a_folder_and_a_version_of_its_own_that_can_be_packed(
    networks, pictures, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = cascade(networks, f"--source={pictures}")
    assert result.exit_code == 0, result.output
    record = tmp_path / "runs/cifar10-4.0/cifar10-4.0.json"  # 1.0, 2.0 and 3.0 are shipped
    assert json.loads(record.read_text())["version"] == "4.0"
    assert all(path.is_file() for path in archive.read_contents(record).files)


def test_a_cascade_never_takes_a_shipped_version_or_replaces_a_file_untold(networks, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = (SHIPPED / "cifar10-3.0.json").read_bytes()
    for place in ([], [f"--out={SHIPPED}"]):
        result = cascade(networks, "--version=3.0", "--source=nowhere", *place)
        assert result.exit_code == 1
        assert "cifar10-3.0" in result.output
        assert "exists: leave --version out for the next free version (4.0), or replace it" in result.output
    assert (SHIPPED / "cifar10-3.0.json").read_bytes() == shipped
    (tmp_path / "cifar10-0.2.pt").write_bytes(b"another network")
    arguments = ["--version=3.0", f"--source={pictures}", f"--out={tmp_path}"]
    result = cascade(networks, *arguments)
    assert f"{tmp_path}/cifar10-0.2.pt is another file of that name" in result.output
    result = cascade(networks, *arguments, "--overwrite")
    assert result.exit_code == 0, result.output
    assert cascade(networks, *arguments).exit_code == 1  # the record exists by now
