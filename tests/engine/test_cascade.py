"""A stage computes again what the one before it was least certain of, and nothing else."""

import numpy as np
import pytest

from engine.cascade import Cascade, CascadeStage
from engine.margins import top2_margins


class Fixed:
    """Answers by the number that every pixel of an image has, and notes which images it was asked for."""

    def __init__(self, rows):
        self.rows = np.array(rows, np.float32)
        self.asked = []

    def probabilities(self, pixels):
        numbers = pixels[:, 0, 0, 0].tolist()
        self.asked.append(numbers)
        return self.rows[numbers]


def numbered(count):
    return np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1).repeat(3, axis=3)


def cascade(*stages):
    return Cascade(stages, image_size=1, backend="test")


SURE, TORN = [0.9, 0.1], [0.55, 0.45]


def test_margins_are_differences_of_logits():
    logits = np.array([[3.0, 1.0, 0.5], [0.0, 0.25, -1.0]])
    powers = np.exp(logits)
    margins = top2_margins((powers / powers.sum(axis=1, keepdims=True)).astype(np.float32))
    assert margins == pytest.approx([2.0, 0.25], abs=1e-5)


def test_a_margin_beyond_all_measure_is_finite():
    assert np.isfinite(top2_margins(np.array([[1.0, 0.0]], np.float32))).all()


def test_uncertain_rows_alone_go_on_and_come_back_to_their_places():
    small, large = Fixed([SURE, TORN, SURE[::-1], TORN]), Fixed([[0, 1], [0, 1], [1, 0], [1, 0]])
    answers = cascade(
        CascadeStage("small", "int8", small, min_margin=1.0), CascadeStage("large", "fp32", large)
    ).answer(numbered(4))
    assert small.asked == [[0, 1, 2, 3]]
    assert large.asked == [[1, 3]]
    assert answers.probabilities.tolist() == [pytest.approx(row) for row in (SURE, [0, 1], SURE[::-1], [1, 0])]
    assert answers.stages.tolist() == [0, 1, 0, 1]


def test_of_what_goes_on_the_least_certain_go_on_once_more():
    small, large = Fixed([SURE, TORN, TORN, TORN]), Fixed([SURE, SURE, TORN, SURE])
    last = Fixed([[0, 1]] * 4)
    engine = cascade(
        CascadeStage("small", "int8", small, min_margin=1.0),
        CascadeStage("large", "int8", large, min_margin=1.0),
        CascadeStage("large", "fp32", last),
    )
    assert engine.answer(numbered(4)).stages.tolist() == [0, 1, 2, 1]
    assert last.asked == [[2]]


def test_a_stage_of_further_views_keeps_the_answer_that_it_has_by_its_share():
    once, further = Fixed([TORN]), Fixed([[0, 1]])
    engine = cascade(
        CascadeStage("large", "int8", once, min_margin=1.0), CascadeStage("large", "int8", further, kept=0.25)
    )
    assert engine.answer(numbered(1)).probabilities.tolist() == [pytest.approx([0.25 * 0.55, 0.25 * 0.45 + 0.75])]


def test_a_stage_that_nobody_needs_is_not_asked():
    """OpenVINO answers an empty batch with an earlier one."""
    large = Fixed([TORN])
    engine = cascade(CascadeStage("small", "int8", Fixed([SURE]), min_margin=1.0), CascadeStage("large", "fp32", large))
    assert engine.answer(numbered(1)).stages.tolist() == [0]
    assert large.asked == []


def test_a_temperature_scales_the_answers_of_its_stage_and_decides_nothing():
    engine = cascade(
        CascadeStage("small", "int8", Fixed([SURE, TORN]), min_margin=1.0, temperature=2.0),
        CascadeStage("large", "fp32", Fixed([TORN, SURE])),
    )
    answers = engine.answer(numbered(2))
    assert answers.stages.tolist() == [0, 1]
    assert top2_margins(answers.probabilities) == pytest.approx([np.log(9) / 2, np.log(9)], abs=1e-5)
    assert answers.probabilities.sum(axis=1) == pytest.approx([1, 1])


def test_the_description_counts_the_images_that_each_stage_has_answered():
    small, large = Fixed([SURE, TORN, SURE]), Fixed([SURE] * 3)
    engine = cascade(CascadeStage("small", "int8", small, min_margin=1.0), CascadeStage("large", "fp32", large))
    for _ in range(2):
        engine.probabilities(numbered(3))
    description = engine.description()
    assert description["engine"] == "test"
    assert description["precision"] == "int8"
    assert [(stage["name"], stage["images"]) for stage in description["stages"]] == [("small", 4), ("large", 2)]


def test_an_error_of_a_later_stage_is_the_error_of_the_batch_and_the_next_batch_is_answered():
    class Failing(Fixed):
        def probabilities(self, pixels):
            answers = super().probabilities(pixels)
            if len(self.asked) == 1:
                raise RuntimeError("the graph stopped")
            return answers

    engine = cascade(
        CascadeStage("small", "int8", Fixed([SURE, TORN]), min_margin=1.0),
        CascadeStage("large", "fp32", Failing([[0, 1]] * 2)),
    )
    with pytest.raises(RuntimeError, match="the graph stopped"):
        engine.answer(numbered(2))
    assert engine.answer(numbered(2)).stages.tolist() == [0, 1]
    assert [stage["images"] for stage in engine.description()["stages"]] == [1, 1]
