"""Background noise cut so that nothing is heard twice: every file into disjoint stretches, one a split.

Silence clips and noise mixed into speech both come from a split's own stretches. Cutting windows first and
dealing them out afterwards would put overlapping audio into training and test.
"""

from collections.abc import Iterable
from pathlib import Path

from speechsrt.audio.files import probe
from speechsrt.corpora.manifest import SPLITS, Clip

NOISE_FOLDER = "_background_noise_"
FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def cut_stretches(path: Path | str, duration: float) -> dict[str, Clip]:
    """Cut a noise file of `duration` seconds into consecutive stretches, one a split: 80, 10, 10 percent."""
    stretches, offset = {}, 0.0
    for split in SPLITS:
        length = FRACTIONS[split] * duration
        stretches[split] = Clip(str(path), length, NOISE_FOLDER, offset)
        offset += length
    return stretches


def noise_by_split(files: Iterable[Path]) -> dict[str, list[Clip]]:
    """The stretches of all noise files, by split. Raises UnreadableAudioError for a file that is none."""
    noise: dict[str, list[Clip]] = {split: [] for split in SPLITS}
    for path in files:
        for split, stretch in cut_stretches(path, probe(path).duration).items():
            noise[split].append(stretch)
    return noise


def silence_windows(
    stretches: Iterable[Clip], seconds: float, count: int, label: str = "silence"
) -> list[Clip]:
    """Cut about `count` windows of `seconds` from the stretches, evenly spaced, shared out by length.

    Windows of one stretch may overlap, but begin at least a tenth of a window apart, so short noise gives
    fewer.
    """
    usable = [stretch for stretch in stretches if stretch.duration >= seconds]
    total = sum(stretch.duration for stretch in usable)
    windows = []
    for stretch in usable:
        room = stretch.duration - seconds
        wanted = min(round(count * stretch.duration / total), 1 + int(room / (0.1 * seconds)))
        for index in range(wanted):
            offset = stretch.offset + (room * index / (wanted - 1) if wanted > 1 else room / 2)
            windows.append(Clip(stretch.path, seconds, label, offset))
    return windows
