"""The handler's section of model-config.yaml is checked before anything is served."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from handler.settings import HandlerSettings

SHIPPED = Path(__file__).parents[2] / "handler" / "model-config.yaml"


def test_the_shipped_configuration_says_what_the_defaults_say() -> None:
    section = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["handler"]
    assert HandlerSettings.from_section(section) == HandlerSettings()
    assert set(section) == set(HandlerSettings.__dataclass_fields__)


def test_no_section_means_the_defaults() -> None:
    assert HandlerSettings.from_section(None) == HandlerSettings()


def test_an_unknown_key_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match=r"handler\.topk .* unknown; known are .*top_k"):
        HandlerSettings.from_section({"topk": 3})


@pytest.mark.parametrize("value", ["3", 3.0, True, None, 0, -1, [3]])
def test_a_wrong_value_is_refused_by_the_name_of_its_key(value: Any) -> None:
    with pytest.raises(ValueError, match=r"handler\.top_k is .* whole number"):
        HandlerSettings.from_section({"top_k": value})


@pytest.mark.parametrize("section", [3, "top_k: 3", ["top_k"]])
def test_a_section_that_is_no_mapping_is_refused(section: Any) -> None:
    with pytest.raises(ValueError, match="mapping"):
        HandlerSettings.from_section(section)


@pytest.mark.parametrize("value", ["half", "", 16, None, True])
def test_an_unknown_precision_is_refused_with_those_that_are_known(value: Any) -> None:
    with pytest.raises(ValueError, match=r"handler\.precision is .*; expected one of auto, int8, fp32"):
        HandlerSettings.from_section({"precision": value})
