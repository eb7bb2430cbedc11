"""Base64 as people send it: in lines, with the URL alphabet, without padding, as a data URL (RFC 4648, RFC 2397)."""

import binascii
from urllib.parse import unquote_to_bytes

_DATA_URL = "data:"
_BASE64_MARK = ";base64"
_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")
_LINE_ENDS = b"\r\n\t"


def decode_base64(text: str) -> bytes:
    """The bytes that base64 text stands for.

    Line ends and tabs are passed over; a blank is not, since forms make one of a `+`.

    Raises:
        ValueError: it is no base64, or a data URL of another encoding.
    """
    if text[: len(_DATA_URL)].lower() == _DATA_URL:
        kind, _, text = text.partition(",")
        if not kind.lower().endswith(_BASE64_MARK):
            raise ValueError("a data URL without ;base64")
        encoded = unquote_to_bytes(text)
    else:
        encoded = text.strip().encode("ascii")
    encoded = encoded.translate(_STANDARD_ALPHABET, delete=_LINE_ENDS)
    return binascii.a2b_base64(encoded + b"=" * (-len(encoded) % 4), strict_mode=True)
