"""Classes beside the words: disjoint between splits, and made of what was named."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tones import write_tones

from speechsrt import config
from speechsrt.corpora.manifest import SPLITS, Clip, Contents
from speechsrt.corpora.negatives import SPOKEN_NOTE, Negatives, sampled, speaker_of
from speechsrt.errors import UserError

RATE = 16000


def noise_file(path: Path, seconds: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = np.random.default_rng(len(path.name)).uniform(-0.1, 0.1, round(seconds * RATE))
    soundfile.write(str(path), sound.astype(np.float32), RATE)
    return path


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four words of ten clips, and a file of noise."""
    root = tmp_path_factory.mktemp("negatives")
    write_tones(root / "words", {"one": 300.0, "two": 600.0, "three": 900.0, "four": 1200.0})
    noise_file(root / "words/_background_noise_/hum.wav", 40)
    return root / "words"


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight speakers in LibriSpeech's layout, and a file that is no sound."""
    root = tmp_path_factory.mktemp("speech")
    for speaker in range(8):
        for chapter in (1, 2):
            noise_file(root / f"{speaker}/{chapter}/{speaker}-{chapter}-0000.flac", 3.4)
    (root / "0/1/0-1.trans.txt").write_text("0-1-0000 HELLO")
    return root


def node(root: Path, *named: str) -> dict[str, Any]:
    return {
        "_target_": "speechsrt.corpora.keyword_folder.KeywordFolder",
        "name": "keyword_folder",
        "root": str(root),
        "words": list(named) or None,
    }


def loaded(data: dict[str, Any], **how: Any) -> Contents:
    corpus = Negatives(**how).around(data)
    contents = corpus.load(Path())
    assert corpus.labels(Path()) == contents.labels
    return contents


def stretches(clips: list[Clip]) -> list[tuple[str, float, float]]:
    return [(clip.path, clip.offset, clip.offset + clip.duration) for clip in clips]


def assert_disjoint(contents: Contents) -> None:
    """No second of sound is in two splits."""
    for one, other in combinations(SPLITS, 2):
        for path, start, end in stretches(contents.splits[one]):
            for there, begin, stop in stretches(contents.splits[other]):
                assert path != there or end <= begin + 1e-9 or stop <= start + 1e-9


def count(contents: Contents, split: str, label: str) -> int:
    return sum(clip.label == label for clip in contents.splits[split])


def test_without_negatives_a_corpus_is_itself(words: Path):
    assert type(Negatives().around(node(words))).__name__ == "KeywordFolder"


def test_other_words_and_background_noise(words: Path):
    contents = loaded(
        node(words, "one", "two"), unknown=["other_words"], noise=["background_noise"], ratio=0.5
    )
    assert contents.labels == ("one", "silence", "two", "unknown")
    for split in SPLITS:
        said = count(contents, split, "one") + count(contents, split, "two")
        wanted = round(0.5 * said / 2)
        assert count(contents, split, "unknown") == count(contents, split, "silence") == wanted
    heard = {Path(c.path).parent.name for c in contents.splits["train"] if c.label == "unknown"}
    assert heard <= {"three", "four"}
    assert_disjoint(contents)
    assert contents.noise["train"], "augmentation has it too"


def test_speech_of_any_length_by_speaker(words: Path, speech: Path):
    contents = loaded(node(words), unknown=[str(speech)], ratio=10)
    assert contents.labels == ("four", "one", "three", "two", "unknown")
    speakers = {
        split: {clip.speaker for clip in contents.splits[split] if clip.label == "unknown"}
        for split in SPLITS
    }
    assert all(speakers.values())
    assert not any(speakers[one] & speakers[other] for one, other in combinations(SPLITS, 2))
    assert_disjoint(contents)
    lengths = {clip.duration for clip in contents.splits["train"] if clip.label == "unknown"}
    assert lengths == {1.0}
    assert [Path(path).name for path, _ in contents.rejected] == ["0-1.trans.txt"]
    assert any(note.startswith('"unknown": ') and "there is no more sound" in note for note in contents.notes)


