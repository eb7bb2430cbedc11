"""Near-duplicates across a split: an image that is nearly one of the training images says nothing about new ones.

Two images count as such where the perceptual hashes (pHash: the signs of the lowest frequencies of a discrete cosine
transform, 64 bits, package imagehash) differ in at most four of them.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.survey import Survey

MAX_BITS = 4  # of 64; a copy that was scaled or saved again differs in 0 to 2
CHUNK = 1024
NAMED = 3


def near_duplicates(held: Survey, train: Survey) -> list[tuple[Path, Path]]:
    """Pairs of an image that is held out and the training image most like it, where they are nearly the same."""
    rows, held_rows = train.intact, held.intact
    if not len(rows) or not len(held_rows):
        return []
    known, pairs = train.perceptual[rows], []
    for start in range(0, len(held_rows), CHUNK):
        part = held_rows[start : start + CHUNK]
        best, bits = _nearest(held.perceptual[part], known)
        for index in np.flatnonzero(bits <= MAX_BITS):
            pairs.append((held.paths[part[index]], train.paths[rows[best[index]]]))
    return pairs


def _nearest(hashes: NDArray[np.uint64], known: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """The index of the nearest known hash of each, and in how many bits it differs."""
    best, least = np.zeros(len(hashes), np.intp), np.full(len(hashes), 255, np.uint8)
    for start in range(0, len(known), CHUNK):
        bits = np.bitwise_count(hashes[:, None] ^ known[None, start : start + CHUNK])
        index = bits.argmin(axis=1)
        found = bits[np.arange(len(hashes)), index]
        better = found < least
        best[better], least[better] = start + index[better], found[better]
    return best, least


def remark(pairs: list[tuple[Path, Path]], *, held: str) -> str | None:
    """A sentence for the user; None where there are no pairs."""
    if not pairs:
        return None
    named = "; ".join(f"{one} and {other}" for one, other in pairs[:NAMED])
    return (
        f"{len(pairs)} {held} images are nearly the same as a training image, so what they add to the accuracy says "
        f"nothing about new ones: {named}{'; …' if len(pairs) > NAMED else ''}"
    )
