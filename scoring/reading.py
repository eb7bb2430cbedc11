"""The bytes of one image, from wherever they are."""

import errno
import os
import stat

from handler.values import too_many_bytes
from scoring.chunks import Span


def read_image(where: str | Span | bytes, *, max_bytes: int) -> bytes:
    """The bytes of an image; of one that is too large only its size is looked at.

    Raises:
        TooManyBytesError: it has more than `max_bytes`.
        OSError: there is no such file, or it cannot be read.
    """
    if isinstance(where, bytes):
        return where
    path, offset, size = where if isinstance(where, Span) else (where, 0, None)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe without a writer would block for ever
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", path)
        size = status.st_size if size is None else size
        if size > max_bytes:
            raise too_many_bytes(size, max_bytes)
        return os.pread(descriptor, size, offset)
    finally:
        os.close(descriptor)
