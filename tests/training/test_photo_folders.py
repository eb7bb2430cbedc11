"""Folders of photographs as `train.py finetune` finds them: uneven, unsplit, broken, alike."""

from tests.training.finetune_command import finetune, record_in
from tests.training.training_images import COLOURS, make_pictures


def test_uneven_classes_are_said_and_weighted(tmp_path):
    uneven = make_pictures(tmp_path / "uneven", train=12, test=4)
    for path in sorted((uneven / "train" / "red").iterdir())[4:]:
        path.unlink()
    result = finetune(uneven, tmp_path / "out", "--epochs=1", "--no-export")
    assert "classes have from 3 (red) to 10 (blue) images; the loss weights them by" in result.output.replace("\n", " ")
    assert record_in(tmp_path / "out")["training"]["recipe"]["balance"] == "class weights"


def test_one_tree_is_split_into_three_parts(photographs, tmp_path):
    result = finetune(photographs / "train", tmp_path, "--epochs=1", "--no-export")
    assert "is one tree, split by seed 0" in result.output
    counts = {part: record_in(tmp_path)["data"][part] for part in ("train", "validation", "test")}
    assert counts == {"train": 24, "validation": 6, "test": 6}


def test_broken_files_are_listed_by_name_and_passed_over_only_if_asked(tmp_path):
    broken = make_pictures(tmp_path / "images", train=12, test=4)
    (broken / "train" / "red" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (broken / "test" / "blue" / "1.png").write_bytes(b"no image")
    result = finetune(broken, tmp_path / "out", "--no-export")
    assert result.exit_code == 1
    said = result.output.replace("\n", " ")
    assert "2 of 48 image files cannot be decoded" in said
    assert "red/0.png" in result.output.replace("\n", "")
    assert not (tmp_path / "out").exists()
    result = finetune(broken, tmp_path / "out", "--no-export", "--skip-broken", "--epochs=1")
    assert result.exit_code == 0, result.output
    assert record_in(tmp_path / "out")["data"]["test"] == 4 * len(COLOURS) - 1


def test_nearly_the_same_image_on_both_sides_of_the_split_is_warned_of(tmp_path):
    images = make_pictures(tmp_path / "images", train=12, test=4)
    copy = images / "train" / "red" / "copy.png"
    copy.write_bytes((images / "test" / "red" / "0.png").read_bytes())
    result = finetune(images, tmp_path / "out", "--epochs=1", "--no-export", "--validation-fraction=0")
    said = result.output.replace("\n", "")
    assert "warning: 1 test images are nearly the same as a training image" in said
    assert "copy.png" in said
