"""GIF blocks: the first frame, without comments, application data and later frames. Source: GIF89a, CompuServe 1990."""

from images.errors import DamagedImageError
from images.source import Source

_SCREEN_END = 13  # header and logical screen descriptor
_FRAME_BYTES = 10  # an image descriptor
_EXTENSION, _FRAME, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL = 0xF9  # which colour is transparent


def read_gif(data: bytes | bytearray, *, max_pixels: int) -> Source:
    """The first frame of a GIF file as a file of its own.

    Raises:
        DamagedImageError: there is no frame.
    """
    if len(data) < _SCREEN_END:
        raise DamagedImageError("a GIF image that is cut short in its header; expected an intact one")
    start = _SCREEN_END + _colour_table_bytes(data[10])
    kept = [data[:start]]
    while data[start : start + 1] == bytes([_EXTENSION]):
        end = _sub_blocks_end(data, start + 2)
        if data[start + 1] == _GRAPHIC_CONTROL:
            kept.append(data[start:end])
        start = end
    if len(data) < start + _FRAME_BYTES or data[start] != _FRAME:
        raise DamagedImageError("a GIF image without a frame; expected an intact one")
    code_size = start + _FRAME_BYTES + _colour_table_bytes(data[start + 9])
    kept += [data[start : _sub_blocks_end(data, code_size + 1)], bytes([_TRAILER])]
    return Source(b"".join(kept))


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _sub_blocks_end(data: bytes | bytearray, position: int) -> int:
    """The end of a run of sub-blocks, each a length and as many bytes; one without bytes is the last."""
    while position < len(data):
        length = data[position]
        position += 1 + length
        if not length:
            break
    return position
