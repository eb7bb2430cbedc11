"""Odd but valid HEIC and AVIF files."""

from collections.abc import Iterator

from PIL import Image

from tests.odd_images.scene import FILM, NOTES, SIDE
from tests.sample_pictures import encoded, exif, heic, quadrants


def heics() -> Iterator[tuple[str, bytes]]:
    yield "heic", heic("quadrants")
    yield "heic and a film", heic("quadrants") + FILM
    for turned in (3, 6, 8):  # in the container (irot) and in EXIF, as phones write them: one turn, not two
        yield f"heic turned {turned}", heic(f"turned-{turned}")
    general = heic("quadrants")
    yield "heic of the general brand", general[:8] + b"mif1" + general[12:]


def avifs() -> Iterator[tuple[str, bytes]]:
    image = quadrants(SIDE)
    best = {"quality": 95, "subsampling": "4:4:4"}
    avif = encoded(image, "AVIF", **best)
    yield "avif", avif
    yield "avif and a film", avif + FILM
    yield "avif of the general brand", avif[:8] + b"mif1" + avif[12:]
    yield "avif with a profile and notes of 3 MB", encoded(image, "AVIF", icc_profile=NOTES, xmp=NOTES, **best)
    yield "avif in tiles", encoded(image, "AVIF", tile_rows=1, tile_cols=1, autotiling=False, **best)
    frames = [Image.new("RGB", (SIDE, SIDE))] * 2
    yield "avif animation", encoded(image, "AVIF", save_all=True, append_images=frames, **best)
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    for orientation, transpose in back.items():
        yield f"avif turned {orientation}", encoded(image.transpose(transpose), "AVIF", exif=exif(orientation), **best)
