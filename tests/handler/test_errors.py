"""Every error of a row has an HTTP status that TorchServe can carry, and is documented."""

import re
from pathlib import Path

from handler.errors import HTTP_STATUSES, RequestError, type_name
from images.errors import ImageError

ANSWERS = Path(__file__).parents[2] / "docs" / "reference" / "endpoints-and-errors.md"


def test_every_error_has_a_status() -> None:
    assert set(HTTP_STATUSES) == {*ImageError.__subclasses__(), *RequestError.__subclasses__()}


def test_phrases_are_what_torchserve_can_carry() -> None:
    assert all(re.fullmatch(r"[A-Za-z ]+", status.phrase) for status in HTTP_STATUSES.values())


def test_every_error_type_is_documented_with_its_status() -> None:
    documented = re.findall(r"^\| `(\w+)` \| (\d+) ", ANSWERS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted((type_name(kind), str(status.code)) for kind, status in HTTP_STATUSES.items())
