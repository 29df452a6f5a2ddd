import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.corpora.manifest import Clip, Contents, read_manifest, split_hash, write_manifest
from speechsrt.errors import UserError

words = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=8)
seconds = st.floats(0, 1e4)
clips = st.builds(
    lambda name, duration, label, offset, speaker: Clip(
        f"/sound/{name}.wav", duration, label, offset, speaker
    ),
    words,
    seconds,
    words,
    seconds,
    st.none() | words,
)


@given(st.lists(clips, max_size=4), st.sampled_from(["command", "text"]))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, written: list[Clip], key: str
):
    path = tmp_path_factory.mktemp("manifest") / "clips.json"
    write_manifest(path, written, key)
    assert read_manifest(path, key) == [
        Clip(os.path.normpath(clip.path), clip.duration, clip.label, clip.offset, clip.speaker)
        for clip in written
    ]


def test_paths_below_the_manifest_are_relative_and_survive_a_move(tmp_path: Path):
    old, new = tmp_path / "old", tmp_path / "new"
    write_manifest(
        old / "m.json", [Clip(str(old / "a" / "x.wav"), 1.0, "yes"), Clip("/far/y.wav", 1.0, "no")]
    )
    lines = [json.loads(line) for line in (old / "m.json").read_text().splitlines()]
    assert [line["audio_filepath"] for line in lines] == ["a/x.wav", "/far/y.wav"]
    old.rename(new)
    assert [clip.path for clip in read_manifest(new / "m.json")] == [str(new / "a" / "x.wav"), "/far/y.wav"]


def test_a_line_has_the_keys_nemo_reads(tmp_path: Path):
    write_manifest(tmp_path / "m.json", [Clip("/a.wav", 1.5, "jā", 0.25, "ann")])
    line = (tmp_path / "m.json").read_text(encoding="utf-8")
    assert line == (
        '{"audio_filepath": "/a.wav", "duration": 1.5, "offset": 0.25, "command": "jā", "speaker": "ann"}\n'
    )


def test_nothing_but_the_manifest_is_left(tmp_path: Path):
    write_manifest(tmp_path / "m.json", [])
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]
    assert read_manifest(tmp_path / "m.json") == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"duration": 1, "command": "a"}', 'lacks "audio_filepath"'),
        ('{"audio_filepath": "a.wav", "command": "a"}', 'lacks "duration"'),
        ('{"audio_filepath": "a.wav", "duration": "1", "command": "a"}', 'has no valid "duration"'),
        ('{"audio_filepath": "a.wav", "duration": NaN, "command": "a"}', 'has no valid "duration"'),
        ('{"audio_filepath": "a.wav", "duration": 1, "command": "a", "offset": -1}', 'has no valid "offset"'),
        ('{"audio_filepath": "a.wav", "duration": 1}', 'lacks "command"'),
        ('{"audio_filepath": "a.wav", "duration": 1, "command": true}', 'has no text under "command"'),
    ],
)
def test_a_bad_line_is_named_by_file_and_number(tmp_path: Path, line: str, message: str):
    path = tmp_path / "m.json"
    path.write_text('{"audio_filepath": "a.wav", "duration": 1, "command": "a"}\n\n' + line)
    with pytest.raises(UserError, match=message) as error:
        read_manifest(path)
    assert str(error.value).startswith(f"{path}:3: ")


def test_a_manifest_that_is_missing_or_no_text_is_a_users_mistake(tmp_path: Path):
    with pytest.raises(UserError, match="no such manifest"):
        read_manifest(tmp_path / "none.json")
    (tmp_path / "wave.json").write_bytes(b"RIFF\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8"):
        read_manifest(tmp_path / "wave.json")


@given(st.lists(clips, max_size=5), st.randoms())
def test_the_hash_depends_on_neither_order_nor_root(written: list[Clip], random):
    moved = [
        Clip("/else" + clip.path, clip.duration, clip.label, clip.offset, clip.speaker) for clip in written
    ]
    random.shuffle(moved)
    assert split_hash(written, "/sound") == split_hash(moved, "/else/sound")


def test_the_hash_depends_on_everything_else():
    base = Clip("/d/a.wav", 1.0, "yes", 0.5)
    others = [
        Clip("/d/b.wav", 1.0, "yes", 0.5),
        Clip("/d/a.wav", 1.001, "yes", 0.5),
        Clip("/d/a.wav", 1.0, "no", 0.5),
        Clip("/d/a.wav", 1.0, "yes", 0.501),
    ]
    assert len({split_hash([clip], "/d") for clip in [base, *others]}) == 5
    assert split_hash([base], "/d") == split_hash([Clip("/d/a.wav", 1.0 + 1e-6, "yes", 0.5)], "/d")


def test_contents_have_empty_noise_and_no_rejects_by_default():
    contents = Contents(("a",), {"train": [], "validation": [], "test": []})
    assert contents.noise == {"train": [], "validation": [], "test": []}
    assert contents.rejected == []
    assert contents.notes == []


def test_corpora_are_imported_without_torch():
    code = (
        "import sys; from speechsrt.corpora import speech_commands_12, keyword_folder, synthetic; "
        "from speechsrt.corpora import librispeech, sentences, alignable; "
        "sys.exit('torch' in sys.modules)"
    )
    path = os.pathsep.join(entry for entry in [str(Path(__file__).parents[2]), *sys.path] if entry)
    assert (
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}).returncode == 0
    )
