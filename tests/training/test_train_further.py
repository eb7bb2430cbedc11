"""The true command line where trained weights go on, teach, or are kept small."""

import hashlib
import json
import shutil

import pytest
import torch
from typer.testing import CliRunner

import train
from model.resnet import GROUPS
from training import loop
from training.distillation import Teacher
from training.evaluation import evaluate, predict
from training.networks import load_network
from training.recipes import DISTILL, FAST, TEACHER
from training.sources import load_source


def go_on(recipe, pictures, folder, *options):
    where = [f"--source={pictures}", f"--out={folder}", f"--checkpoint={folder}/r.pt", "--version=2.0", "--overwrite"]
    chosen = ["--epochs=1", "--validation-fraction=0.25", "--no-export"]
    return CliRunner().invoke(train.app, [recipe, *where, *chosen, *options])


def trained_on(pictures, folder, names):
    """The weights of a network trained on other folders, whose names in label order are these."""
    go_on("fast", pictures, folder / "other", f"--class-names={names}")
    record = folder / "other" / "cifar10-2.0.json"
    facts = json.loads(record.read_text())
    facts["data"]["folder_names"] = names.split(",")
    record.write_text(json.dumps(facts))
    return record.with_suffix(".pt")


def train_two(pictures, folder):
    """The weights of two networks that differ in their seed."""
    for seed in ("1", "2"):
        go_on("fast", pictures, folder / seed, f"--seed={seed}")
    return [folder / seed / "cifar10-2.0.pt" for seed in ("1", "2")]


def test_a_wide_teacher_teaches_a_student_that_starts_from_nothing(pictures, tmp_path):
    assert go_on("teacher", pictures, tmp_path / "wide").exit_code == 0
    result = go_on("student", pictures, tmp_path, f"--teacher={tmp_path}/wide/cifar10-2.0.pt")
    assert result.exit_code == 0, result.output
    teacher, student = (load_network(folder / "cifar10-2.0.pt")[0] for folder in (tmp_path / "wide", tmp_path))
    assert teacher.groups == [*TEACHER.groups]
    assert student.groups == [*GROUPS]


@pytest.mark.parametrize("recipe", ["accurate", "distill"])
def test_a_run_goes_on_from_trained_weights_and_its_record_says_how_they_came_about(recipe, pictures, tmp_path):
    go_on("fast", pictures, tmp_path)
    before = json.loads((tmp_path / "cifar10-2.0.json").read_text())
    whitening = torch.load(tmp_path / "cifar10-2.0.pt")["whitening.weight"]
    result = go_on(recipe, pictures, tmp_path, f"--initial-weights={tmp_path}/cifar10-2.0.pt")
    assert result.exit_code == 0, result.output
    earlier = json.loads((tmp_path / "cifar10-2.0.json").read_text())["training"]["initial_weights"]
    assert earlier == {"sha256": before["weights"]["sha256"], **before["training"]}
    assert torch.equal(torch.load(tmp_path / "cifar10-2.0.pt")["whitening.weight"], whitening)


def test_pictures_are_small_first_then_grow_to_their_full_size(pictures, tmp_path, monkeypatch):
    shrunk, shrink = [], loop.F.interpolate
    monkeypatch.setattr(loop.F, "interpolate", lambda *given, **how: shrunk.append(given[1]) or shrink(*given, **how))
    assert go_on("fast", pictures, tmp_path, "--epochs=10").exit_code == 0
    assert shrunk == sorted(shrunk)
    assert set(shrunk) == {side_px for _, side_px in FAST.resolution_schedule}
    assert len(shrunk) < 10


def test_trained_weights_go_on_in_their_own_shape(pictures, tmp_path):
    go_on("fast", pictures, tmp_path, "--version=1.5")
    go_on("accurate", pictures, tmp_path, f"--initial-weights={tmp_path}/cifar10-1.5.pt")
    fast, further = (load_network(tmp_path / f"cifar10-{version}.pt")[0] for version in ("1.5", "2.0"))
    assert fast.groups == further.groups == [*FAST.groups]


def test_what_is_distilled_is_what_the_first_weights_answer_not_the_labels(pictures, tmp_path, monkeypatch):
    go_on("fast", pictures, tmp_path)
    taught = []
    monkeypatch.setattr(loop.F, "cross_entropy", lambda logits, targets, **_: taught.append(targets) or logits.sum())
    monkeypatch.setattr(Teacher, "__call__", lambda _, images, **__: torch.tensor([[1.0, 0, 0]]).expand(len(images), 3))
    go_on("distill", pictures, tmp_path, f"--initial-weights={tmp_path}/cifar10-2.0.pt")
    torch.testing.assert_close(taught[0].sum(dim=1), torch.ones(len(taught[0])))
    assert taught[0][:, 0].min() >= DISTILL.distillation_weight
    assert taught[0][:, 0].max() > DISTILL.distillation_weight  # the rest is the labels'


