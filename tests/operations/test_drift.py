"""`pixserve drift` says in words whether the images of now differ."""

from operations.commands.drift import drift_rows, sentences
from operations.scrape import Scrape

VERSION = """
pixserve_workers_wanted{model="m",version="1.0"} 2
"""
COUNTED = (
    VERSION
    + """
pixserve_predictions_total{model="m",version="1.0",class="cat"} 700
pixserve_predictions_total{model="m",version="1.0",class="dog"} 534
"""
)
ENDED = (
    COUNTED
    + """
pixserve_drift_window_images{model="m",version="1.0"} 1234
pixserve_drift_window_end_time_seconds{model="m",version="1.0"} 1.8e9
pixserve_drift_psi{model="m",version="1.0",statistic="classes"} 0.41
pixserve_drift_psi{model="m",version="1.0",statistic="confidence"} 0.06
pixserve_drift_psi{model="m",version="1.0",statistic="margin"} 0.01
"""
    + "".join(
        f'pixserve_drift_psi_limit{{model="m",version="1.0",statistic="{name}"}} 0.03\n'
        for name in ("classes", "confidence", "margin")
    )
)


def said(text: str) -> str:
    (sentence,) = sentences(Scrape.of_text(text, at_s=0))
    return sentence


def test_what_differs_is_named_with_its_size() -> None:
    found = said(ENDED)
    assert found.startswith("m 1.0: the last 1,234 images, until ")
    assert found.endswith(", differ from held-out images in class mix (a large shift) and confidence (a small shift)")


def test_what_does_not_differ_is_said() -> None:
    assert said(ENDED.replace("0.03", "0.5")).endswith(", are answered as held-out images were")


def test_before_a_window_has_ended_and_without_a_reference_the_reason_is_said() -> None:
    assert said(COUNTED) == "m 1.0: 1,234 images are too few to compare"
    assert "its archive has no reference; `python train.py drift` measures one" in said(VERSION)


def test_a_row_has_index_and_limit_of_each_statistic() -> None:
    first, *_ = rows = drift_rows(Scrape.of_text(ENDED, at_s=0))
    assert [row["statistic"] for row in rows] == ["class mix", "confidence", "top-2 margin"]
    assert (first["images"], first["psi"], first["limit"], first["differs"]) == (1234, 0.41, 0.03, True)
    assert drift_rows(Scrape.of_text(COUNTED, at_s=0)) == []
