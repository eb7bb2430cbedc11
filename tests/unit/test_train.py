"""The true command line, on three small classes of generated pictures."""

import hashlib
import json
import shutil

import pytest
import torch
from training_pictures import make_pictures
from typer.testing import CliRunner

import train
from training import loop
from training.evaluation import evaluate, predict
from training.networks import load_network
from training.recipes import DISTIL
from training.sources import load_source
from training.teacher import Teacher


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("data") / "colours")


def lenet(pictures, folder, *options):
    """Run ``train.py lenet`` into ``folder`` and give back what it said and its exit status."""
    arguments = ["lenet", f"--source={pictures}", f"--out={folder}", f"--checkpoint={folder}/c.pt", *options]
    return CliRunner().invoke(train.app, arguments)


def weights(folder):
    return torch.load(folder / "cifar10-1.0.pt", weights_only=True)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_folder_gives_weights_a_record_and_charts(pictures, tmp_path):
    result = lenet(pictures, tmp_path, "--name=colours", "--version=0.1")
    assert result.exit_code == 0, result.output
    assert "epoch 2/2" in result.output
    assert "test accuracy" in result.output
    names = {path.name for path in tmp_path.iterdir()} - {"c.pt"}
    stem = "colours-0.1"
    assert names == {
        f"{stem}.pt",
        f"{stem}.json",
        f"{stem}-curves.png",
        f"{stem}-confusion.png",
        f"{stem}-reliability.png",
    }


def test_the_record_says_what_was_trained_on_what_and_how_good_it_is(pictures, tmp_path):
    lenet(pictures, tmp_path, "--seed=3", "--source-note=three colours", "--class-names=b,g,r")
    text = (tmp_path / "cifar10-1.0.json").read_text()
    record = json.loads(text)
    assert (record["model_name"], record["version"]) == ("cifar10", "1.0")
    assert (record["network"], record["class_names"]) == ("lenet", ["b", "g", "r"])
    assert record["test"]["n"] == record["data"]["test"] == 12
    assert record["test"]["recall"].keys() == {"b", "g", "r"}
    assert (record["data"]["source"], record["data"]["train"]) == ("three colours", 36)
    assert record["training"]["seed"] == 3
    assert record["training"]["recipe"]["learning_rate"] == 0.001
    assert record["training"]["command"].startswith("python ")
    assert str(tmp_path.parent) not in text  # no place of this machine


def test_the_weights_load_by_their_record_and_repeat_its_accuracy(pictures, tmp_path):
    lenet(pictures, tmp_path)
    network, record = load_network(tmp_path / "cifar10-1.0.pt")
    assert network(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)).shape == (2, 3)
    assert record["weights"]["bytes"] == (tmp_path / "cifar10-1.0.pt").stat().st_size


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(pictures, tmp_path):
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        lenet(pictures, tmp_path / folder, f"--seed={seed}")
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_an_interrupted_run_resumes_to_the_weights_of_an_uninterrupted_one(pictures, tmp_path, monkeypatch):
    lenet(pictures, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_in_epoch(patch, 2)
        result = lenet(pictures, tmp_path / "cut")
    assert result.exit_code == 130
    assert "--resume" in result.output
    result = lenet(pictures, tmp_path / "cut", "--resume")
    assert "epoch 1/2" not in result.output
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


def interrupt_in_epoch(patch, epoch):
    """Press Ctrl-C in the middle of an epoch."""
    step = loop.Trainer._step

    def interrupted(self, *arguments, **options):
        if self.progress.epoch == epoch - 1 and torch.rand(()) < 0.5:
            raise KeyboardInterrupt
        return step(self, *arguments, **options)

    patch.setattr(loop.Trainer, "_step", interrupted)


def test_a_finished_run_can_be_given_more_epochs(pictures, tmp_path):
    lenet(pictures, tmp_path / "whole", "--epochs=3")
    lenet(pictures, tmp_path / "grown", "--epochs=1")
    lenet(pictures, tmp_path / "grown", "--epochs=3", "--resume")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "grown"))
    history = json.loads((tmp_path / "grown" / "cifar10-1.0.json").read_text())["training"]["history"]
    assert [each["planned_epochs"] for each in history] == [1, 3, 3]


