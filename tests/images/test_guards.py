"""Files made to harm the worker cost it nothing; time is bounded by what is read, never by a clock in a test."""

import logging
import random
import re
from contextlib import suppress
from typing import Any

import pytest
from PIL import Image, ImageFile

from images import guards
from images.decode import decode_image
from images.errors import ImageError
from images.tiff import read_tiff
from tests import sample_pictures as samples
from tests.mutations import mutated
from tests.sample_pictures import encoded


def refusal(data: bytes, *, max_pixels: int = 25_000_000) -> str:
    with pytest.raises(ImageError) as caught:
        decode_image(data, image_size=32, max_pixels=max_pixels)
    return type(caught.value).__name__


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails a test in which pixels are decoded."""
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("pixels were decoded"))


@pytest.mark.usefixtures("no_decoding")
@pytest.mark.parametrize("size", [(6000, 5000), (60_000, 60_000), (2_000_000_000, 2)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    assert refusal(samples.png_bomb(*size)) == "TooManyPixelsError"


@pytest.mark.usefixtures("no_decoding")
@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp", "avif", "bmp", "tiff"])
def test_pixels_are_counted_in_every_kind(kind: str) -> None:
    data = samples.every_kind(samples.plain(size=(100, 100)))[kind]
    assert refusal(data, max_pixels=9_999) == "TooManyPixelsError"


@pytest.mark.usefixtures("no_decoding")
def test_pixels_of_a_heic_are_counted() -> None:
    assert refusal(samples.heic("81-megapixels")) == "TooManyPixelsError"


@pytest.mark.usefixtures("no_decoding")
@pytest.mark.parametrize("options", [{}, {"save_all": True, "append_images": [samples.plain(size=(300, 200))]}])
def test_pixels_of_an_avif_are_those_of_its_frames_not_of_its_header(options: dict[str, Any]) -> None:
    data = encoded(samples.plain(size=(300, 200)), "AVIF", **options)
    assert refusal(samples.with_declared_size(data, 64, 64), max_pixels=59_999) == "TooManyPixelsError"


def test_a_heic_whose_frame_is_larger_than_its_header_says_is_not_decoded() -> None:
    assert refusal(samples.with_declared_size(samples.heic("81-megapixels"), 64, 64)) == "DamagedImageError"


def test_as_many_pixels_as_allowed_are_taken() -> None:
    data = encoded(samples.plain(size=(100, 100)), "PNG")
    assert len(decode_image(data, image_size=32, max_pixels=10_000)) == 32


@pytest.mark.usefixtures("no_decoding")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(samples.jpeg_of_scans(100), id="scans"),
        pytest.param(samples.jpeg_of_exif(20_000), id="segments"),
        pytest.param(samples.tiff_of_tags((273, 4, 1_000_000, 134)), id="strips"),
        pytest.param(samples.tiff_of_tags((273, 4, 1, 134), (282, 5, 1_000_000, 134)), id="rationals"),
    ],
)
def test_more_pieces_than_any_honest_image_has_are_refused(data: bytes) -> None:
    assert refusal(data) == "TooComplexImageError"


def test_numbers_in_a_sub_directory_are_counted_too() -> None:
    inner = samples.tiff_of_tags((273, 4, 1, 134), (282, 5, 1_000_000, 134))[8:]
    start = samples.tiff_of_tags((273, 4, 1, 134), (0x8769, 4, 1, 2000))
    assert refusal(start[:2000] + inner) == "TooComplexImageError"


def test_numbers_that_lie_beyond_the_end_of_the_file_are_not_counted() -> None:
    claim = (65_000, 5, 1_000_000_000, 134)
    data = samples.tiff_of_tags((273, 4, 1, 200), (279, 4, 1, 4096), claim, data_bytes=8192)
    assert len(decode_image(data, image_size=32, max_pixels=10_000)) == 32


def test_directories_that_point_at_themselves_end() -> None:
    data = samples.tiff_of_tags((273, 4, 1, 134), (0x8769, 4, 1, 8))
    read_tiff(data, max_pixels=10_000)


def test_a_tile_larger_than_its_image_counts_as_pixels() -> None:
    tiles = [(322, 4, 1, 60_000), (323, 4, 1, 60_000), (324, 4, 1, 200), (325, 4, 1, 4096)]
    assert refusal(samples.tiff_of_tags(*tiles)) == "TooManyPixelsError"


def test_a_run_length_bmp_has_a_limit_of_its_own() -> None:
    assert refusal(samples.run_length_bmp(25_000_000, 1)) == "TooManyPixelsError"
    assert len(decode_image(samples.run_length_bmp(40, 40), image_size=32, max_pixels=25_000_000)) == 32


def test_a_header_of_endless_pieces_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "MAX_READ_CPU_S", 0.01)
    assert refusal(samples.png_of_tiny_chunks(20_000)) == "TooComplexImageError"


def test_an_honest_large_image_is_read_within_its_time() -> None:
    noise = Image.effect_noise((1000, 1000), 100)
    assert len(encoded(noise, "PNG")) > guards.METERED_BYTES
    assert len(decode_image(encoded(noise, "PNG"), image_size=32, max_pixels=1_000_000)) == 32


@pytest.mark.parametrize(("cpu_s", "allowed"), [(0.9, True), (4.0, True), (6.0, False)])
def test_a_large_image_has_the_time_that_its_bytes_and_pixels_take(
    cpu_s: float, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred megabytes of fifty megapixels, as a camera's PNG: 1 + 2 + 1 seconds."""
    clock = [0.0]
    monkeypatch.setattr(guards.time, "thread_time", lambda: clock[0])
    file = guards.MeteredBytes(bytes(100_000_000))
    file.allow_pixels(50_000_000)
    clock[0] = cpu_s
    if allowed:
        assert file.read(3) == bytes(3)
    else:
        with pytest.raises(ImageError):
            file.read(3)


def test_libtiff_writes_nothing_to_the_error_stream(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(samples.every_kind(samples.cat())["fax tiff"])
    data[20:200] = bytes(180)
    with suppress(ImageError):
        decode_image(data, image_size=32, max_pixels=10_000)
    assert capfd.readouterr().err == ""


def outcome(data: bytes) -> str:
    """The message of an error, or nothing for an image that decoded nevertheless."""
    try:
        assert len(decode_image(data, image_size=32, max_pixels=1_000_000)) == 32
    except ImageError as error:
        return error.message
    return ""


@pytest.mark.parametrize("kind", samples.every_kind(samples.plain()))
def test_damage_of_any_sort_raises_nothing_but_an_image_error(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    data, chance = samples.every_kind(samples.cat())[kind], random.Random(kind)
    messages = [outcome(mutated(data, chance)) for _ in range(60)]
    assert any(messages)
    assert not [message for message in messages if re.search(r"0x[0-9a-f]{6}", message)]  # no Python address
    assert not [record for record in caplog.records if record.name == "images.decode"]


def test_damage_to_a_heic_raises_nothing_but_an_image_error(caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random("heic")
    messages = [outcome(mutated(samples.heic(name), chance)) for name in ("cat", "alpha") for _ in range(200)]
    assert {"", *messages} > {""}
    assert not caplog.records


def test_an_exception_nobody_expects_is_logged_and_answered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(image: ImageFile.ImageFile) -> None:
        raise ZeroDivisionError("in a plug-in")

    monkeypatch.setattr(ImageFile.ImageFile, "load", explode)
    assert refusal(encoded(samples.plain(), "PNG")) == "DamagedImageError"
    assert caplog.records[0].levelno == logging.WARNING
    assert caplog.records[0].exc_info
