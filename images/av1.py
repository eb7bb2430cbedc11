"""The frame size in AV1 sequence headers: what a decoder will allocate, whatever the file around them says.

Source: AV1 Bitstream & Decoding Process Specification (2019-01-08), sections 5.3, 5.5, 4.10.
"""

from collections.abc import Iterator

from images.errors import DamagedImageError

_SEQUENCE_HEADER = 1  # obu_type
_BITS_READ = 1200  # of a header; 32 operating points with all their models take fewer


def frame_sizes(stream: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """Width and height (pixels) of the largest frame that each sequence header of a stream of OBUs allows.

    Raises:
        DamagedImageError: the stream is cut short or its units have no sizes.
    """
    position = 0
    while position < len(stream):
        header = stream[position]
        position += 2 if header & 0b100 else 1  # an extension of one byte
        if header & 0b10:
            length, position = _leb128(stream, position)
        else:  # allowed for the last unit alone
            length = len(stream) - position
        if position + length > len(stream):
            raise DamagedImageError("an AVIF image that is cut short in its AV1 stream; expected an intact one")
        if header >> 3 & 0b1111 == _SEQUENCE_HEADER:
            yield _sequence_frame_size(bytes(stream[position : position + length]))
        position += length


def _leb128(stream: bytes | bytearray, position: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(stream[position : position + 8]):
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, position + index + 1
    raise DamagedImageError("an AVIF image whose AV1 stream has a unit without a size; expected an intact one")


class _Bits:
    """Reads bits from the left; beyond the end come zeros, which a decoder refuses by itself."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[: _BITS_READ // 8].ljust(_BITS_READ // 8, b"\0"))
        self._left = _BITS_READ

    def __call__(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise DamagedImageError("an AVIF image whose AV1 sequence header does not end; expected an intact one")
        return self._value >> self._left & ((1 << count) - 1)

    def variable(self) -> int:
        """An uvlc() number; only its length matters here."""
        zeros = 0
        while not self(1) and zeros < 32:
            zeros += 1
        return self(zeros) if zeros < 32 else 0


def _sequence_frame_size(header: bytes) -> tuple[int, int]:
    bits = _Bits(header)
    bits(3 + 1)  # seq_profile, still_picture
    if bits(1):  # reduced_still_picture_header
        bits(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits(4) + 1, bits(4) + 1
    return bits(width_bits) + 1, bits(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits(1):  # timing_info_present_flag
        bits(32 + 32)
        if bits(1):
            bits.variable()
        if bits(1):  # decoder_model_info_present_flag
            delay_bits = bits(5) + 1
            bits(32 + 5 + 5)
    has_display_delay = bits(1)
    for _ in range(bits(5) + 1):
        bits(12)
        if bits(5) > 7:
            bits(1)
        if delay_bits and bits(1):
            bits(2 * delay_bits + 1)
        if has_display_delay and bits(1):
            bits(4)
