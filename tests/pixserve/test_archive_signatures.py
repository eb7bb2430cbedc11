"""Where a key is configured, an archive is loaded only if the holder of that key has signed its bytes."""

import subprocess

import pytest

from pixserve.archive_signatures import (
    SignatureError,
    require_signature,
    require_signature_where_configured,
    sign,
    signature_of,
)
from pixserve.runtime_directory import RuntimeDirectory
from tests.key_pairs import key_pair


@pytest.fixture
def keys(tmp_path):
    return key_pair(tmp_path, "ours")


@pytest.fixture
def archive(tmp_path, keys):
    path = tmp_path / "cifar10-1.0.mar"
    path.write_bytes(b"the bytes of an archive")
    sign(path, private_key=keys[0])
    return path


def test_a_signed_archive_is_accepted(archive, keys):
    require_signature(archive, public_key=keys[1])


def test_a_changed_archive_is_refused(archive, keys):
    archive.write_bytes(b"the bytes of another archive")
    with pytest.raises(SignatureError, match=r"is not a signature of cifar10-1\.0\.mar by the key"):
        require_signature(archive, public_key=keys[1])


def test_a_signature_by_another_key_is_refused(archive, tmp_path):
    _, other = key_pair(tmp_path, "other")
    with pytest.raises(SignatureError, match="does not match the provided public key"):
        require_signature(archive, public_key=other)


@pytest.mark.parametrize("content", ["", "nonsense", "{}", '{"dsseEnvelope": {}}'])
def test_a_signature_that_is_none_is_refused(archive, keys, content):
    signature_of(archive).write_text(content)
    with pytest.raises(SignatureError, match="is not a signature of"):
        require_signature(archive, public_key=keys[1])


def test_an_unsigned_archive_is_refused_with_the_command_that_signs_it(archive, keys):
    signature_of(archive).unlink()
    with pytest.raises(SignatureError, match=r"not signed: `python archive\.py --sign-with KEY` writes"):
        require_signature(archive, public_key=keys[1])


def test_a_key_of_another_kind_cannot_sign_and_the_message_says_how_to_make_one(archive, tmp_path):
    wrong = tmp_path / "rsa.pem"
    subprocess.run(["openssl", "genrsa", "-out", wrong, "2048"], check=True, capture_output=True)
    with pytest.raises(SignatureError, match="openssl ecparam"):
        sign(archive, private_key=wrong)


def test_without_a_configured_key_any_archive_may_be_loaded(archive, keys, tmp_path):
    directory = RuntimeDirectory(tmp_path)
    signature_of(archive).unlink()
    require_signature_where_configured(archive, directory)
    directory.archive_public_key.write_bytes(keys[1].read_bytes())
    with pytest.raises(SignatureError):
        require_signature_where_configured(archive, directory)
