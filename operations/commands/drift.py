"""pixserve drift: whether the images of now are answered as held-out images were."""

import time
from collections.abc import Iterable

import typer

from operations.scrape import Scrape, metrics_address
from pixserve.commands.options import target_of
from pixserve.commands.output import Row, say, show

NAMES = {"classes": "class mix", "confidence": "confidence", "margin": "top-2 margin"}
SIZES = ((0.1, "small"), (0.25, "moderate"), (float("inf"), "large"))  # customary bounds of the index
PSI, LIMIT = "pixserve_drift_psi", "pixserve_drift_psi_limit"
IMAGES, END = "pixserve_drift_window_images", "pixserve_drift_window_end_time_seconds"
COUNTED = "pixserve_predictions_total"


def drift(context: typer.Context) -> None:
    """Say whether the images of now are answered as held-out images were. JSON in a pipe.

    \b
    pixserve drift
    """
    with target_of(context).connect() as connection:
        address = metrics_address(connection.endpoints)
    scrape = Scrape.of_address(address)
    show(drift_rows(scrape), as_json=False)
    for sentence in sentences(scrape):
        say(sentence)


def drift_rows(scrape: Scrape) -> list[Row]:
    """Return a row for each version and statistic of which a window has ended."""
    return [
        {
            "model": model,
            "version": version,
            "statistic": name,
            "images": round(images),
            "psi": round(psi, 4),
            "limit": round(limit, 4),
            "differs": psi > limit,
        }
        for model, version in scrape.versions()
        for name, images, psi, limit in _windows(scrape, model, version)
    ]


def sentences(scrape: Scrape) -> list[str]:
    """Return a sentence on each version."""
    return [f"{model} {version}: {_finding(scrape, model, version)}" for model, version in scrape.versions()]


def _finding(scrape: Scrape, model: str, version: str) -> str:
    of = {"model": model, "version": version}
    windows = list(_windows(scrape, model, version))
    if not windows:
        if not scrape.by(COUNTED, "class", **of):
            return "its archive has no reference; `python train.py drift` measures one, `python archive.py` packs it"
        return f"{scrape.sum(COUNTED, **of):,.0f} images are too few to compare"
    until = time.strftime("%H:%M", time.localtime(scrape.sum(END, **of)))
    last = f"the last {windows[0][1]:,.0f} images, until {until},"
    shifts = [f"{name} (a {_size(psi)} shift)" for name, _, psi, limit in windows if psi > limit]
    if not shifts:
        return f"{last} are answered as held-out images were"
    return f"{last} differ from held-out images in {_listed(shifts)}"


def _windows(scrape: Scrape, model: str, version: str) -> Iterable[tuple[str, float, float, float]]:
    """Name, images, index and limit of each statistic."""
    of = {"model": model, "version": version}
    indexes, limits = (scrape.by(metric, "statistic", **of) for metric in (PSI, LIMIT))
    return [(NAMES[key], scrape.sum(IMAGES, **of), indexes[key], limits[key]) for key in NAMES if key in indexes]


def _size(psi: float) -> str:
    return next(size for bound, size in SIZES if psi < bound)


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
