"""Choices that stay the same on every machine, in every year: fractions, seeds and splits out of SHA-256."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping

LEAST = 3
"""Fewer things than splits cannot be dealt out to all of them."""


def stable_integer(*parts: object) -> int:
    """A whole number below 2**64 that depends on nothing but the parts."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:8])


def stable_fraction(*parts: object) -> float:
    """A number in [0, 1), even over many parts."""
    return (stable_integer(*parts) >> 11) / 2**53


def assign(keys: Iterable[str], fractions: Mapping[str, float]) -> dict[str, str]:
    """A split for every key, by its hash alone; but with three keys or more no split stays empty.

    An empty split gets the key that is nearest to it in the order of the hashes and can be spared elsewhere.
    """
    ordered = sorted(set(keys), key=stable_fraction)
    chosen = {key: _by_fraction(stable_fraction(key), fractions) for key in ordered}
    if len(ordered) < LEAST:
        return dict.fromkeys(ordered, "train")
    for split, order in (("test", ordered), ("validation", ordered), ("train", ordered[::-1])):
        sizes = Counter(chosen.values())
        if not sizes[split]:
            chosen[next(key for key in order if sizes[chosen[key]] > 1)] = split
    return chosen


def _by_fraction(draw: float, fractions: Mapping[str, float]) -> str:
    if draw < fractions["test"]:
        return "test"
    return "validation" if draw < fractions["test"] + fractions["validation"] else "train"
