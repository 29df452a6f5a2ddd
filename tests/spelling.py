"""Small corpora of sentences spelled in tones, one a letter, and a network small enough to learn them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from speechsrt import config
from speechsrt.commands import train
from speechsrt.errors import UserError

LETTERS = {"a": 400.0, "b": 900.0, "c": 1700.0, "d": 3000.0}
LETTER_SECONDS = 0.1
TINY_NET = [
    "batch_seconds=20",
    "model.channels=[16]",
    "model.kernels=[11]",
    "model.sub_blocks=1",
    "model.first=16",
    "model.first_kernel=11",
    "model.wide=16",
    "model.wide_kernel=11",
    "model.last=32",
]
TINY_GRU = [
    "batch_seconds=20",
    "model.conv_channels=[4,4]",
    "model.conv_kernels=[[5,5],[3,3]]",
    "model.hidden=[8,8,8]",
    "model.last=16",
]
FIVE_BLOCKS = ["model.channels=[16,16,16,16,16]", "model.kernels=[5,5,5,5,5]"]
"""As many blocks as the experiments name, for a tiny net."""
TINY_CTC = [
    "model=quartznet_small",
    "data=manifest",
    "trainer.max_epochs=3",
    "optim.lr=0.05",
    "schedule.warmup_steps=10",
    "augment=none",
    *TINY_NET,
]
SAYING = "the wind and the sea are heard at dawn on a raised road where he who rows has less to say"
PARTS = {
    "train-clean-100": (103, 1034),
    "train-clean-360": (14, 16),
    "train-other-500": (20, 25),
    "dev-clean": (84, 652, 1272),
    "dev-other": (116, 700),
    "test-clean": (61, 1089),
    "test-other": (367, 533),
}
"""Parts of LibriSpeech with some speakers, among them those that ``librispeech_mini`` holds out."""


def spoken(text: str, rng: np.random.Generator, sample_rate: int = 16000) -> np.ndarray:
    """Return ``(samples,)``: a tone a letter, fading in and out; a space is silence."""
    samples = round(LETTER_SECONDS * sample_rate)
    time = np.arange(samples) / sample_rate
    shape = np.sin(np.pi * np.arange(samples) / samples) ** 0.5
    tones = [0.3 * shape * np.sin(2 * np.pi * LETTERS.get(letter, 0.0) * time) for letter in text]
    sound = np.concatenate(tones) if tones else np.zeros(0)
    return (sound + 0.003 * rng.standard_normal(len(sound))).astype(np.float32)


def sentence(rng: np.random.Generator, words: int) -> str:
    """Return words of one to four letters."""
    return " ".join("".join(rng.choice(list(LETTERS), rng.integers(1, 5))) for _ in range(words))


def saying(rng: np.random.Generator, words: int) -> str:
    """Return English words."""
    return " ".join(rng.choice(SAYING.split(), words))


def write_spelling(root: Path, count: int = 90, speakers: int = 9, seed: int = 0) -> Path:
    """Write `count` utterances of some speakers and their manifest; return the manifest's path."""
    rng = np.random.default_rng(seed)
    root.mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(count):
        text = sentence(rng, 1 + number % 6)
        sound = spoken(text, rng)
        soundfile.write(root / f"{number}.wav", sound, 16000)
        lines.append(
            {
                "audio_filepath": f"{number}.wav",
                "duration": len(sound) / 16000,
                "text": text,
                "speaker": f"speaker{number % speakers}",
            }
        )
    manifest = root / "all.json"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return manifest


def write_librispeech(data_root: Path, utterances: int = 3) -> None:
    """Write a few short utterances a speaker into every part of a LibriSpeech."""
    rng = np.random.default_rng(0)
    for part, speakers in PARTS.items():
        for speaker in speakers:
            chapter = data_root / "LibriSpeech" / part / str(speaker) / "7"
            chapter.mkdir(parents=True)
            lines = []
            for number in range(utterances):
                name, text = f"{speaker}-7-{number:04d}", saying(rng, 3 + number)
                soundfile.write(chapter / f"{name}.flac", spoken(text, rng), 16000)
                lines.append(f"{name} {text.upper()}\n")
            (chapter / f"{speaker}-7.trans.txt").write_text("".join(lines))


def fitted(manifest: Path, folder: Path, *more: str) -> dict[str, Any]:
    """Train the small network on a manifest into a run folder; return its metrics."""
    overrides = [*TINY_CTC, f"data.path={manifest}", f"run_dir={folder}", *more]
    return train.run(config.load(overrides))


def refused(verb: Any, *overrides: str) -> str:
    """Run a verb that must refuse; return what it says."""
    with pytest.raises(UserError) as caught:
        verb.run(config.load(overrides))
    return str(caught.value)