def test_resuming_without_a_checkpoint_says_so(pictures, tmp_path):
    result = lenet(pictures, tmp_path, "--resume")
    assert result.exit_code == 1
    assert "start without --resume" in result.output


def test_resuming_with_another_seed_is_refused(pictures, tmp_path):
    lenet(pictures, tmp_path, "--seed=1")
    result = lenet(pictures, tmp_path, "--seed=2", "--resume")
    assert result.exit_code == 1
    assert "it differs in seed" in result.output


def test_held_out_pictures_choose_the_epoch(pictures, tmp_path):
    result = lenet(pictures, tmp_path, "--validation=0.25")
    assert "validation" in result.output
    record = json.loads((tmp_path / "cifar10-1.0.json").read_text())
    assert (record["data"]["train"], record["data"]["validation"]) == (27, 9)
    assert record["training"]["chosen_by"] == "validation accuracy"


def test_the_residual_network_is_calibrated_on_held_out_pictures(pictures, tmp_path):
    arguments = [f"--source={pictures}", f"--out={tmp_path}", f"--checkpoint={tmp_path}/c.pt"]
    result = CliRunner().invoke(train.app, ["fast", *arguments, "--epochs=3", "--validation=0.25", "--version=0.2"])
    assert result.exit_code == 0, result.output
    network, record = load_network(tmp_path / "cifar10-0.2.pt")
    assert record["calibration"]["fitted_on"] == 9
    assert network.sharpness.tolist() == pytest.approx(record["calibration"]["sharpness"], rel=1e-4)
    assert record["training"]["recipe"]["augmentation"]["mirror"]


def test_evaluation_of_any_weights_shows_classes_and_draws_the_mistakes(pictures, tmp_path):
    lenet(pictures, tmp_path)
    result = CliRunner().invoke(
        train.app, ["evaluate", f"{tmp_path}/cifar10-1.0.pt", f"--source={pictures}", f"--out={tmp_path}/charts"]
    )
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "cifar10-1.0.json").read_text())
    assert f"accuracy {record['test']['accuracy']:.2%} of 12 pictures" in result.output
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


def test_a_bad_source_is_one_sentence_and_nothing_is_written(pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "bad")
    (tmp_path / "bad" / "test" / "red" / "0.png").write_bytes(b"no picture")
    result = lenet(tmp_path / "bad", tmp_path / "out")
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "0.png is not a readable picture" in result.output
    assert not (tmp_path / "out").exists()


def go_on(recipe, pictures, folder, *options):
    arguments = [recipe, f"--source={pictures}", f"--out={folder}", f"--checkpoint={folder}/r.pt", *options]
    return CliRunner().invoke(train.app, [*arguments, "--epochs=1", "--validation=0.25"])


@pytest.mark.parametrize("recipe", ["accurate", "distil"])
def test_a_run_goes_on_from_trained_weights_and_its_record_says_how_they_came_about(recipe, pictures, tmp_path):
    go_on("fast", pictures, tmp_path, "--version=2.0")
    before = json.loads((tmp_path / "cifar10-2.0.json").read_text())
    whitening = torch.load(tmp_path / "cifar10-2.0.pt")["whitening.weight"]
    result = go_on(recipe, pictures, tmp_path, f"--start-from={tmp_path}/cifar10-2.0.pt")
    assert result.exit_code == 0, result.output
    earlier = json.loads((tmp_path / "cifar10-2.0.json").read_text())["training"]["earlier"]
    assert earlier == {"sha256": before["weights"]["sha256"], **before["training"]}
    assert torch.equal(torch.load(tmp_path / "cifar10-2.0.pt")["whitening.weight"], whitening)