def test_distilling_without_weights_to_learn_from_is_refused_in_one_sentence(pictures, tmp_path):
    result = go_on("distill", pictures, tmp_path)
    assert result.exit_code == 1
    assert "or --initial-weights" in result.output
    assert result.output.count("\n") == 1


def test_a_run_taught_by_other_weights_is_not_resumed(pictures, tmp_path):
    one, other = train_two(pictures, tmp_path)
    go_on("distill", pictures, tmp_path, f"--initial-weights={one}")
    result = go_on("distill", pictures, tmp_path, f"--initial-weights={other}", "--resume")
    assert result.exit_code == 1
    assert "it differs in initial_weights, teachers" in result.output


def test_others_may_teach_and_the_record_names_them(pictures, tmp_path):
    files = train_two(pictures, tmp_path)
    result = go_on("distill", pictures, tmp_path, *(f"--teacher={each}" for each in files))
    assert result.exit_code == 0, result.output
    training = json.loads((tmp_path / "cifar10-2.0.json").read_text())["training"]
    teachers = training["teachers"]
    assert [each["sha256"] for each in teachers] == [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]
    assert [each["seed"] for each in teachers] == [1, 2]
    assert "initial_weights" not in training  # it started from none of them


def test_a_recipe_without_a_teacher_refuses_one_in_one_sentence(pictures, tmp_path):
    result = go_on("accurate", pictures, tmp_path, f"--teacher={tmp_path}/cifar10-2.0.pt")
    assert result.exit_code == 1
    assert "leave --teacher out" in result.output
    assert result.output.count("\n") == 1


def test_a_teacher_of_other_classes_is_refused_in_one_sentence(pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "two")
    for part in ("train", "test"):
        shutil.rmtree(tmp_path / "two" / part / "red")
    go_on("fast", tmp_path / "two", tmp_path)
    result = go_on("distill", pictures, tmp_path, f"--teacher={tmp_path}/cifar10-2.0.pt")
    assert result.exit_code == 1
    assert "knows 2 classes; it cannot teach the 3 of this run" in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("option", ["--teacher", "--initial-weights"])
@pytest.mark.parametrize(
    ("names", "difference"),
    [("cat,dog,emu", "other classes: cat, dog, emu"), ("green,blue,red", "the same classes in another order: green,")],
)
def test_weights_whose_labels_mean_other_classes_are_refused_in_one_sentence(
    pictures, tmp_path, option, names, difference
):
    trained = trained_on(pictures, tmp_path, names)
    result = go_on("distill", pictures, tmp_path, f"{option}={trained}")
    assert result.exit_code == 1
    assert f"{trained} knows {difference}" in result.output
    assert "this run has blue, green, red" in result.output
    assert result.output.count("\n") == 1


def test_other_names_for_the_same_folders_are_the_same_classes(pictures, tmp_path):
    go_on("fast", pictures, tmp_path, "--class-names=b,g,r")
    result = go_on("distill", pictures, tmp_path / "next", f"--teacher={tmp_path}/cifar10-2.0.pt")
    assert result.exit_code == 0, result.output
    trained = trained_on(pictures, tmp_path, "cat,dog,emu")
    result = go_on("distill", pictures, tmp_path, f"--teacher={trained}", "--class-names=cat,dog,emu")
    assert result.exit_code == 0, result.output


def test_filters_take_half_the_place_and_the_record_is_of_what_the_file_holds(pictures, tmp_path):
    go_on("fast", pictures, tmp_path)
    stored = torch.load(tmp_path / "cifar10-2.0.pt", weights_only=True)
    assert {value.dtype for value in stored.values() if value.ndim == 4 and len(value) > 1} == {torch.float16}
    assert stored["head.weight"].dtype == torch.float32
    network, record = load_network(tmp_path / "cifar10-2.0.pt")
    source = load_source(str(pictures), image_size=32)
    logits = predict(network, source.test.images)
    assert evaluate(logits, source.test.labels).confusion.tolist() == record["test"]["confusion"]


def test_weights_of_another_network_are_refused_before_the_first_epoch(pictures, tmp_path):
    go_on("lenet", pictures, tmp_path)
    result = go_on("accurate", pictures, tmp_path, f"--initial-weights={tmp_path}/cifar10-2.0.pt")
    assert result.exit_code == 1
    assert "is lenet of 3 classes; this run trains resnet of 3" in result.output
