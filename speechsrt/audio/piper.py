"""Speech from text by the neural voices of piper, those that lie in a folder.

A voice is ``NAME.onnx`` beside ``NAME.onnx.json``, as piper's own download writes them. The optional package
`piper-tts` (GPL-3.0 code) speaks; what a voice's recordings may be used for stands in its model card. A voice
of several speakers counts as so many voices. Every voice draws from a seed of its own: the same requests
in the same order give the same samples on a machine.
"""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speechsrt.audio.synthesis import refines, trim
from speechsrt.errors import UserError

if TYPE_CHECKING:
    from piper import PiperVoice

SEED = 1


@dataclass(frozen=True)
class Speaker:
    """A speaker of a voice: the voice's file, and the speaker's number, None of a voice of one."""

    file: Path
    number: int | None


class Piper:
    """The voices below a folder that speak a language.

    Args:
        folder: where they lie; subfolders count.
        language: a language tag, of which they have to be, or an accent of it.

    Raises:
        UserError: piper is not installed, there is no voice for the language, or one is damaged.
    """

    def __init__(self, folder: str, language: str) -> None:
        if importlib.util.find_spec("piper") is None:
            raise UserError(f'data.piper={folder}: needs piper; type: pip install "speechsrt[piper]"')
        if not Path(folder).is_dir():
            raise UserError(f"data.piper={folder}: there is no such folder")
        self.speakers: dict[str, Speaker] = {}
        self._files: list[Path] = []
        self._loaded: dict[Path, PiperVoice] = {}
        for file in sorted(Path(folder).rglob("*.onnx")):
            spoken, count = _settings(file)
            if spoken == language.lower() or refines(spoken, language.lower()):
                self._files.append(file)
                for number in range(count) if count > 1 else (None,):
                    name = file.stem if number is None else f"{number}@{file.stem}"
                    self.speakers[name] = Speaker(file, number)
        if not self.speakers:
            raise UserError(
                f"data.piper={folder}: holds no voice (NAME.onnx beside NAME.onnx.json) for "
                f"data.language={language}; leave it out or name another folder"
            )

    def identity(self) -> list[list[str]]:
        """Return the names of the voices and what tells them from others of the same name."""
        return [[file.stem, hashlib.sha256(file.read_bytes()).hexdigest()[:12]] for file in self._files]

    def say(self, text: str, name: str, length: float = 1.0) -> tuple[np.ndarray, int]:
        """Speak; return ``(T,)`` float32 in [-1, 1] without the silence around it, and samples a second.

        Args:
            text: words; or phonemes of the IPA between [[ and ]].
            name: of a speaker.
            length: of the phonemes, in usual ones; 0.5 is twice as fast.
        """
        from piper import SynthesisConfig

        speaker = self.speakers[name]
        voice = self._voice(speaker.file)
        how = SynthesisConfig(speaker_id=speaker.number, length_scale=length)
        parts = [chunk.audio_float_array for chunk in voice.synthesize(text, how)]
        wave = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        return trim(wave), voice.config.sample_rate

    def _voice(self, file: Path) -> "PiperVoice":
        if file not in self._loaded:
            import onnxruntime
            from piper import PiperVoice

            onnxruntime.set_seed(SEED)  # a voice draws the melody; its kernels take the seed as they are made
            try:
                self._loaded[file] = PiperVoice.load(file)
            except Exception as error:  # onnxruntime's own kinds, which have no common ancestor
                raise UserError(f"{file}: is not a voice that can be loaded ({error})") from None
        return self._loaded[file]


def _settings(file: Path) -> tuple[str, int]:
    """Return the language tag of a voice, and how many speakers it has."""
    beside = Path(f"{file}.json")
    try:
        settings = json.loads(beside.read_text(encoding="utf-8"))
        language, speakers = settings["espeak"]["voice"].lower(), int(settings["num_speakers"])
    except OSError:
        raise UserError(f"{file}: there is no {beside.name} beside it; a voice of piper's has both") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{beside}: does not describe a voice of piper's; fetch it again") from None
    return language, speakers
