"""A small folder of own words made of tones, and a network small enough to train on it in a second."""

from pathlib import Path

import numpy as np
import soundfile

TINY = [
    "data=keyword_folder",
    "trainer.max_epochs=3",
    "batch_size=8",
    "model.channels=8",
    "model.wide=8",
    "data.clip_seconds=0.3",
]


def write_tones(root: Path, words: dict[str, float], clips: int = 10, seconds: float = 0.3) -> Path:
    """Write `clips` noisy tones a word, each of about the word's frequency."""
    rng = np.random.default_rng(0)
    for word, frequency in words.items():
        (root / word).mkdir(parents=True)
        for number in range(clips):
            time = np.arange(round(seconds * 16000)) / 16000
            tone = 0.3 * np.sin(2 * np.pi * frequency * rng.uniform(0.9, 1.1) * time)
            soundfile.write(
                root / word / f"{number}.wav", tone + 0.02 * rng.standard_normal(len(time)), 16000
            )
    return root
