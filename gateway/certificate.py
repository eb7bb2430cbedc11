"""A certificate for trying: made by openssl for this machine's names, signed by itself."""

import shutil
import socket
import subprocess
from pathlib import Path

from gateway.errors import GatewayError

DAYS = 365


def certificate_for_trying(folder: Path) -> tuple[Path, Path]:
    """Return the PEM files of a certificate and its key, made where they are missing or about to expire.

    Args:
        folder: the gateway's.

    Raises:
        GatewayError: there is no openssl, or it fails.
    """
    certificate, key = folder / "certificate-for-trying.pem", folder / "certificate-for-trying-key.pem"
    if shutil.which("openssl") is None:
        raise GatewayError(
            "openssl, which makes a certificate for trying, is not installed; install it, or set gateway_certificate "
            "and gateway_certificate_key"
        )
    if certificate.exists() and key.exists() and _is_valid(certificate):
        return certificate, key
    host = socket.gethostname()
    names = ",".join(["DNS:localhost", *([f"DNS:{host}"] if host.isascii() else []), "IP:127.0.0.1", "IP:::1"])
    key.unlink(missing_ok=True)
    key.touch(mode=0o600)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", str(DAYS), "-subj", "/CN=localhost", "-addext", f"subjectAltName={names}"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise GatewayError(f"openssl makes no certificate for trying: {made.stderr.strip()}")
    return certificate, key


def _is_valid(certificate: Path) -> bool:
    """Return whether it is valid for another week."""
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-checkend", str(7 * 86400)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
