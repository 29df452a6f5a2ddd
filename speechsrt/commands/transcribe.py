"""``speechsrt transcribe``: speech to text for files, folders and manifests, one JSON object a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from speechsrt.audio.files import UnreadableAudioError, probe, read
from speechsrt.build import build
from speechsrt.commands.device import device_of
from speechsrt.commands.foreign import check_typed
from speechsrt.commands.screen import progress, say_rejected
from speechsrt.corpora.manifest import audio_path, read_records, seconds_of
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.kernels import keep_freed_memory
from speechsrt.models.recogniser import Recogniser

MANIFESTS = (".json", ".jsonl")


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong with a transcription, as far as that shows before it begins."""
    _parts(config)


def _parts(config: dict[str, Any]) -> tuple[Recogniser, Any]:
    """Return the model, where it is to run, and the decoder."""
    for key, what in (
        ("checkpoint", "a run folder, a .ckpt or a model.safetensors"),
        ("input", "a sound file, a folder of them or a manifest"),
    ):
        if config[key] is None:
            raise UserError(f"{key}=: name {what}")
    model = package.load_recogniser(config["checkpoint"]).to(device_of(config))
    check_typed(model.task, config)
    if not Path(config["input"]).exists():
        raise UserError(f"input={config['input']}: there is no such file or folder")
    if config["overlap_seconds"] >= config["chunk_seconds"] / 2:
        raise UserError(
            f"overlap_seconds={config['overlap_seconds']}: must be less than half of "
            f"chunk_seconds={config['chunk_seconds']}"
        )
    return model, build(config["decoder"], "decoder", vocabulary=model.vocabulary)


def run(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Transcribe; print one JSON object an utterance to stdout and return them.

    Of a folder or manifest, files that cannot be read are listed with the reason and left out.

    Raises:
        UserError: the one file named cannot be read, or a folder holds no sound file.
    """
    keep_freed_memory()
    model, decoder = _parts(config)
    source, found, rejected = Path(config["input"]), [], []
    stretches = list(_stretches(source, rejected))
    with progress() as report:
        for number, (path, offset, duration) in enumerate(stretches, 1):
            try:
                sound = read(path, model.sample_rate, offset, duration)
            except UnreadableAudioError as error:
                if source.is_file() and source.suffix not in MANIFESTS:
                    raise
                rejected.append((error.path, error.reason))
                continue
            result = _transcribed(config, model, decoder, sound)
            found.append({"file": path} | ({"offset": offset} if offset else {}) | result)
            print(json.dumps(found[-1], ensure_ascii=False), flush=True)
            report("transcribing", number, len(stretches))
    say_rejected(rejected)
    if not found:
        raise UserError(f"input={source}: holds no sound that can be read")
    return found


def _transcribed(config: dict[str, Any], model: Recogniser, decoder: Any, sound: Any) -> dict[str, Any]:
    chunks = (config["chunk_seconds"], config["overlap_seconds"])
    transcript = model.transcribe(sound, model.sample_rate, decoder, *chunks)
    words = [
        {
            "word": word.text,
            "start": round(word.start, 3),
            "end": round(word.end, 3),
            "confidence": round(word.confidence, 4),
        }
        for word in transcript.words
    ]
    return {"text": transcript.text, "words": words}


def _stretches(source: Path, rejected: list[tuple[str, str]]) -> Iterator[tuple[str, float, float | None]]:
    """Yield file, offset and duration (None: to the end) in seconds of everything to be heard."""
    if source.is_dir():
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            try:
                probe(path)
                yield str(path), 0.0, None
            except UnreadableAudioError as error:
                rejected.append((error.path, error.reason))
    elif source.suffix in MANIFESTS:
        for where, record in read_records(source):
            times = [
                seconds_of(record, key, where) if record.get(key) is not None else None
                for key in ("offset", "duration")
            ]
            yield audio_path(record, source.absolute().parent, where), times[0] or 0.0, times[1]
    else:
        yield str(source), 0.0, None
