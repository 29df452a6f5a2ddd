"""Speech from text by espeak-ng, many voices of it, with the same samples every time.

The library comes from the optional package `espeakng-loader` (GPL-3.0 code, whose output is free to use) and
is called through ctypes. It keeps state from one utterance to the next (the phase of a voice's flutter,
random numbers of its breath), is not thread-safe and cannot be reset, so each `Espeak` runs it in a child
process of its own: the same requests in the same order then give the same samples. A voice is an accent (a
language tag) and a variant (a speaker), written `en-gb-scotland+f2` as espeak-ng does.
"""

import ctypes
import importlib.util
import json
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from speechsrt.errors import UserError

Phrase = Sequence[Sequence[str]]
"""Words of phonemes."""

SLOWEST, FASTEST = 80, 450
"""The words a minute that espeak-ng accepts."""

_STRESS = "',%=|"
_LENGTH = struct.Struct("<i")
_BETWEEN = "\x1f"  # no phoneme is written with it
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4  # espeak_PARAMETER in speak_lib.h
_SYNCHRONOUS, _UTF8, _PHONEMES = 2, 1, 0x100  # AUDIO_OUTPUT_SYNCHRONOUS, espeakCHARS_UTF8, espeakPHONEMES
_IPA = 2  # a phoneme mode of espeak_TextToPhonemes


class Espeak:
    """espeak-ng in a process of its own, to be used in a `with` block.

    `sample_rate` is that of what it says, `version` its own, `tags` the language tags of all its accents.
    """

    def __init__(self) -> None:
        """Starts the process. Raises UserError where espeak-ng is not installed."""
        if importlib.util.find_spec("espeakng_loader") is None:
            raise UserError('speech synthesis needs espeak-ng; type: pip install "speechsrt[synthesis]"')
        here = str(Path(__file__).parents[2])
        path = os.pathsep.join([here, *(entry for entry in sys.path if entry)])
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        greeting = json.loads(self._pipe("stdout").readline() or b"{}")
        if not greeting:
            self.close()
            raise UserError(
                'espeak-ng does not start; type: pip install --force-reinstall "speechsrt[synthesis]"'
            )
        self.sample_rate: int = greeting["sample_rate"]
        self.version: str = greeting["version"]
        self.tags: tuple[str, ...] = tuple(greeting["tags"])
        self._variants: tuple[str, ...] = tuple(greeting["variants"])

    def accents(self, language: str) -> tuple[str, ...]:
        """The tags of a language's accents, sorted: itself and all that refine it, in its usual script.

        Raises UserError for a language espeak-ng does not speak.
        """
        wanted = language.lower()
        tags = sorted(tag for tag in self.tags if tag == wanted or refines(tag, wanted))
        if not tags:
            known = ", ".join(sorted({tag.split("-")[0] for tag in self.tags}))
            raise UserError(f"data.language={language}: espeak-ng does not speak it; choose from {known}")
        return tuple(tags)

    def variants(self) -> tuple[str, ...]:
        """The names of all speakers, sorted."""
        return self._variants

    def say(self, text: str, voice: str, rate: int = 175, pitch: int = 50, span: int = 50) -> np.ndarray:
        """Speak `text`: (T,) float32 in [-1, 1] at `sample_rate`, without the silence around it.

        `rate` is words a minute, `pitch` and `span` (how far the melody moves) 0 to 99. What cannot be spoken
        is (0,). Between [[ and ]] stand phonemes as `phonemes` gives them, without the spaces between.
        """
        reply = self._ask({"text": text, "voice": voice, "rate": rate, "pitch": pitch, "range": span})
        return trim(np.frombuffer(reply, "<i2").astype(np.float32) / 32768)

    def phonemes(self, text: str, voice: str, ipa: bool = False) -> list[list[str]]:
        """How a voice pronounces `text`: words of phonemes, stress before a vowel.

        In espeak-ng's letters; or in those of the IPA, where some phonemes are nothing, written "".
        """
        told = self._ask({"text": text, "voice": voice, "phonemes": "ipa" if ipa else "own"}).decode()
        words = (word.split(_BETWEEN) for word in told.split(" ") if word.strip(_BETWEEN))
        return [word if ipa else [part for part in word if part] for word in words]

    def _ask(self, request: dict[str, Any]) -> bytes:
        pipe = self._pipe("stdin")
        pipe.write(json.dumps(request).encode() + b"\n")
        pipe.flush()
        (length,) = _LENGTH.unpack(self._receive(_LENGTH.size))
        if length < 0:
            raise ValueError(f"espeak-ng has no voice {request['voice']}")
        return self._receive(length)

    def close(self) -> None:
        """End the process."""
        self._pipe("stdin").close()
        self._pipe("stdout").close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pipe(self, name: str) -> IO[bytes]:
        return getattr(self._process, name)

    def _receive(self, count: int) -> bytes:
        received = self._pipe("stdout").read(count)
        if len(received) < count:
            raise RuntimeError("the espeak-ng process ended early")
        return received


