"""``speechsrt transcribe``: files, folders, manifests, long audio, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from spelling import refused, sentence, spoken

import speechsrt
from speechsrt import config
from speechsrt.cli import main
from speechsrt.commands import transcribe
from speechsrt.models.recogniser import Recogniser
from speechsrt.scoring.words import WordScore


def lines(capsys: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.slow
def test_transcribe_a_file(recogniser: Path, tmp_path: Path, capsys: Any) -> None:
    rng = np.random.default_rng(3)
    soundfile.write(tmp_path / "said.flac", spoken("abc dab c", rng), 16000)
    transcribe.run(config.load([f"checkpoint={recogniser}", f"input={tmp_path / 'said.flac'}"]))
    (line,) = lines(capsys)
    assert line["text"] == "abc dab c"
    assert [word["word"] for word in line["words"]] == ["abc", "dab", "c"]
    for word, start in zip(line["words"], (0.0, 0.4, 0.8), strict=True):
        assert abs(word["start"] - start) < 0.12
        assert word["start"] < word["end"] <= 0.96
        assert 0.3 < word["confidence"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (16000, 2)])
def test_other_rates_and_stereo_are_heard(recogniser: Path, tmp_path: Path, rate: int, channels: int) -> None:
    sound = spoken("ab ca", np.random.default_rng(4), rate)
    soundfile.write(tmp_path / "said.wav", np.stack([sound] * channels, 1), rate)
    found = transcribe.run(config.load([f"checkpoint={recogniser}", f"input={tmp_path / 'said.wav'}"]))
    assert found[0]["text"] == "ab ca"


@pytest.mark.slow
def test_transcribe_a_folder_lists_what_it_cannot_read(recogniser: Path, tmp_path: Path, capsys: Any) -> None:
    rng = np.random.default_rng(5)
    for name, text in (("b", "ba"), ("a", "ab")):
        soundfile.write(tmp_path / f"{name}.wav", spoken(text, rng), 16000)
    (tmp_path / "empty.flac").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no sound")
    transcribe.run(config.load([f"checkpoint={recogniser}", f"input={tmp_path}"]))
    told = capsys.readouterr()
    assert [json.loads(line)["text"] for line in told.out.splitlines()] == ["ab", "ba"]
    assert "2 files left out" in told.err
    assert "empty.flac: is empty (0 bytes)" in told.err


@pytest.mark.slow
def test_transcribe_a_manifest_with_offsets(recogniser: Path, tmp_path: Path, capsys: Any) -> None:
    soundfile.write(tmp_path / "x.wav", spoken("ab cdab dac b", np.random.default_rng(6)), 16000)
    records = [{"audio_filepath": "x.wav"}, {"audio_filepath": "x.wav", "offset": 0.3, "duration": 0.8}]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    transcribe.run(config.load([f"checkpoint={recogniser}", f"input={tmp_path / 'm.jsonl'}"]))
    whole, part = lines(capsys)
    assert whole["text"] == "ab cdab dac b"
    assert part["offset"] == 0.3
    assert part["text"] == "cdab dac"


@pytest.mark.slow
def test_long_audio_in_chunks_loses_no_word(recogniser: Path) -> None:
    rng = np.random.default_rng(7)
    text = sentence(rng, 80)
    model = speechsrt.load(recogniser)
    assert isinstance(model, Recogniser)
    chunked = model.transcribe(spoken(text, rng), 16000, chunk_seconds=6, overlap_seconds=2)
    assert len(chunked.words) == 80
    assert WordScore([text], [chunked.text], [""]).cer < 0.05
    starts = [0.1 * place for place, letter in enumerate(" " + text) if letter == " "]
    assert [word.start for word in chunked.words] == pytest.approx(starts, abs=0.15)


@pytest.mark.slow
def test_mistakes_of_transcribe(recogniser: Path, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.flac").write_bytes(b"")
    (tmp_path / "m.json").write_text('{"audio_filepath": "x.wav"}\nno json\n')
    model = f"checkpoint={recogniser}"
    assert refused(transcribe, f"input={tmp_path}").startswith("checkpoint=: name a run folder")
    assert refused(transcribe, model).startswith("input=: name a sound file")
    assert "there is no such file or folder" in refused(transcribe, model, f"input={tmp_path / 'none'}")
    assert "is empty (0 bytes)" in refused(transcribe, model, f"input={tmp_path / 'empty.flac'}")
    assert "m.json:2: is not JSON" in refused(transcribe, model, f"input={tmp_path / 'm.json'}")
    assert "holds no sound that can be read" in refused(transcribe, model, f"input={tmp_path}")
    assert "a model that spots keywords; name one that recognises sentences" in refused(
        transcribe, f"checkpoint={trained}", f"input={tmp_path}"
    )
    assert "less than half of chunk_seconds" in refused(
        transcribe, model, f"input={tmp_path}", "overlap_seconds=15"
    )


@pytest.mark.slow
def test_from_the_command_line(recogniser: Path, tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["transcribe", f"checkpoint={recogniser}", f"input={tmp_path / 'none.wav'}"])
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "none.wav" in told
