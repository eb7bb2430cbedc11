"""Classes are compared, not their names: names that differ are found before anything is loaded."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from operations.class_names import check_renames, check_versions
from operations.commands.rollout import parse_class_names
from operations.errors import ClassNamesError, RolloutError
from operations.labelled_images import labelled_images

CIFAR10 = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
FOLDERS = sorted(["airplane", "automobile", *CIFAR10[2:]])


def folders(parent: Path, names: list[str]) -> Path:
    for name in names:
        (parent / name).mkdir()
        (parent / name / "1.png").touch()
    return parent


def labels(parent: Path, class_names: list[str], **renames: str) -> dict[str, str]:
    found = labelled_images(parent, class_names=class_names, most=100, renames=renames)
    return {image.path.parent.name: image.label for image in found.images}


def test_versions_with_the_same_names_in_any_order_agree() -> None:
    check_versions(CIFAR10, CIFAR10[::-1], {}, old="cifar10 1.0", new="cifar10-2.0.mar")


def test_a_version_that_names_two_classes_otherwise_is_told_with_the_option_that_maps_them() -> None:
    renamed = ["airplane", "automobile", *CIFAR10[2:]]
    with pytest.raises(ClassNamesError) as caught:
        check_versions(CIFAR10, renamed, {}, old="cifar10 1.0", new="cifar10-2.0.mar")
    assert str(caught.value) == (
        "cifar10-2.0.mar has classes airplane, automobile where cifar10 1.0 has plane, car: "
        "if they are the same, add --class-names airplane=plane,automobile=car"
    )
    check_versions(CIFAR10, renamed, {"airplane": "plane", "automobile": "car"}, old="cifar10 1.0", new="x.mar")


def test_a_version_that_names_every_class_otherwise_is_found() -> None:
    with pytest.raises(ClassNamesError, match="CAT=cat"):
        check_versions(CIFAR10, [name.upper() for name in CIFAR10], {}, old="cifar10 1.0", new="x.mar")


def test_a_version_may_have_more_classes_or_fewer() -> None:
    check_versions(CIFAR10, [*CIFAR10, "boat"], {}, old="cifar10 1.0", new="x.mar")
    check_versions(CIFAR10, CIFAR10[:-1], {}, old="cifar10 1.0", new="x.mar")


def test_a_rename_to_what_is_no_class_is_refused() -> None:
    with pytest.raises(ClassNamesError, match="airplane is aeroplane, which is no class of cifar10"):
        check_renames({"airplane": "aeroplane"}, class_names=CIFAR10, version="cifar10 1.0")


def test_one_folder_spelt_otherwise_is_named_and_shifts_no_label(tmp_path: Path) -> None:
    parent = folders(tmp_path, ["Cat", "bird", "dog"])
    with pytest.raises(ClassNamesError, match=r"no classes: Cat; expected bird, cat, dog: .* --class-names Cat=cat"):
        labels(parent, ["bird", "cat", "dog"])
    assert labels(parent, ["bird", "cat", "dog"], Cat="cat") == {"Cat": "cat", "bird": "bird", "dog": "dog"}


def test_the_folders_of_cifar10_are_mapped_by_the_option_that_the_refusal_names(tmp_path: Path) -> None:
    parent = folders(tmp_path, FOLDERS)
    with pytest.raises(ClassNamesError) as caught:
        labels(parent, CIFAR10)
    option = str(caught.value).partition("--class-names ")[2]
    assert option == "airplane=plane,automobile=car"
    assert labels(parent, CIFAR10, **parse_class_names(option))["airplane"] == "plane"


@pytest.mark.parametrize("spelt", [str.upper, str.capitalize, "{} ".format, "-{}".format], ids=range(4))
def test_folders_that_are_all_spelt_otherwise_do_not_go_by_order(tmp_path: Path, spelt: Callable[[str], str]) -> None:
    parent = folders(tmp_path, [spelt(name) for name in CIFAR10])
    with pytest.raises(ClassNamesError, match="no classes") as caught:
        labels(parent, CIFAR10)
    mapped = parse_class_names(str(caught.value).partition("--class-names ")[2])
    assert mapped == {spelt(name).strip(): name for name in sorted(CIFAR10)}


def test_an_order_that_decides_and_files_that_are_passed_over_are_said(tmp_path: Path) -> None:
    parent = folders(tmp_path, ["0", "1"])
    (parent / "0" / "notes.txt").touch()
    said = labelled_images(parent, class_names=["cat", "dog"], most=10).remarks
    assert said == [
        f"no folder of {parent} is called like a class; by order: 0 is cat, 1 is dog",
        f"{parent}: 1 passed over, no image files: notes.txt, ...",
    ]
    assert not labelled_images(folders(tmp_path / "0", ["cat", "dog"]), class_names=["cat", "dog"], most=10).remarks


def test_folders_go_by_their_order_only_where_no_name_fits(tmp_path: Path) -> None:
    parent = folders(tmp_path, ["0", "1", "2"])
    assert labels(parent, ["bird", "cat", "dog"]) == {"0": "bird", "1": "cat", "2": "dog"}
    with pytest.raises(ClassNamesError, match="no classes: 0, 1, 2"):
        labels(parent, ["bird", "cat", "dog", "frog"])


def test_a_version_may_have_classes_without_images(tmp_path: Path) -> None:
    assert labels(folders(tmp_path, ["cat"]), ["bird", "cat"]) == {"cat": "cat"}


def test_images_are_spread_over_all_classes(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for index in range(50):
            (tmp_path / name / f"{index:02}.jpg").touch()
    chosen = labelled_images(tmp_path, class_names=["cat", "dog"], most=10).images
    assert [image.label for image in chosen] == ["cat"] * 5 + ["dog"] * 5


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RolloutError, match="holds no images"):
        labelled_images(tmp_path, class_names=["cat"], most=10)


@pytest.mark.parametrize("text", ["airplane", "airplane=", "=plane", "a=b,c"])
def test_the_option_is_pairs(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected OTHER=CLASS"):
        parse_class_names(text)
