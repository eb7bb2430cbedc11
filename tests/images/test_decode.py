"""Every kind of image becomes the same square of RGB pixels."""

import struct

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from images import decode
from images.decode import decode_image
from images.errors import DamagedImageError, EmptyImageError, ImageError, NotAnImageError, UnsupportedImageError
from tests import sample_pictures as samples
from tests.sample_pictures import BLUE, GREEN, RED, WHITE, encoded

SIZE = 32


def pixels(data: bytes, *, size: int = SIZE) -> npt.NDArray[np.int16]:
    return decode_image(data, image_size=size, max_pixels=25_000_000).astype(np.int16)


def corners(data: bytes) -> list[tuple[int, ...]]:
    """Colours within the four quadrants, from the upper left, as pure ones."""
    array = pixels(data)
    spots = [array[y, x] for y in (4, -5) for x in (4, -5)]
    return [tuple(int(value > 127) * 255 for value in spot) for spot in spots]


def refusal(data: bytes) -> tuple[type[ImageError], str]:
    with pytest.raises(ImageError) as caught:
        pixels(data)
    return type(caught.value), caught.value.message


@pytest.mark.parametrize("kind", samples.every_kind(samples.plain()))
def test_every_kind_decodes_to_the_colours_it_shows(kind: str) -> None:
    array = pixels(samples.every_kind(samples.plain((200, 200, 200)))[kind])
    tolerance = 60 if "one-bit" in kind or "fax" in kind else 4  # these have no grey, but a pattern
    assert np.abs(array.mean(axis=(0, 1)) - 200).max() <= tolerance


@pytest.mark.parametrize("kind", ["jpeg", "cmyk jpeg", "png", "palette png", "gif", "webp", "bmp", "tiff", "jpeg tiff"])
def test_colours_keep_their_places_and_order(kind: str) -> None:
    assert corners(samples.every_kind(samples.quadrants())[kind]) == [RED, GREEN, BLUE, WHITE]


def test_an_image_of_the_right_size_is_taken_as_it_is() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    assert (pixels(encoded(Image.fromarray(noise), "PNG")) == noise).all()


@pytest.mark.parametrize(("size", "seen"), [((96, 32), GREEN), ((32, 96), GREEN), ((960, 320), GREEN)])
def test_the_central_square_is_seen(size: tuple[int, int], seen: tuple[int, ...]) -> None:
    image, side = samples.plain(RED, size=size), min(size)
    image.paste(seen, ((size[0] - side) // 2, (size[1] - side) // 2, (size[0] + side) // 2, (size[1] + side) // 2))
    assert (pixels(encoded(image, "PNG")) == seen).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3), (33, 31), (3000, 31)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_any_size_and_aspect_is_taken(size: tuple[int, int], kind: str) -> None:
    assert np.abs(pixels(encoded(samples.plain(WHITE, size=size), kind)) - 255).max() <= 1


def test_a_fine_pattern_is_averaged_not_sampled() -> None:
    checks = np.indices((512, 512)).sum(axis=0) % 2 * 255
    assert np.abs(pixels(encoded(Image.fromarray(checks.astype(np.uint8)), "PNG")) - 127.5).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(orientation: int, kind: str) -> None:
    turned_back = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = samples.quadrants()
    if turned_back is not None:
        stored = stored.transpose(turned_back)
    assert corners(encoded(stored, kind, exif=samples.exif(orientation))) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(
    "tags", [b"", b"II", b"garbage!", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff\x12\x01"]
)
def test_unreadable_exif_leaves_an_image_as_it_is(tags: bytes) -> None:
    assert corners(encoded(samples.quadrants(), "PNG", exif=b"Exif\0\0" + tags)) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_shown_over_white(kind: str) -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    assert (pixels(encoded(image, kind)) == 255).all()


def test_half_transparent_red_is_pink() -> None:
    assert (
        np.abs(pixels(encoded(Image.new("RGBA", (40, 40), (255, 0, 0, 128)), "PNG"))[5, 5] - (255, 127, 127)).max() <= 1
    )


@pytest.mark.parametrize("size", [32, 50])
@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_colour_is_white(kind: str, size: int) -> None:
    image = Image.new("P", (size, size), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    assert (pixels(encoded(image, kind, transparency=1)) == 255).all()
    assert (pixels(encoded(image, kind)) == RED).all()


def test_a_transparent_rgb_colour_is_white() -> None:
    assert (pixels(encoded(samples.plain(RED, size=(32, 32)), "PNG", transparency=RED)) == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, SIZE).astype(np.uint16), (SIZE, 1))
    assert np.abs(pixels(encoded(Image.fromarray(ramp), kind))[0, :, 0] - np.linspace(0, 255, SIZE)).max() <= 1


def test_sixteen_bits_in_the_other_byte_order_are_scaled_too() -> None:
    image = Image.frombytes("I;16B", (40, 40), struct.pack(">H", 0x8000) * 1600)
    assert np.abs(pixels(encoded(image, "TIFF")) - 128).max() <= 1


def test_samples_of_no_known_range_are_refused() -> None:
    assert refusal(encoded(Image.new("F", (40, 40)), "TIFF"))[0] is UnsupportedImageError


def test_the_first_frame_of_an_animation_is_seen() -> None:
    rest = [samples.plain(GREEN), samples.plain(BLUE)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        animation = encoded(samples.plain(RED), kind, save_all=True, append_images=rest)
        assert np.abs(pixels(animation)[16, 16] - RED).max() <= 8, kind


def test_a_twelve_megapixel_jpeg_is_decoded_at_an_eighth(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    crop = decode.central_square
    monkeypatch.setattr(decode, "central_square", lambda image: decoded.append(image.size) or crop(image))
    pixels(encoded(samples.plain(size=(4000, 3000)), "JPEG"))
    assert decoded == [(500, 375)]


@pytest.mark.parametrize("size", [SIZE, 224])
def test_the_network_decides_the_size(size: int) -> None:
    assert pixels(samples.jpeg(), size=size).shape == (size, size, 3)


@pytest.mark.parametrize("kind", samples.every_kind(samples.plain()))
def test_a_truncated_image_is_damaged(kind: str) -> None:
    data = samples.every_kind(samples.cat())[kind]
    assert refusal(data[: len(data) // 2])[0] is DamagedImageError


@pytest.mark.parametrize("data", [b"hello", b"\0" * 100, b"<!DOCTYPE html>", b"RIFF\0\0\0\0WAVEfmt ", b"G"])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    kind, message = refusal(data)
    assert kind is NotAnImageError
    assert "expected JPEG, PNG" in message


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"%PDF-1.7", "PDF"), (b"<svg xmlns=", "SVG"), (b"\0\0\0\x1cftypisom", "video"), (b"II+\0\x08\0", "BigTIFF")],
)
def test_an_unsupported_kind_is_refused_by_its_name(data: bytes, name: str) -> None:
    kind, message = refusal(data)
    assert kind is UnsupportedImageError
    assert name in message


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0*"])
def test_an_image_of_nothing_but_its_first_bytes_is_damaged(start: bytes) -> None:
    kind, message = refusal(start)
    assert kind is DamagedImageError
    assert "0x" not in message  # no address of a Python object


def test_no_bytes_at_all_are_refused_as_such() -> None:
    assert refusal(b"")[0] is EmptyImageError
