"""The runner of documents: what it runs, and that it fails where a document is wrong."""

import pytest

from tests.documents.runner import WrongOutputError, run, steps_of

PAGE = """
# A page

```console
$ echo one; echo two
one
two
$ variable=kept
```

```console no-run takes a day
$ sleep 86400
```

    indented

```console
$ echo "$variable in one shell, at $(date)"
kept in one shell, at …
$ printf 'first\\n2\\n3\\nlast\\n'
first
…
last
$ false
$ echo $?
1
```
"""


def run_page(page, folder):
    run(steps_of(page), folder=folder, environment={}, timeout_s=20)


def test_a_page_whose_outputs_are_right_passes(tmp_path):
    run_page(PAGE, tmp_path)
    assert len(steps_of(PAGE)) == 6


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("\none\n", "\nuno\n"),
        ("one\ntwo\n", "one\n"),
        ("one\ntwo\n", "one\ntwo\nthree\n"),
        ("kept in one shell", "lost in one shell"),
        ("last\n$", "end\n$"),
        ("$ echo $?\n1", "$ echo $?\n0"),
        ("$ variable=kept", "$ false"),
        ("$ variable=kept", "$ exit"),
    ],
)
def test_a_page_with_a_wrong_output_fails(tmp_path, right, wrong):
    page = PAGE.replace(right, wrong, 1)
    assert page != PAGE
    with pytest.raises(WrongOutputError):
        run_page(page, tmp_path)


def test_the_error_names_the_line_the_command_and_both_outputs(tmp_path):
    with pytest.raises(WrongOutputError) as raised:
        run_page(PAGE.replace("\none\n", "\nuno\n"), tmp_path)
    assert str(raised.value) == ("line 5: $ echo one; echo two\nshown in the document:\nuno\ntwo\nprinted:\none\ntwo")


@pytest.mark.parametrize("info", ["console later", "console no-run"])
def test_a_block_that_is_not_run_must_say_why(info):
    with pytest.raises(ValueError, match="REASON"):
        steps_of(f"```{info}\n$ true\n```\n")


def test_a_block_must_begin_with_a_command():
    with pytest.raises(ValueError, match="begins with"):
        steps_of("```console\nmake start\n```\n")
