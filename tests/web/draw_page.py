"""Draws docs/pictures/page-*.png again from a running server: `python -m tests.web.draw_page [URL]`.

Needs Chromium, and the CIFAR-10 images in data/ for the contact sheet; without them it draws the cat alone.
"""

import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from serving.settings import PROJECT
from tests.conftest import CAT
from tests.web.browser import PHONE, choose, chromium, chromium_path

FOLDER = PROJECT / "docs" / "pictures"
COLOURS = 208  # of the palette: a third of the bytes
DESK = {"viewport": {"width": 1120, "height": 740}}
LOOKS: dict[str, dict[str, Any]] = {
    "page-light": DESK | {"color_scheme": "light"},
    "page-dark": DESK | {"color_scheme": "dark"},
    "page-phone": PHONE | {"color_scheme": "light"},
}


def main(url: str) -> None:
    path = chromium_path()
    if path is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    FOLDER.mkdir(exist_ok=True)
    with chromium(path) as browser:
        for name, look in LOOKS.items():
            save(draw(browser, url, look), FOLDER / f"{name}.png")


def draw(browser: Browser, url: str, look: dict[str, Any]) -> bytes:
    """The page with a cat, its heat map and some questions before it, as a PNG."""
    page = browser.new_page(reduced_motion="reduce", **look)
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    for picture in [*others(), PROJECT / "pyproject.toml", CAT]:
        ask(page, picture)
    expect(page.locator("#answer")).to_have_attribute("data-state", "answered")
    if "is_mobile" not in look and page.locator("#explain").is_visible():
        page.locator("#explain").click()
        expect(page.locator("#heat canvas")).to_be_visible(timeout=180_000)
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    return page.screenshot(full_page="is_mobile" not in look)


def others() -> list[Path]:
    """One test image of each of some classes."""
    return [next(iter(sorted(folder.iterdir()))) for folder in sorted((PROJECT / "data" / "test").glob("*"))[2:8]]


def ask(page: Page, picture: Path) -> None:
    before = page.locator("#frames li").count()
    choose(page, picture)
    expect(page.locator("#frames li")).to_have_count(before + 1)
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false", timeout=30_000)


def save(png: bytes, path: Path) -> None:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    palette = picture.quantize(COLOURS, kmeans=4)
    picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
    print(f"{path.relative_to(PROJECT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
