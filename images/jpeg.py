"""JPEG segments: where the first image ends, how it is coded, how it is turned.

Only the segments that its pixels depend on are passed on to the decoder. Neither metadata nor what lies behind the
image, such as the video of a motion photo, decides whether it is decoded. Sources: ITU-T T.81 annex B, EXIF 2.32.
"""

import re
import struct
from collections.abc import Iterator

from simplejpeg import decode_jpeg

from images.errors import DamagedImageError, TooComplexImageError, UnsupportedImageError
from images.guards import check_pixels
from images.ifd import EXIF_PREFIX, exif_orientation
from images.source import Source

# Each scan is a pass over all pixels. libjpeg writes 10, mozjpeg up to 13.
MAX_SCANS = 40
MAX_SEGMENTS = 10_000  # a profile of ten megabytes has 160

START, END, START_OF_SCAN, APP0, APP1, APP14, APP15, COMMENT = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
END_MARKER = b"\xff\xd9"
# A byte 0xff begins a marker unless it is stuffed (00), padding (ff), or a marker without a segment (01, d0 to d7).
_MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Baseline, extended and progressive, with Huffman or arithmetic coding.
_SUPPORTED_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
_JPEG_LS = 0xF7


def read_jpeg(data: bytes | bytearray, *, max_pixels: int) -> Source:
    """The first image of a JPEG file, without metadata.

    Raises:
        TooManyPixelsError: its width times height is above `max_pixels`.
        DamagedImageError: the image is cut short. One that lacks nothing but its end marker is given it.
        UnsupportedImageError: it is lossless, hierarchical, of 12 bits or of two components.
        TooComplexImageError: it has more scans or segments than honest files have.
    """
    view = memoryview(data)
    kept: list[memoryview | bytes] = [view[:2]]
    scans = orientation = 0
    colour_segments = {APP0, APP14}  # the first of each says what the components mean
    complete = False
    for marker, start, end, next_start in _segments(data):
        if marker == END:
            complete = True
        elif marker == START_OF_SCAN:
            scans += 1
            if scans > MAX_SCANS:
                raise TooComplexImageError(f"more than {MAX_SCANS} scans in a JPEG; expected at most {MAX_SCANS}")
            kept.append(view[start:next_start])  # with the pixels behind it
        elif marker in _FRAMES or marker == _JPEG_LS:
            _check_frame(marker, data[start + 4 : end], max_pixels=max_pixels)
            kept.append(view[start:end])
        elif APP0 <= marker <= APP15 or marker == COMMENT:
            if marker == APP1 and not orientation and data.startswith(EXIF_PREFIX, start + 4):
                orientation = exif_orientation(data[start + 4 : end])
            if marker in colour_segments:
                colour_segments.remove(marker)
                kept.append(view[start:end])
        else:
            kept.append(view[start:end])
    if not scans:
        raise DamagedImageError("a JPEG image that is cut short before its first scan; expected an intact one")
    image = b"".join([*kept, END_MARKER])
    if not complete:
        _check_all_pixels_are_there(image)
    return Source(image, orientation=orientation or 1)


def _segments(data: bytes | bytearray) -> Iterator[tuple[int, int, int, int]]:
    """Marker, start and end of each segment of the first image, and where the next marker is; the end marker is last.

    Raises:
        DamagedImageError: a segment is cut short.
        TooComplexImageError: there are more than `MAX_SEGMENTS`.
    """
    found = _MARKER.search(data, 2)
    for _ in range(MAX_SEGMENTS):
        if not found:
            return
        start, marker = found.start(), data[found.start() + 1]
        if marker == START:  # of another image, where this one lacks its end marker
            return
        end = found.end() if marker == END else _segment_end(data, found.end())
        found = None if marker == END else _MARKER.search(data, end)
        yield marker, start, end, found.start() if found else len(data)
    raise TooComplexImageError(f"more than {MAX_SEGMENTS:,} segments in a JPEG; expected an ordinary one")


def _segment_end(data: bytes | bytearray, position: int) -> int:
    """The end of a segment whose length is at `position`."""
    if position + 2 > len(data):
        raise DamagedImageError("a JPEG image that is cut short in a segment; expected an intact one")
    (length,) = struct.unpack_from(">H", data, position)
    if length < 2:
        raise DamagedImageError(f"a JPEG image with a segment of {length} bytes; expected an intact one")
    return position + int(length)


def _check_frame(marker: int, header: bytes | bytearray, *, max_pixels: int) -> None:
    """Refuse a kind of frame, by its marker and header, that libjpeg-turbo does not decode, and too many pixels."""
    if marker == _JPEG_LS:
        raise UnsupportedImageError("a JPEG-LS image came; expected a JPEG that browsers show")
    if marker not in _SUPPORTED_FRAMES:
        raise UnsupportedImageError(
            f"a lossless or hierarchical JPEG (SOF{marker - 0xC0}) came; expected a baseline or progressive one"
        )
    if len(header) < 6:
        raise DamagedImageError("a JPEG image whose frame header is cut short; expected an intact one")
    bits, height, width, components = struct.unpack_from(">BHHB", header)
    if bits != 8:
        raise UnsupportedImageError(f"a JPEG of {bits} bits came; expected one of 8 bits")
    if components not in {1, 3, 4}:
        raise UnsupportedImageError(f"a JPEG of {components} components came; expected 1, 3 or 4")
    check_pixels(width, height, limit=max_pixels)


def _check_all_pixels_are_there(image: bytes) -> None:
    """Decode an image to which the end marker was added, at the smallest scale, and look for missing data.

    Raises:
        DamagedImageError: pixels are missing, too.
    """
    try:
        decode_jpeg(image, colorspace="RGB", fastdct=True, fastupsample=True, min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        if "extraneous bytes" not in str(error):
            raise DamagedImageError(f"a JPEG image that is cut short ({error}); expected an intact one") from error
