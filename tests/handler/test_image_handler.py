"""Whole batches through the handler, with TorchServe's own context around it."""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ts.context import Context
from ts.utils.util import list_classes_from_module

from handler import image_handler
from handler.image_handler import ImageHandler
from pixserve.runtime_directory import RuntimeDirectory
from tests import sample_pictures as samples
from tests.sample_pictures import BLUE, GREEN, RED, jpeg

MakeContext = Callable[..., Context]
DESCRIBE = {"describe": "True"}


def started(context: Context) -> ImageHandler:
    handler = ImageHandler()
    handler.initialize(context)
    return handler


def test_torchserve_finds_one_class_and_no_function_named_handle() -> None:
    assert list_classes_from_module(image_handler) == [ImageHandler]
    assert not hasattr(image_handler, "handle")


def test_a_prediction_is_complete(served: Any) -> None:
    ((answer,), (status,)) = served({"image": jpeg(GREEN)})
    assert status == 200
    assert list(answer) == ["class", "class_name", "probability", "top", "model_version"]
    assert (answer["class"], answer["class_name"], answer["model_version"]) == (1, "green", "1.0")
    assert answer["top"][0] == {key: answer[key] for key in ("class", "class_name", "probability")}
    assert sum(entry["probability"] for entry in answer["top"]) == pytest.approx(1, abs=1e-5)


def test_answers_come_in_the_order_of_their_rows(served: Any) -> None:
    colours = [RED, GREEN, BLUE, GREEN, RED] * 6
    answers, _ = served(*({"image": jpeg(colour)} for colour in colours))
    assert [answer["class"] for answer in answers] == [(RED, GREEN, BLUE).index(colour) for colour in colours]


def test_each_row_names_as_many_classes_as_it_asked_for(served: Any) -> None:
    answers, _ = served(*({"image": jpeg(), "top_k": str(count).encode()} for count in (1, 3, 4, 2)), {"image": jpeg()})
    assert [len(answer["top"]) for answer in answers] == [1, 3, 4, 2, 4]  # five is the default, four there are


def test_top_k_has_a_default_in_the_configuration(make_context: MakeContext, with_rows: MakeContext) -> None:
    context = make_context({"top_k": 2})
    (answer,) = started(context).handle([{"image": jpeg()}], with_rows(context, {}))
    assert len(json.loads(answer)["top"]) == 2


def test_a_poisoned_batch_answers_its_good_rows_and_each_bad_one_by_its_own_error(served: Any) -> None:
    bad = {
        400: [{"image": b""}, {}, {"body": {"image": "!"}}, {"body": [1]}, {"image": jpeg(), "top_k": b"99"}],
        413: [{"image": samples.png_bomb(60_000, 60_000)}, {"image": b"x" * 10_000_001}],
        415: [{"image": b"hello"}, {"image": b"%PDF-1.7"}],
        422: [{"image": jpeg()[:300]}, {"image": samples.jpeg_of_scans(100)}],
    }
    rows, expected = [], []
    for status, group in bad.items():
        for row in group:
            rows += [{"image": jpeg(BLUE)}, row]
            expected += [200, status]
    rows, expected = (rows * 2)[:32], (expected * 2)[:32]
    answers, statuses = served(*rows)
    assert statuses == expected
    for answer, status in zip(answers, statuses, strict=True):
        assert answer.get("class_name") == "blue" if status == 200 else answer["code"] == status


def test_a_batch_of_bad_rows_alone_is_answered_without_a_forward_pass(make_context: Any, with_rows: Any) -> None:
    context = make_context()
    handler = started(context)
    handler.engine.stages[0].network._network.batches.clear()
    assert len(handler.handle([{}, {"image": b""}], with_rows(context, {}, {}))) == 2
    assert not handler.engine.stages[0].network._network.batches


def test_one_forward_pass_sees_the_whole_batch_as_uint8_in_channels_last(make_context: Any, with_rows: Any) -> None:
    context = make_context()
    handler = started(context)
    assert {len(batch) for batch in handler.engine.stages[0].network._network.batches} == {1, 32}  # the warm-up
    handler.engine.stages[0].network._network.batches.clear()
    handler.handle([{"image": jpeg(RED)}, {}, {"image": jpeg(GREEN)}], with_rows(context, {}, {}, {}))
    (batch,) = handler.engine.stages[0].network._network.batches
    assert batch.shape == (2, 3, 32, 32)
    assert batch.dtype == torch.uint8
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert (batch[0, 0] > 250).all()
    assert (batch[1, 1] > 250).all()


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor always computes with such numbers")
def test_numbers_too_small_to_matter_cost_no_time_since_they_count_as_zero(make_context: Any) -> None:
    try:
        ImageHandler().initialize(make_context())
        assert torch.tensor([1e-39]).mul(0.5).item() == 0
    finally:
        torch.set_flush_denormal(False)


