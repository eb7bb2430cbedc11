"""`train.py evaluate` and `train.py card`: what is said of weights that are there."""

import json
import shutil

from typer.testing import CliRunner

import train
from tests.training.train_command import evaluate, lenet


def test_evaluation_of_any_weights_shows_classes_and_draws_the_mistakes(pictures, tmp_path):
    lenet(pictures, tmp_path)
    result = CliRunner().invoke(
        train.app, ["evaluate", f"{tmp_path}/cifar10-1.0.pt", f"--source={pictures}", f"--out={tmp_path}/charts"]
    )
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "cifar10-1.0.json").read_text())
    assert f"accuracy {record['test']['accuracy']:.2%} of 12 images" in result.output
    assert {path.name for path in (tmp_path / "charts").iterdir()} == {
        f"cifar10-1.0-{kind}.png" for kind in ("confusion", "reliability", "mistakes")
    }


def test_evaluating_weights_that_are_none_is_one_sentence(pictures, tmp_path):
    result = CliRunner().invoke(train.app, ["evaluate", f"{tmp_path}/none.pt", f"--source={pictures}"])
    assert result.exit_code == 1
    assert "There is no" in result.output


def test_the_model_card_is_written_from_the_records(pictures, tmp_path):
    lenet(pictures, tmp_path / "model", "--source-note=three colours")
    result = CliRunner().invoke(train.app, ["card", f"{tmp_path}/model", f"--out={tmp_path}/card.md"])
    assert result.exit_code == 0, result.output
    record, card = json.loads((tmp_path / "model" / "cifar10-1.0.json").read_text()), (tmp_path / "card.md").read_text()
    assert f"{record['test']['accuracy']:.2%}" in card
    assert "three colours: 36 to train on" in card
    assert "](model/cifar10-1.0-confusion.png)" in card


def test_evaluation_names_the_odd_folder_and_stops(pictures, tmp_path):
    lenet(pictures, tmp_path)
    images = shutil.copytree(pictures, tmp_path / "images")
    for part in ("train", "test"):
        (images / part / "red").rename(images / part / "Red")
    result = evaluate(images, tmp_path)
    assert result.exit_code == 1
    assert "Red is none of blue, green, red" in result.output


def test_a_model_with_other_class_names_is_evaluated_on_its_own_folders_by_their_names(pictures, tmp_path):
    lenet(pictures, tmp_path, "--class-names=b,g,r")
    images = shutil.copytree(pictures, tmp_path / "images")
    for part in ("train", "test"):
        shutil.rmtree(images / part / "blue")
    result = evaluate(images, tmp_path)
    assert result.exit_code == 0, result.output
    assert "of 8 images" in result.output
    assert "by order" not in result.output


def test_the_card_has_versions_in_peoples_order(pictures, tmp_path):
    lenet(pictures, tmp_path / "model", "--version=2.0")
    record = json.loads((tmp_path / "model" / "cifar10-2.0.json").read_text())
    (tmp_path / "model" / "cifar10-10.0.json").write_text(json.dumps(record | {"version": "10.0"}))
    CliRunner().invoke(train.app, ["card", f"{tmp_path}/model", f"--out={tmp_path}/card.md"])
    card = (tmp_path / "card.md").read_text()
    assert card.index("## cifar10 2.0") < card.index("## cifar10 10.0")
