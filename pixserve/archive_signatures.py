"""Signatures of archives: that its bytes are those which the holder of a key has packed. OpenSSF Model Signing.

`python archive.py --sign-with KEY` writes `<archive>.sig` beside an archive. Where `archive_public_key` names
a key, the launcher keeps a copy of it in its runtime directory, and nothing without a valid signature is loaded: not by
a start, not by `pixserve rollout`, not by `pixserve register`. The package model-signing does the cryptography; it is
not installed with pixserve, for who asks predictions needs none of it.
"""

from pathlib import Path
from typing import Any

from pixserve.errors import ClientError
from pixserve.runtime_directory import RuntimeDirectory


class SignatureError(ClientError):
    """An archive that cannot be signed, or has no valid signature; fit to print as it is."""


def signature_of(archive: Path) -> Path:
    """Where the signature of an archive lies."""
    return archive.with_name(archive.name + ".sig")


def sign(archive: Path, *, private_key: Path) -> None:
    """Write the signature of an archive.

    Args:
        archive: a .mar file.
        private_key: an elliptic-curve key in PEM, without a pass phrase: of the curves P-256, P-384 and P-521.

    Raises:
        SignatureError: the key cannot be used, or model-signing is not installed.
    """
    try:
        config = _model_signing("signing").Config().use_elliptic_key_signer(private_key=private_key)
    except (OSError, ValueError, TypeError, AttributeError) as fault:  # the last one: an RSA key has no curve
        raise SignatureError(
            f"{private_key} cannot sign ({fault}); expected an elliptic-curve key in PEM: "
            "`openssl ecparam -name prime256v1 -genkey -noout -out key.pem`"
        ) from fault
    config.sign(archive, signature_of(archive))


def require_signature(archive: Path, *, public_key: Path) -> None:
    """Refuse an archive that the holder of the key has not signed as it is.

    Raises:
        SignatureError: it has no signature, one of other bytes or of another key, or model-signing is not installed.
    """
    signature = signature_of(archive)
    if not signature.is_file():
        raise SignatureError(
            f"{archive.name} is not signed: `python archive.py --sign-with KEY` writes {signature.name}"
        )
    config = _model_signing("verifying").Config()
    try:
        config.use_elliptic_key_verifier(public_key=public_key).verify(archive, signature)
    except (OSError, ValueError, TypeError, KeyError) as fault:
        raise SignatureError(
            f"{signature.name} is not a signature of {archive.name} by the key {public_key} ({fault})"
        ) from fault


def require_signature_where_configured(archive: Path, directory: RuntimeDirectory) -> None:
    """Refuse an archive without a valid signature if the server of this runtime directory asks for one.

    Raises:
        SignatureError: see `require_signature`.
    """
    if directory.archive_public_key.is_file():
        require_signature(archive, public_key=directory.archive_public_key)


def _model_signing(module: str) -> Any:
    """Import it when it is needed: with what it brings, 76 MB."""
    try:
        import model_signing.signing
        import model_signing.verifying
    except ImportError as missing:
        raise SignatureError(
            f"signatures need the package model-signing ({missing}): pip install model-signing pyOpenSSL"
        ) from missing
    return getattr(model_signing, module)