def test_a_row_to_describe_is_described_beside_predictions(served: Any) -> None:
    rows = [{"image": jpeg()}, {}, {"image": jpeg()}]
    answers, statuses = served(*rows, headers=[{}, DESCRIBE, {"describe": "False"}])
    assert statuses == [200, 200, 200]
    assert answers[1] == {
        "pid": os.getpid(),
        "model_version": "1.0",
        "class_names": ["red", "green", "blue", "grey"],
        "image_size": 32,
        "engine": f"torch {torch.__version__} on cpu",
        "precision": "fp32",
        "stages": [{"name": "Colours", "precision": "fp32", "min_margin": 0.0, "images": 0}],
        "top_k": 5,
        "max_image_bytes": 10_000_000,
        "max_image_pixels": 25_000_000,
        "max_images": 64,
    }
    assert answers[0] == answers[2]


def test_a_draining_worker_refuses_predictions_and_still_describes_itself(
    make_context: Any, with_rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXSERVE_RUNTIME_DIR", str(tmp_path))
    draining = RuntimeDirectory(tmp_path).draining
    context = make_context()
    handler = started(context)

    def statuses() -> list[int]:
        handler.handle([{"image": jpeg()}, {}], with_rows(context, {}, DESCRIBE))
        return [context.get_response_status(index)[0] for index in range(2)]

    assert statuses() == [200, 200]
    draining.touch()
    assert statuses() == [503, 200]
    draining.unlink()
    assert statuses() == [200, 200]


def test_a_refused_row_is_not_logged(served: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    served({}, {"image": b"hello"}, {"image": jpeg()[:300]}, {"image": samples.tiff_of_tags((277, 3, 1, 200))})
    assert not caplog.records


def test_weights_of_another_class_count_fail_at_load(make_context: Any, model_dir: Path) -> None:
    (model_dir / "index_to_name.json").write_text('{"0": "red", "1": "green"}')
    with pytest.raises(RuntimeError, match=r"colours-1\.0\.pt holds no weights of Colours\(classes=2\)"):
        started(make_context())


def test_a_network_of_another_class_count_fails_at_load(make_context: Any, model_dir: Path) -> None:
    text = (model_dir / "colours.py").read_text()
    (model_dir / "colours.py").write_text(text.replace("return logits * self.scale", "return logits[:, :3]"))
    with pytest.raises(RuntimeError, match=r"\(1, 3\).*expected \(1, 4\)"):
        started(make_context())


def test_weights_that_are_no_state_dict_fail_at_load(make_context: Any, model_dir: Path) -> None:
    (model_dir / "colours-1.0.pt").write_bytes(b"not weights")
    with pytest.raises(RuntimeError, match="holds no weights"):
        started(make_context())


def test_weights_that_give_no_probabilities_fail_at_load(make_context: Any, model_dir: Path) -> None:
    torch.save({"scale": torch.full((4,), float("nan"))}, model_dir / "colours-1.0.pt")
    with pytest.raises(RuntimeError, match="train it anew"):
        started(make_context())


@pytest.mark.parametrize("names", ['{"0": "a", "2": "b"}', "[]", "{}", '{"0": 1}', '["a"]'])
def test_class_names_with_gaps_fail_at_load(make_context: Any, model_dir: Path, names: str) -> None:
    (model_dir / "index_to_name.json").write_text(names)
    with pytest.raises(RuntimeError, match=r"index_to_name\.json"):
        started(make_context())


@pytest.mark.parametrize("more", ["\nclass Second(nn.Module):\n    pass\n", None], ids=["two", "none"])
def test_a_network_file_without_its_one_network_fails_at_load(make_context: Any, model_dir: Path, more: str) -> None:
    path = model_dir / "colours.py"
    path.write_text(path.read_text() + more if more else "")
    with pytest.raises(RuntimeError, match=r"colours\.py defines [02] nn\.Module classes"):
        started(make_context())


@pytest.mark.parametrize("entry", ["modelFile", "serializedFile"])
def test_a_manifest_without_a_part_fails_at_load(make_context: Any, entry: str) -> None:
    with pytest.raises(RuntimeError, match=f"names no {entry}"):
        started(make_context(**{entry: ""}))


def test_a_network_that_does_not_say_its_size_fails_at_load(make_context: Any, model_dir: Path) -> None:
    path = model_dir / "colours.py"
    path.write_text(path.read_text().replace("image_size = 32", ""))
    with pytest.raises(RuntimeError, match=r"Colours\.image_size is None"):
        started(make_context())


def test_a_wrong_setting_fails_at_load(make_context: Any) -> None:
    with pytest.raises(ValueError, match=r"handler\.max_pixels .* unknown"):
        started(make_context({"max_pixels": 3}))
