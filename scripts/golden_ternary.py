"""Write ``tests/golden/ternary.json``: what every generator must draw, here and in any other language.

usage: python scripts/golden_ternary.py

Run it only together with a new version number of the generators: a stored model names the version it was made
with, and its matrices must never change under it.
"""

import hashlib
import json
from pathlib import Path

from speechsrt.pointwise.generators import GENERATORS, VERSION, layer_seed

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "ternary.json"
SHAPES = [
    (1, 1),
    (1, 9),
    (9, 1),
    (4, 8),
    (8, 4),
    (64, 64),
    (64, 128),
    (128, 64),
    (80, 48),
    (37, 100),
    (112, 112),
]
DENSITIES = [0.1, 0.3, 0.5, 1.0]
SEEDS = [0, 1, layer_seed(0, "block1.0")]
SYMBOLS = {-1: "-", 0: "0", 1: "+"}


def case(generator: str, seed: int, outs: int, ins: int, density: float) -> dict[str, object]:
    """Return the arguments of one matrix, the SHA-256 of its int8 bytes row by row, and its first row."""
    matrix = GENERATORS[generator](seed, outs, ins, density)
    row = "".join(SYMBOLS[int(entry)] for entry in matrix[0])
    digest = hashlib.sha256(matrix.tobytes()).hexdigest()
    return {
        "generator": generator,
        "seed": str(seed),
        "out": outs,
        "in": ins,
        "density": density,
        "sha256": digest,
        "row": row,
    }


def main() -> None:
    """Write the file, one case a line."""
    cases = [
        case(generator, SEEDS[(number + turn) % len(SEEDS)], outs, ins, density)
        for generator in GENERATORS
        for number, (outs, ins) in enumerate(SHAPES)
        for turn, density in enumerate(DENSITIES)
        if density * ins >= 0.5
    ]
    lines = ",\n".join(json.dumps(one) for one in cases)
    GOLDEN.write_text(f'{{"version": {VERSION}, "cases": [\n{lines}\n]}}\n')
    print(f"{GOLDEN}: {len(cases)} matrices of version {VERSION}")


if __name__ == "__main__":
    main()
