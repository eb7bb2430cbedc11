"""One tree of errors for REST and gRPC, with every type of the handler in it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from handler.errors import HTTP_STATUSES, type_name
from pixserve import errors
from pixserve.errors import IMAGE_ERRORS, ClientError, RejectedImageError, error_of

SOURCES = Path(errors.__file__).parent


def test_every_error_of_the_handler_has_a_class_of_its_own() -> None:
    assert sorted(type_name(error_class) for error_class in HTTP_STATUSES) == sorted(IMAGE_ERRORS)


def test_the_drawing_of_the_tree_names_every_class() -> None:
    drawn = ast.get_docstring(ast.parse((SOURCES / "errors.py").read_text())) or ""
    of_rows = RejectedImageError.__subclasses__()
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, ClientError)]
    assert [found.__name__ for found in classes if found not in of_rows and found.__name__ not in drawn] == []


@pytest.mark.parametrize(
    ("message", "code", "kind", "expected"),
    [
        ("Model not found: x", 404, "ModelNotFoundException", errors.ModelNotFoundError),
        ("Model not found at: x.mar", 404, "ModelNotFoundException", errors.ArchiveNotFoundError),
        ("Model version: 9 does not exist", 404, "ModelVersionNotFoundException", errors.VersionNotFoundError),
        ('Model "x" has no worker to serve', 503, "ServiceUnavailableException", errors.NotAcceptedError),
        ("Prediction failed", 503, "InternalServerException", errors.HandlerFailedError),
        ("a row", 503, "ServerStopping", errors.ServerStoppingError),
        ("Worker died.", 500, "InternalServerException", errors.WorkerDiedError),
        ("Worker died.", 507, "InternalServerException", errors.WorkerDiedError),
        ("Token Authorization failed.", 400, "InvalidKeyException", errors.UnauthorizedError),
        ("something else", 503, "", errors.UnavailableError),
        ("something else", 418, "", errors.RefusedError),
        ("something else", 500, "", errors.UnexpectedAnswerError),
    ],
)
def test_an_answer_is_known_by_its_type(message: str, code: int, kind: str, expected: type[ClientError]) -> None:
    error = error_of(message, code=code, kind=kind)
    assert (type(error), error.code, error.kind) == (expected, code, kind)


def test_the_client_is_imported_without_torch_or_torchserve() -> None:
    program = (
        "import sys, pixserve, pixserve.commands.main; sys.exit({'torch', 'ts', 'serving'} & set(sys.modules) != set())"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=SOURCES.parent, check=False).returncode == 0