def spelled(phrase: Phrase) -> str:
    """Return a phrase as `Espeak.say` takes phonemes."""
    return f"[[{' '.join(''.join(word) for word in phrase)}]]"


def bare(phoneme: str) -> str:
    """Return a phoneme without its stress."""
    return phoneme.lstrip(_STRESS)


def trim(wave: np.ndarray, threshold_db: float = -45.0) -> np.ndarray:
    """Cut off what lies before the first and after the last sample within `threshold_db` of the peak."""
    level = np.abs(wave)
    loud = np.flatnonzero(level > level.max(initial=0.0) * 10 ** (threshold_db / 20))
    return wave[loud[0] : loud[-1] + 1] if len(loud) else wave[:0]


def refines(tag: str, language: str) -> bool:
    """Whether a tag is an accent of the language. A subtag of four letters is another script (RFC 5646)."""
    rest = tag.removeprefix(language + "-")
    return rest != tag and not any(len(part) == 4 and part.isalpha() for part in rest.split("-"))


class _Voice(ctypes.Structure):
    """espeak_VOICE of speak_lib.h; `languages` begins with a byte of priority."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("kind", ctypes.c_ubyte * 4),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


def _accents(library: Any) -> dict[str, str]:
    """The identifier of every accent by its main language tag, from a list that ends in a null pointer."""
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    voices, accents, index = library.espeak_ListVoices(None), {}, 0
    while voices[index]:
        voice = voices[index].contents
        accents.setdefault(voice.languages[1:].decode().lower(), voice.identifier.decode())
        index += 1
    return accents


def _serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """The child: a JSON request a line in; a count of bytes and the bytes out, -1 for no voice."""
    import espeakng_loader

    library, data = ctypes.CDLL(espeakng_loader.get_library_path()), espeakng_loader.get_data_path()
    sample_rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), 0)
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # else it takes the time of day
    heard = bytearray()

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    def hear(samples: int | None, count: int, _events: int | None) -> int:
        if samples and count > 0:
            heard.extend(ctypes.string_at(samples, 2 * count))
        return 0

    library.espeak_SetSynthCallback(hear)
    library.espeak_Info.restype = ctypes.c_char_p
    accents = _accents(library)
    greeting = {
        "sample_rate": sample_rate,
        "version": library.espeak_Info(None).decode().split()[0],
        "tags": sorted(accents),
        "variants": sorted(os.listdir(Path(data) / "voices" / "!v")),
    }
    replies.write(json.dumps(greeting).encode() + b"\n")
    replies.flush()
    for line in requests:
        heard.clear()
        request = json.loads(line)
        known = _voice(library, accents, request["voice"])
        if known and request.get("phonemes"):
            heard.extend(_pronounce(library, request["text"], request["phonemes"] == "ipa"))
        elif known:
            _speak(library, request)
        replies.write(_LENGTH.pack(len(heard) if known else -1) + heard)
        replies.flush()


def _voice(library: Any, accents: dict[str, str], voice: str) -> bool:
    tag, plus, variant = voice.partition("+")
    return tag in accents and library.espeak_SetVoiceByName((accents[tag] + plus + variant).encode()) == 0


def _speak(library: Any, request: dict[str, Any]) -> None:
    library.espeak_SetParameter(_VOLUME, 50, 0)  # the louder voices clip at the usual 100
    for name, parameter in (("rate", _RATE), ("pitch", _PITCH), ("range", _RANGE)):
        library.espeak_SetParameter(parameter, request[name], 0)
    text = request["text"].encode() + b"\0"
    flags = _UTF8 | (_PHONEMES if "[[" in request["text"] else 0)
    library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 1, 0, flags, None, None)


def _pronounce(library: Any, text: str, ipa: bool) -> bytes:
    """All clauses of a text in phonemes, `_BETWEEN` two of them, a space between words."""
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    held = ctypes.create_string_buffer(text.encode())  # its bytes have to outlive the loop
    place, parts = ctypes.c_void_p(ctypes.addressof(held)), []
    mode = ord(_BETWEEN) << 8 | (_IPA if ipa else 0)
    while place.value:  # null behind the last clause
        parts.append(library.espeak_TextToPhonemes(ctypes.byref(place), _UTF8, mode))
    return b" ".join(parts)


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
