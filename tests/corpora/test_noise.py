from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.corpora.manifest import Clip
from speechsrt.corpora.noise import cut_stretches, noise_by_split, silence_windows


@given(st.floats(0.01, 1000))
def test_stretches_are_disjoint_and_fill_the_file(duration: float):
    stretches = cut_stretches("n.wav", duration)
    ends = 0.0
    for stretch in stretches.values():
        assert stretch.offset == pytest.approx(ends)
        ends = stretch.offset + stretch.duration
    assert ends == pytest.approx(duration)
    assert list(stretches) == ["train", "validation", "test"]


@given(st.lists(st.floats(0.1, 30), max_size=4), st.floats(0.1, 3), st.integers(0, 200))
def test_windows_stay_inside_their_stretch_and_keep_their_distance(
    lengths: list[float], seconds: float, count: int
):
    stretches = [Clip(f"{index}.wav", length, "", 5.0) for index, length in enumerate(lengths)]
    windows = silence_windows(stretches, seconds, count)
    assert len(windows) <= count + len(stretches)
    for stretch in stretches:
        offsets = [window.offset for window in windows if window.path == stretch.path]
        assert all(5.0 - 1e-9 <= offset <= 5.0 + stretch.duration - seconds + 1e-9 for offset in offsets)
        assert all(after - before >= 0.1 * seconds - 1e-9 for before, after in pairwise(offsets))


def test_as_many_windows_as_asked_for_where_there_is_room():
    assert len(silence_windows([Clip("a", 100, ""), Clip("b", 100, "")], 1.0, 80)) == 80


def test_every_file_gives_every_split_a_stretch(tmp_path: Path, write_sound: Callable[..., Path]):
    files = [write_sound(tmp_path / f"{name}.wav", 10) for name in "ab"]
    noise = noise_by_split(files)
    assert {split: [clip.duration for clip in clips] for split, clips in noise.items()} == {
        "train": [8.0, 8.0],
        "validation": [1.0, 1.0],
        "test": [1.0, 1.0],
    }
    assert noise_by_split([]) == {"train": [], "validation": [], "test": []}