def test_what_is_distilled_is_what_the_first_weights_answer_not_the_labels(pictures, tmp_path, monkeypatch):
    go_on("fast", pictures, tmp_path, "--version=2.0")
    taught = []
    monkeypatch.setattr(loop.F, "cross_entropy", lambda logits, targets, **_: taught.append(targets) or logits.sum())
    monkeypatch.setattr(Teacher, "__call__", lambda _, images, **__: torch.tensor([[1.0, 0, 0]]).expand(len(images), 3))
    go_on("distil", pictures, tmp_path, f"--start-from={tmp_path}/cifar10-2.0.pt")
    torch.testing.assert_close(taught[0].sum(dim=1), torch.ones(len(taught[0])))
    assert taught[0][:, 0].min() >= DISTIL.teaching
    assert taught[0][:, 0].max() > DISTIL.teaching  # the rest is the labels'


def test_distilling_without_weights_to_learn_from_is_refused_in_one_sentence(pictures, tmp_path):
    result = go_on("distil", pictures, tmp_path)
    assert result.exit_code == 1
    assert "give --start-from" in result.output
    assert result.output.count("\n") == 1


def test_a_run_taught_by_other_weights_is_not_resumed(pictures, tmp_path):
    for seed in ("1", "2"):
        go_on("fast", pictures, tmp_path / seed, "--version=2.0", f"--seed={seed}")
    go_on("distil", pictures, tmp_path, f"--start-from={tmp_path}/1/cifar10-2.0.pt")
    result = go_on("distil", pictures, tmp_path, f"--start-from={tmp_path}/2/cifar10-2.0.pt", "--resume")
    assert result.exit_code == 1
    assert "started_from" in result.output


def test_others_may_teach_and_the_record_names_them(pictures, tmp_path):
    for seed in ("1", "2"):
        go_on("fast", pictures, tmp_path / seed, "--version=2.0", f"--seed={seed}")
    files = [tmp_path / seed / "cifar10-2.0.pt" for seed in ("1", "2")]
    result = go_on("distil", pictures, tmp_path, *(f"--taught-by={each}" for each in files))
    assert result.exit_code == 0, result.output
    training = json.loads((tmp_path / "cifar10-2.0.json").read_text())["training"]
    assert training["taught_by"] == [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]
    assert "earlier" not in training  # it started from none of them


def test_a_recipe_without_a_teacher_refuses_one_in_one_sentence(pictures, tmp_path):
    result = go_on("accurate", pictures, tmp_path, f"--taught-by={tmp_path}/cifar10-2.0.pt")
    assert result.exit_code == 1
    assert "leave --taught-by out" in result.output
    assert result.output.count("\n") == 1


def test_a_teacher_of_other_classes_is_refused_in_one_sentence(pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "two")
    for part in ("train", "test"):
        shutil.rmtree(tmp_path / "two" / part / "red")
    go_on("fast", tmp_path / "two", tmp_path, "--version=2.0")
    result = go_on("distil", pictures, tmp_path, f"--taught-by={tmp_path}/cifar10-2.0.pt")
    assert result.exit_code == 1
    assert "knows 2 classes; it cannot teach the 3 of this run" in result.output
    assert result.output.count("\n") == 1


def test_filters_take_half_the_place_and_the_record_is_of_what_the_file_holds(pictures, tmp_path):
    go_on("fast", pictures, tmp_path, "--version=2.0")
    stored = torch.load(tmp_path / "cifar10-2.0.pt", weights_only=True)
    assert {value.dtype for value in stored.values() if value.ndim == 4 and len(value) > 1} == {torch.float16}
    assert stored["head.weight"].dtype == torch.float32
    network, record = load_network(tmp_path / "cifar10-2.0.pt")
    source = load_source(str(pictures), image_size=32)
    logits = predict(network, source.test.images)
    assert evaluate(logits, source.test.labels).confusion.tolist() == record["test"]["confusion"]


def test_weights_of_another_network_are_refused_before_the_first_epoch(pictures, tmp_path):
    lenet(pictures, tmp_path)
    result = go_on("accurate", pictures, tmp_path, f"--start-from={tmp_path}/cifar10-1.0.pt")
    assert result.exit_code == 1
    assert "is lenet of 3 classes; this run trains resnet of 3" in result.output
