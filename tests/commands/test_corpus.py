"""What the verbs do with corpora that are absent, damaged, empty or in the wrong place."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechsrt import config
from speechsrt.commands import train as command
from speechsrt.commands.corpus import corpus_of
from speechsrt.errors import UserError

Refused = Callable[..., str]
SMALL = ["trainer.max_epochs=0", "batch_size=8", "model.channels=8", "model.wide=8"]


def write_words(root: Path, clips: int) -> Path:
    """Write clips of two words, each of its own speaker where the name should tell one."""
    for word in ("yes", "no"):
        (root / word).mkdir(parents=True)
        for number in range(clips):
            soundfile.write(root / word / f"s{number}_nohash_0.wav", 0.1 * np.ones(4000), 16000)
    return root


def write_speech_commands(root: Path) -> Path:
    """Write a Speech Commands v0.01 of two words and three clips each."""
    folder = write_words(root / "SpeechCommands" / "speech_commands_v0.01", 3)
    for number, split in ((1, "validation"), (2, "testing")):
        listed = [f"{word}/s{number}_nohash_0.wav" for word in ("yes", "no")]
        (folder / f"{split}_list.txt").write_text("\n".join(listed))
    return folder


@pytest.mark.parametrize("data", config.options("data"))
def test_every_corpus_says_whether_it_is_lenient(data: str) -> None:
    assert corpus_of(config.load([f"data={data}"])).lenient == (data in ("keyword_folder", "manifest"))


@pytest.mark.parametrize("data", ["speech_commands_v1", "speech_commands_v2", "speech_commands_v2_12"])
def test_an_absent_corpus_names_the_command_to_type(refused: Refused, tmp_path: Path, data: str) -> None:
    line = refused("train", f"data={data}", f"data_root={tmp_path}", f"run_dir={tmp_path}/run")
    assert line.endswith(f"type: speechsrt prepare data={data} data_root={tmp_path}")


def test_words_outside_the_vocabulary(refused: Refused, tmp_path: Path) -> None:
    line = refused("train", "data=speech_commands_v1", f"data_root={tmp_path}", "data.words=[yes,foo]")
    assert line == 'data.words: "foo" is not a word of speech_commands_v1; did you mean four?'


def test_a_word_asked_for_and_absent(refused: Refused, tmp_path: Path) -> None:
    write_speech_commands(tmp_path)
    line = refused("train", "data=speech_commands_v1", f"data_root={tmp_path}", "data.words=[yes,cat]")
    assert line.startswith('data.words: "cat" has no clips in')


@pytest.mark.parametrize("verb", ["train", "prepare"])
def test_a_file_as_data_root(refused: Refused, tmp_path: Path, verb: str) -> None:
    (tmp_path / "file").write_text("")
    line = refused(verb, "data=speech_commands_v1", f"data_root={tmp_path}/file")
    assert line == f"data_root={tmp_path}/file: is a file; write the folder that holds the corpora"


@pytest.mark.parametrize("damage", ["header", "sound"])
def test_a_damaged_clip_of_an_official_corpus(refused: Refused, tmp_path: Path, damage: str) -> None:
    clip = write_speech_commands(tmp_path) / "yes/s0_nohash_0.wav"
    if damage == "header":
        clip.write_bytes(b"no sound")
    else:
        soundfile.write(clip, np.full(4000, np.nan, np.float32), 16000, "FLOAT")
    typed = ["data=speech_commands_v1", f"data_root={tmp_path}", f"run_dir={tmp_path}/run", *SMALL]
    assert refused("train", *typed).startswith(f"{clip}: ")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("damage", ["header", "sound"])
def test_a_damaged_clip_of_a_persons_own_is_listed_and_left_out(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_words(tmp_path / "words", 9) / "yes/s0_nohash_0.wav"
    if damage == "header":
        clip.write_bytes(b"no sound")
    else:
        soundfile.write(clip, np.full(4000, np.nan, np.float32), 16000, "FLOAT")
    places = [f"data.root={tmp_path}/words", f"run_dir={tmp_path}/run"]
    command.run(config.load(["data=keyword_folder", *places, *SMALL]))
    shown = capsys.readouterr().err
    assert "1 files left out:" in shown
    assert str(clip) in shown


def test_too_few_clips_for_a_validation_split(refused: Refused, tmp_path: Path) -> None:
    root = write_words(tmp_path / "words", 1)
    line = refused("train", "data=keyword_folder", f"data.root={root}", f"run_dir={tmp_path}/run")
    assert line == (
        "data=keyword_folder: its validation split holds no clips; every word needs at least three clips"
    )


def test_a_split_of_which_nothing_can_be_read(tmp_path: Path) -> None:
    root = tmp_path / "words"
    for split in ("train", "validation", "test"):
        write_words(root / split, 1)
    for word in ("yes", "no"):
        broken = root / "validation" / word / "s0_nohash_0.wav"
        soundfile.write(broken, np.full(4000, np.nan, np.float32), 16000, "FLOAT")
    chosen = config.load(["data=keyword_folder", f"data.root={root}", f"run_dir={tmp_path}/run", *SMALL])
    with pytest.raises(UserError, match="its validation split holds no clips"):
        command.run(chosen)
    assert not (tmp_path / "run").exists()
