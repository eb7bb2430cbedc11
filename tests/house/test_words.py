"""Words of our own do not come back: the field has terms for these things, and readers search for them."""

import re

import pytest

from serving.settings import PROJECT
from tests.house.test_design import tracked

# What was said once, as a pattern, and what practitioners say.
TERMS = {
    r"\b[Cc]lose[ _]calls?\b": "low-margin prediction, top-2 margin",
    r"\b(in eight|few)[ _]bits\b": "int8, reduced precision",
    r"second look": "float32 fallback",
    r"TwoPrecisions": "reduced precision with a float32 fallback",
    r"find_reach|`reach`|\breach of\b": "activation range, calibration",
    r"sharpness|sharpened": "calibration, calibrated logits",
    r"take_in_|\btaken in(to)?\b.*\bconvolution": "fold batch norm, fuse an activation",
    r"laid out once|_laid_out": "prepacked weights",
    r"image_(turbo|tags|wire|hold|packing|fusion|memory)\b": "the modules' names of today",
    r"[Ss]tumble": "named after its cause",
    r"\bwith (alone|uninterrupted)\(": "exclusive_lock, defer_signals",
    r"_lesson\b|by heart": "make_batch; overfitted, memorised",
    r"of_home|--home\b|PIXSERVE_HOME": "the server's runtime directory",
}
SUFFIXES = {".py", ".md", ".yaml", ".properties", ".toml", ".json"}
# The changelog, what refuses or migrates weights of 2.0, and this file.
TELLS_OF_OLD_NAMES = {
    "CHANGELOG.md",
    "docs/guides/upgrade.md",
    "model/resnet.py",
    "tests/house/test_words.py",
    "tests/training/first_release.py",
    "training/migration.py",
}


def found(text: str) -> dict[str, str]:
    """The words of our own in a text, each with the field's term."""
    return {match[0]: term for pattern, term in TERMS.items() for match in re.finditer(pattern, text)}


@pytest.mark.parametrize("path", [path for path in tracked() if path.suffix in SUFFIXES], ids=str)
def test_a_file_uses_the_terms_of_the_field(path):
    if str(path) in TELLS_OF_OLD_NAMES:
        pytest.skip("tells of old names on purpose")
    assert not found((PROJECT / path).read_text())


def test_a_word_of_our_own_is_found_with_its_term():
    assert found("what a close call is") == {"close call": "low-margin prediction, top-2 margin"}
    assert found("with alone(home):")
    assert not found("who can reach it; a close look; eight bits a channel")
