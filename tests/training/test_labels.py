import pytest

from training.errors import SourceError
from training.labels import match_classes

KNOWN = ["plane", "car", "bird", "cat"]
FOLDERS = ["airplane", "automobile", "bird", "cat"]


def labels(*names):
    return match_classes(names, KNOWN, folder_names=FOLDERS).labels


def test_classes_go_by_name_in_whatever_order_and_some_may_be_missing():
    assert labels("cat", "car") == [3, 1]


def test_the_names_of_the_folders_that_were_trained_on_are_known_too():
    assert labels("airplane", "automobile", "bird", "cat") == [0, 1, 2, 3]
    assert labels("cat", "airplane") == [3, 0]


def test_classes_go_by_order_where_no_name_fits_and_that_is_said_aloud():
    match = match_classes(["avion", "auto", "oiseau", "chat"], KNOWN, folder_names=FOLDERS)
    assert match.labels == [0, 1, 2, 3]
    assert "by order: avion is plane, auto is car, oiseau is bird, chat is cat" in match.remark


@pytest.mark.parametrize("odd", ["Cat", "cat ", "chat"])
def test_one_odd_folder_among_known_ones_is_named(odd):
    with pytest.raises(SourceError, match=f"network's: {odd} is none of plane, car, bird, cat"):
        labels("airplane", "automobile", "bird", odd)


def test_names_that_differ_in_case_alone_do_not_go_by_order():
    with pytest.raises(SourceError, match="Bird, Car, Cat, Plane are none of"):
        labels("Bird", "Car", "Cat", "Plane")


def test_other_names_in_another_number_are_refused():
    with pytest.raises(SourceError, match="avion, auto are none of"):
        labels("avion", "auto")
