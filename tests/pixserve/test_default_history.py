"""The history of default versions: a change is recorded in order, and undoing it goes back one change."""

import threading
from pathlib import Path

import pytest

from pixserve.default_history import MAX_CHANGES, default_history
from pixserve.runtime_directory import RuntimeDirectory

ALL = {"1.0", "2.0", "3.0"}


@pytest.fixture
def directory(tmp_path: Path) -> RuntimeDirectory:
    return RuntimeDirectory(tmp_path)


def record(directory: RuntimeDirectory, *versions: str) -> None:
    for version in versions:
        with default_history(directory) as history:
            history.record("pets", version)


def undo(directory: RuntimeDirectory, registered: set[str] = ALL) -> str | None:
    """Undo the last change and return the version gone back to."""
    with default_history(directory) as history:
        back = history.previous("pets", registered)
        if back:
            history.undo("pets", back)
        return back


def test_promoting_one_version_and_the_first_again_can_be_undone_change_by_change(directory):
    record(directory, "2.0", "1.0", "2.0")
    assert [undo(directory) for _ in range(3)] == ["1.0", "2.0", None]


def test_repeating_the_present_default_is_no_change(directory):
    record(directory, "1.0", "2.0", "2.0")
    assert [undo(directory), undo(directory)] == ["1.0", None]


def test_a_version_that_is_no_longer_registered_is_passed_over(directory):
    record(directory, "1.0", "3.0", "2.0")
    assert undo(directory, {"1.0", "2.0"}) == "1.0"


def test_a_new_change_after_an_undone_one_goes_on_from_there(directory):
    record(directory, "1.0", "2.0")
    undo(directory)
    record(directory, "3.0")
    assert [undo(directory), undo(directory)] == ["1.0", None]


def test_going_back_to_a_version_that_was_never_the_default_is_a_change_of_its_own(directory):
    record(directory, "1.0", "2.0")
    with default_history(directory) as history:
        history.undo("pets", "3.0")
    assert undo(directory) == "2.0"


def test_models_have_histories_of_their_own(directory):
    record(directory, "1.0", "2.0")
    with default_history(directory) as history:
        history.record("cars", "1.0")
    with default_history(directory) as history:
        assert history.changes == {"pets": ["1.0", "2.0"], "cars": ["1.0"]}


def test_the_history_does_not_grow_without_end(directory):
    with default_history(directory) as history:
        for _ in range(MAX_CHANGES):
            history.record("pets", "1.0")
            history.record("pets", "2.0")
    with default_history(directory) as history:
        assert len(history.changes["pets"]) == MAX_CHANGES


def test_one_change_waits_for_another(directory):
    order = []

    def change():
        with default_history(directory):
            order.append("second")

    with default_history(directory):
        other = threading.Thread(target=change)
        other.start()
        other.join(0.1)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_a_change_that_failed_is_not_recorded(directory):
    record(directory, "1.0")

    def refused() -> None:
        with default_history(directory) as history:
            history.record("pets", "2.0")
            raise RuntimeError("TorchServe refused it")

    with pytest.raises(RuntimeError):
        refused()
    with default_history(directory) as history:
        assert history.changes == {"pets": ["1.0"]}


@pytest.mark.parametrize("content", ["", "{", '["1.0"]', '{"pets": [1.0]}'])
def test_an_unreadable_history_is_set_aside_with_a_warning_and_begins_anew(directory, capsys, content):
    directory.default_history.write_text(content)
    record(directory, "1.0")
    with default_history(directory) as history:
        assert history.changes == {"pets": ["1.0"]}
    assert "default-history.json.unreadable" in capsys.readouterr().err
    assert Path(f"{directory.default_history}.unreadable").read_text() == content
