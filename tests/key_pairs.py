"""Elliptic-curve keys, as people make them with openssl."""

import subprocess
from pathlib import Path


def key_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a private key and its public key, in PEM; return their paths."""
    private, public = folder / f"{name}.pem", folder / f"{name}.public.pem"
    make = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private]
    subprocess.run(make, check=True)
    subprocess.run(["openssl", "ec", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return private, public
