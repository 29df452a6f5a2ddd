from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.audio.files import probe, read
from speechsrt.corpora.synthetic import Synthetic, coloured_noise
from speechsrt.corpora.takes import deal_voices
from speechsrt.errors import UserError

SMALL: dict[str, Any] = {"name": "synthetic", "clips_per_word": 4, "held_out_clips_per_word": 2}


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("espeakng_loader")
    root = tmp_path_factory.mktemp("data")
    Synthetic(words=["yes", "no"], **SMALL).load(root)
    return root


def bytes_below(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.wav"))}


def test_splits_words_and_voices(data_root: Path):
    contents = Synthetic(words=["yes", "no"], **SMALL).load(data_root)
    assert contents.labels == ("no", "yes")
    assert {split: len(clips) for split, clips in contents.splits.items()} == {
        "train": 8,
        "validation": 4,
        "test": 4,
    }
    voices = [{clip.speaker for clip in clips} for clips in contents.splits.values()]
    assert len(set().union(*voices)) == sum(map(len, voices))
    assert "espeak-ng" in contents.notes[0]


def test_clips_are_sixteen_bit_mono_of_the_right_length_and_never_clipped(data_root: Path):
    for clip in Synthetic(words=["yes", "no"], **SMALL).load(data_root).splits["train"]:
        assert (probe(clip.path).duration, probe(clip.path).sample_rate, probe(clip.path).channels) == (
            1.0,
            16000,
            1,
        )
        assert 0.09 < np.abs(read(clip.path, 16000)).max() < 0.9


def test_the_same_settings_give_the_same_bits_in_any_place(data_root: Path, tmp_path: Path):
    Synthetic(words=["no", "yes"], **SMALL).load(tmp_path)
    assert bytes_below(tmp_path) == bytes_below(data_root)
    assert len(bytes_below(tmp_path)) == 16


def test_other_settings_go_to_another_folder(tmp_path: Path):
    folders = {
        Synthetic(**{**SMALL, "words": ["yes", "no"], **change}).folder(tmp_path)
        for change in [{}, {"seed": 1}, {"snr": (0, 30)}, {"words": ["yes", "nah"]}, {"clip_seconds": 2}]
    }
    assert len(folders) == 5
    assert all(folder.parent == tmp_path / "synthetic" for folder in folders)


def test_an_interrupted_synthesis_is_made_again(data_root: Path, tmp_path: Path):
    corpus = Synthetic(words=["yes", "no"], **SMALL)
    corpus.load(tmp_path)
    folder = corpus.folder(tmp_path)
    (folder / "synthesis.json").unlink()
    next(folder.rglob("*.wav")).unlink()
    corpus.load(tmp_path)
    assert bytes_below(tmp_path) == bytes_below(data_root)


def test_what_was_made_is_read_without_writing_or_espeak(data_root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    before = sorted(data_root.rglob("*"))
    assert Synthetic(words=["yes", "no"], **SMALL).load(data_root).labels == ("no", "yes")
    assert sorted(data_root.rglob("*")) == before


def test_a_missing_espeak_names_the_command_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pip install "speechsrt\[synthesis\]"'):
        Synthetic(words=["yes"], **SMALL).load(tmp_path)


@pytest.mark.usefixtures("data_root")
def test_phrases_of_other_languages_and_lengths(tmp_path: Path):
    one = {"name": "synthetic", "clips_per_word": 1, "held_out_clips_per_word": 1}
    words = ["schalte bitte das große Licht in der Küche ein", "aus"]
    contents = Synthetic(words=words, language="de", clip_seconds=4, sample_rate=8000, **one).load(tmp_path)
    assert contents.labels == ("aus", words[0])
    assert {probe(clip.path).duration for clip in contents.splits["train"]} == {4.0}


@pytest.mark.usefixtures("data_root")
def test_words_that_cannot_be_spoken(tmp_path: Path):
    with pytest.raises(UserError, match=r"does not fit data\.clip_seconds=0\.3; write data\.clip_seconds=\d"):
        Synthetic(words=["a long sentence that goes on and on"], clip_seconds=0.3, **SMALL).load(tmp_path)
    with pytest.raises(UserError, match=r'"\?" is silent in data\.language=en'):
        Synthetic(words=["?"], **SMALL).load(tmp_path)
    assert not list(tmp_path.rglob("*.partial"))
    with pytest.raises(UserError, match=r"data\.language=xx: espeak-ng does not speak it; choose from af, "):
        Synthetic(words=["yes"], language="xx", **SMALL).load(tmp_path)


@pytest.mark.usefixtures("data_root")
def test_a_folder_that_cannot_be_written_is_a_users_mistake(tmp_path: Path):
    (tmp_path / "synthetic").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        Synthetic(words=["yes"], **SMALL).load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": None}, "data.words=null: name the words"),
        ({"language": False}, "data.language=False: is not a language"),
        ({"clips_per_word": 0}, "data.clips_per_word=0: must be a whole number"),
        ({"held_out_clips_per_word": 1.5}, "data.held_out_clips_per_word=1.5"),
        ({"snr": 3}, "data.snr=3: is not a range"),
        ({"snr": [20, 0]}, "the lower number comes first"),
        ({"snr": [0, None]}, "data.snr=None: is not a number"),
        ({"seed": -1}, "data.seed=-1"),
        ({"clip_seconds": 0}, "data.clip_seconds=0"),
        ({"sample_rate": 1}, "data.sample_rate=1"),
    ],
)
def test_settings_that_make_no_sense_are_named(change: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        Synthetic(**{**SMALL, "words": ["yes"], **change})


def test_the_shipped_settings_are_ten_words(settings: Callable[..., dict], tmp_path: Path):
    assert len(Synthetic(**settings("synthetic")).labels(tmp_path)) == 10


@given(st.integers(3, 120), st.integers(0, 5))
def test_every_split_has_voices_and_families_stay_together(count: int, seed: int):
    variants = [
        f"voice{index}" if index % 3 else f"{chr(97 + index // 3 % 26)}{index}" for index in range(count)
    ]
    voices = deal_voices(variants, seed)
    assert sorted(name for names in voices.values() for name in names) == sorted(variants)
    holders = [split for split, names in voices.items() if any(name.startswith("voice") for name in names)]
    assert len(holders) == 1


@given(st.integers(1, 4000), st.floats(0, 2))
def test_noise_has_unit_power_and_its_colour(length: int, exponent: float):
    noise = coloured_noise(length, exponent, np.random.default_rng(0))
    assert noise.shape == (length,)
    assert np.mean(noise**2) == pytest.approx(1, rel=1e-3)
    if length > 1000 and exponent > 0.5:
        power = np.abs(np.fft.rfft(noise)) ** 2
        half = len(power) // 2
        assert power[1:half].sum() > power[half:].sum()


def test_voices_of_piper_speak_too_and_are_in_one_split_each(tmp_path: Path):
    pytest.importorskip("espeakng_loader")
    voices = str(Path(__file__).parents[1] / "audio" / "voices")
    many: dict[str, Any] = {"name": "synthetic", "clips_per_word": 120, "held_out_clips_per_word": 20}
    corpus = Synthetic(words=["happy"], near=1.0, piper=voices, **many)
    contents = corpus.load(tmp_path)
    heard = {
        split: {(clip.speaker, clip.label) for clip in clips if "-one-" in clip.path or "@" in clip.path}
        for split, clips in contents.splits.items()
    }
    speakers = [{speaker for speaker, _ in found} for found in heard.values()]
    assert len(set().union(*speakers)) == sum(map(len, speakers)) == 4
    assert {label for _, label in heard["train"]} == {"happy", "unknown"}
    assert corpus.folder(tmp_path) != Synthetic(words=["happy"], near=1.0, **many).folder(tmp_path)
    assert not {
        clip.path for clip in contents.splits["train"] if "@" in clip.path and clip.label == "silence"
    }
