import numpy as np
import pytest

from speechsrt.audio.synthesis import Espeak, trim
from speechsrt.errors import UserError


@pytest.fixture
def espeak():
    pytest.importorskip("espeakng_loader")
    with Espeak() as speaker:
        yield speaker


def test_speech_is_float_mono_within_bounds(espeak: Espeak):
    wave = espeak.say("yes", "en-gb+f2")
    assert wave.dtype == np.float32
    assert wave.ndim == 1
    assert 0.1 < len(wave) / espeak.sample_rate < 1.5
    assert 0.01 < np.abs(wave).max() <= 1
    assert espeak.version


def test_voice_rate_and_pitch_matter(espeak: Espeak):
    said = [espeak.say("yes", voice) for voice in ("en-us+adam", "en-us+belinda", "en-gb-scotland+adam")]
    assert len({wave.tobytes() for wave in said}) == 3
    assert len(espeak.say("yes", "en-us", rate=300)) < len(espeak.say("yes", "en-us", rate=100))
    assert espeak.say("yes", "en-us", pitch=0).tobytes() != espeak.say("yes", "en-us", pitch=99).tobytes()


def test_the_same_requests_give_the_same_samples():
    pytest.importorskip("espeakng_loader")

    def speak() -> list[bytes]:
        with Espeak() as speaker:
            return [
                speaker.say("left", f"en-us+{name}").tobytes() for name in ("f1", "whisper", "klatt", "m3")
            ]

    assert speak() == speak()


def test_a_language_is_all_its_accents_in_its_usual_script(espeak: Espeak):
    assert {"en-gb", "en-us", "en-gb-scotland"} <= set(espeak.accents("EN"))
    assert "en-shaw" not in espeak.accents("en")
    assert espeak.accents("en-us")[0] == "en-us"
    assert espeak.accents("de") == ("de",)
    with pytest.raises(
        UserError, match=r"data\.language=xx: espeak-ng does not speak it; choose from af, .* en"
    ):
        espeak.accents("xx")


def test_nothing_to_say_is_silence(espeak: Espeak):
    assert espeak.say("", "en-us").shape == (0,)
    assert espeak.say("?!", "en-us").shape == (0,)


def test_a_voice_that_is_not_there(espeak: Espeak):
    with pytest.raises(ValueError, match="no voice xx"):
        espeak.say("yes", "xx")
    assert len(espeak.say("yes", "en-us"))


def test_without_the_package_the_command_to_type_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'type: pip install "speechsrt\[synthesis\]"'):
        Espeak()


def test_an_espeak_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("espeakng_loader")
    monkeypatch.setattr("sys.executable", "true")
    with pytest.raises(UserError, match="espeak-ng does not start; type: pip install --force-reinstall"):
        Espeak()


@pytest.mark.parametrize(
    ("wave", "expected"),
    [([], []), ([0], []), ([0.5], [0.5]), ([0, 1e-4, 0.5, 0, -0.25, 1e-4], [0.5, 0, -0.25])],
)
def test_silence_around_is_cut_off(wave: list[float], expected: list[float]):
    assert trim(np.array(wave, np.float32)).tolist() == expected
