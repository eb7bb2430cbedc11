"""Damage done to files at random, reproducibly."""

import random


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The file cut short, or with some bytes changed, moved or doubled, mostly in its header."""
    kind = chance.random()
    if kind < 0.2:
        return data[: chance.randrange(3, len(data))]
    if kind < 0.3:
        start = chance.randrange(len(data))
        piece = data[start : start + chance.randrange(1, 400)]
        place = chance.randrange(len(data))
        return data[:place] + piece + data[place + chance.choice((0, len(piece))) :]
    broken = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        reach = len(data) if chance.random() < 0.4 else min(len(data), 200)
        broken[chance.randrange(2, reach)] = chance.choice((0, 1, 127, 255, chance.randrange(256)))
    return bytes(broken)