def test_damage_in_an_official_corpus_stays_a_mistake(words: Path, speech: Path):
    official = config.load(["data=speech_commands_v1", "data.words=[bed,cat]"])["data"]
    assert not Negatives(["other_words"], ["background_noise"]).around(official).lenient
    assert Negatives([str(speech)]).around(official).lenient
    assert Negatives(noise=["background_noise"]).around(node(words)).lenient


def test_noise_of_a_folder(words: Path, tmp_path: Path):
    noise_file(tmp_path / "rain/a.wav", 30)
    contents = loaded(node(words), noise=[str(tmp_path / "rain")])
    assert {Path(c.path).name for c in contents.splits["test"] if c.label == "silence"} == {"a.wav"}
    assert {Path(c.path).name for c in contents.noise["train"]} == {"a.wav"}
    assert_disjoint(contents)


def test_the_choice_does_not_depend_on_order():
    clips = [Clip(f"/a/{k}.wav", 1.0, "unknown", float(k % 3)) for k in range(20)]
    assert sampled(clips, 7) == sampled(clips[::-1], 7)
    assert set(sampled(clips, 3)) < set(sampled(clips, 7))
    assert sampled([], 3) == []


@pytest.mark.parametrize(
    ("path", "speaker"),
    [
        ("x/ab_nohash_0.wav", "ab"),
        ("84/121123/84-121123-0000.flac", "84"),
        ("anna/day 1/take.wav", "anna/day 1"),
        ("take.wav", "take.wav"),
    ],
)
def test_speakers_by_names(path: str, speaker: str):
    assert speaker_of(Path("/speech") / path, Path("/speech")) == speaker


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"unknown": "other_words"}, "negatives.unknown=other_words: is not a list; write"),
        ({"noise": ["/nowhere"]}, "negatives.noise: there is no folder /nowhere; write background_noise, or"),
        ({"ratio": 0}, "negatives.ratio=0: must be above zero"),
        ({"unknown": ["other_words"]}, "negatives.unknown=[other_words]: with all words of data=keyword_fol"),
    ],
)
def test_mistakes(words: Path, how: dict[str, Any], message: str):
    with pytest.raises(UserError) as caught:
        loaded(node(words), **how)
    assert str(caught.value).startswith(message)


def test_a_folder_without_sound(words: Path, tmp_path: Path):
    (tmp_path / "a.txt").write_text("nothing")
    with pytest.raises(UserError, match=r"negatives: .* holds no sound that can be read"):
        loaded(node(words), unknown=[str(tmp_path)])


def test_a_corpus_without_noise(tmp_path: Path):
    write_tones(tmp_path, {"one": 300.0, "two": 600.0})
    with pytest.raises(UserError, match=r"negatives\.noise=background_noise: data=keyword_folder has none"):
        loaded(node(tmp_path), noise=["background_noise"])


def test_a_class_of_that_name_already_gets_more(tmp_path: Path):
    write_tones(tmp_path, {"one": 300.0, "silence": 600.0})
    noise_file(tmp_path / "_background_noise_/a.wav", 30)
    own = loaded(node(tmp_path))
    contents = loaded(node(tmp_path), noise=["background_noise"])
    assert contents.labels == own.labels == ("one", "silence")
    assert count(contents, "train", "silence") > count(own, "train", "silence") > 0


def test_sentences():
    data = config.load(["data=librispeech_mini"])["data"]
    with pytest.raises(UserError, match=r"negatives: data=librispeech_mini holds sentences; leave it out"):
        Negatives(noise=["background_noise"]).around(data)


def test_recordings_beside_words_that_nobody_recorded_are_told(speech: Path, tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    spoken = {
        "_target_": "speechsrt.corpora.synthetic.Synthetic",
        "name": "synthetic",
        "words": ["on", "off"],
        "clips_per_word": 2,
        "held_out_clips_per_word": 1,
    }
    contents = Negatives(unknown=[str(speech)]).around(spoken).load(tmp_path)
    assert SPOKEN_NOTE in contents.notes


def test_recordings_beside_recorded_words_are_not(words: Path, speech: Path) -> None:
    assert SPOKEN_NOTE not in loaded(node(words), unknown=[str(speech)]).notes
