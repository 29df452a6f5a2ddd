"""Voices of piper out of a folder: two made by scripts/peer/golden_voices.py, one of three speakers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from speechsrt.audio import piper
from speechsrt.audio.piper import Piper
from speechsrt.audio.speakers import Speakers
from speechsrt.errors import UserError

VOICES = Path(__file__).with_name("voices")
ONE, THIRD = "en_US-one-low", "2@en_GB-three-medium"


def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(VOICES, tmp_path / "voices"))


def test_every_speaker_is_a_voice() -> None:
    assert set(Piper(str(VOICES), "en").speakers) == {
        ONE,
        *(f"{k}@en_GB-three-medium" for k in range(3)),
    }
    assert set(Piper(str(VOICES), "en-us").speakers) == {ONE}


def test_speech_is_float_mono_within_bounds_at_the_rate_of_the_voice() -> None:
    voices = Piper(str(VOICES), "en")
    (low, low_rate), (third, third_rate) = (voices.say("happy", name) for name in (ONE, THIRD))
    assert (low_rate, third_rate) == (16000, 22050)
    assert (low.dtype, low.ndim) == (np.float32, 1)
    assert 0.5 < np.abs(third).max() <= 1


def test_length_speaker_and_phonemes_matter() -> None:
    voices = Piper(str(VOICES), "en")
    whole, half = (voices.say("happy", ONE, length)[0] for length in (1.0, 0.5))
    assert 0.45 < len(half) / len(whole) < 0.55
    first, third = (voices.say("happy", f"{k}@en_GB-three-medium")[0] for k in (0, 2))
    spectra = [np.abs(np.fft.rfft(wave, 8192)) for wave in (first, third)]
    assert spectra[0].argmax() != spectra[1].argmax()
    assert len(voices.say("[[hæ]]", ONE)[0]) < len(voices.say("[[hæpi]]", ONE)[0])
    assert voices.say("?!", ONE)[0].shape == (0,)


def test_the_same_requests_give_the_same_samples_and_the_next_call_others() -> None:
    def spoken() -> list[bytes]:
        voices = Piper(str(VOICES), "en")
        return [voices.say("left", name)[0].tobytes() for name in (ONE, THIRD, ONE)]

    first, again = spoken(), spoken()
    assert first == again
    assert first[0] != first[2]


def test_another_voice_of_the_same_name_is_told(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    assert Piper(str(folder), "en").identity() == Piper(str(VOICES), "en").identity()
    shutil.copy(folder / f"{ONE}.onnx", folder / "en_GB-three-medium.onnx")
    assert Piper(str(folder), "en").identity() != Piper(str(VOICES), "en").identity()


def test_phonemes_of_espeak_are_told_in_the_letters_of_the_ipa() -> None:
    with Speakers("en", Piper(str(VOICES), "en"), "happy hoppy lights") as speakers:
        own, near = (speakers.phonemes(text, "en-us") for text in ("happy", "hoppy"))
        assert speakers.tell_apart(ONE, near, own, "en-us")
        assert not speakers.tell_apart(ONE, own, own, "en-us")
        assert not speakers.tell_apart(ONE, [["no-such-phoneme"]], own, "en-us"), "nor what piper cannot say"
        assert speakers.tell_apart("adam", own, own, "en-us"), "espeak-ng says all of its phonemes"
        phrase, text = (
            speakers.say(words, ONE, "en-us", 175, 50, 50)
            for words in (speakers.phonemes("lights", "en-us"), "lights")
        )
        assert phrase[1] == text[1] == 16000
        assert 0.8 < len(phrase[0]) / len(text[0]) < 1.25
        slow, fast = (speakers.say("lights", ONE, "en", rate, 50, 50)[0] for rate in (90, 350))
        assert len(slow) > 3 * len(fast)


def test_without_piper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piper.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^data.piper=voices: needs piper; type: pip install"):
        Piper("voices", "en")


def test_folders_without_a_voice(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^data.piper=.*/nowhere: there is no such folder"):
        Piper(str(tmp_path / "nowhere"), "en")
    with pytest.raises(UserError, match=r"holds no voice .* for data.language=de; leave it out or name"):
        Piper(str(VOICES), "de")


def test_damaged_voices_are_named(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    beside = folder / f"{ONE}.onnx.json"
    settings = json.loads(beside.read_text())
    for text in (
        "{",
        "[]",
        json.dumps({**settings, "espeak": {}}),
        json.dumps({**settings, "num_speakers": ""}),
    ):
        beside.write_text(text)
        with pytest.raises(UserError, match=r"onnx\.json: does not describe a voice of piper's"):
            Piper(str(folder), "en")
    beside.unlink()
    with pytest.raises(UserError, match=r"en_US-one-low\.onnx: there is no en_US-one-low\.onnx\.json beside"):
        Piper(str(folder), "en")
    beside.write_text(json.dumps(settings))
    (folder / f"{ONE}.onnx").write_bytes(b"no voice")
    with pytest.raises(UserError, match=r"en_US-one-low\.onnx: is not a voice that can be loaded"):
        Piper(str(folder), "en").say("yes", ONE)
