"""Versions are sorted as people number them: by PEP 440 where it knows them."""

import random

import pytest

from pixserve.records import version_key


@pytest.mark.parametrize(
    "oldest_first",
    [
        ["1.9", "2.0-rc1", "2.0-rc2", "2.0", "2.0.1", "10.0"],
        ["v8", "v9", "v10", "v11"],
        ["1.0.dev3", "1.0a1", "1.0-beta.2", "1.0rc1", "1.0", "1.0.post1"],
        ["final-2", "final-10", "1.0"],
        ["2024.1", "2024.10", "2025.2"],
    ],
)
def test_a_release_candidate_is_older_than_its_release_and_ten_is_newer_than_nine(oldest_first: list[str]) -> None:
    shuffled = random.Random(0).sample(oldest_first, len(oldest_first))
    assert sorted(shuffled, key=version_key) == oldest_first


def test_two_spellings_of_one_version_have_an_order() -> None:
    assert sorted(["v1.0", "1.0"], key=version_key) == sorted(["1.0", "v1.0"], key=version_key)
