"""What corpora of sentences share: headers read in threads, and the limits on an utterance's length."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from speechsrt.audio.files import Probe, UnreadableAudioError, probe
from speechsrt.corpora.download import Progress
from speechsrt.corpora.manifest import Contents
from speechsrt.corpora.settings import check_positive
from speechsrt.errors import UserError

THREADS = 8
BATCH = 1024


def probe_all(
    paths: Sequence[str], description: str, progress: Progress | None = None
) -> list[Probe | UnreadableAudioError]:
    """Return what the header of each file tells, or why it cannot be read.

    In threads, since libsndfile works without Python's lock and on a cold disk the time goes in waiting.
    """
    found: list[Probe | UnreadableAudioError] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(paths), BATCH):
            found += pool.map(_probe, paths[start : start + BATCH])
            if progress:
                progress(description, len(found), len(paths))
    return found


def _probe(path: str) -> Probe | UnreadableAudioError:
    try:
        return probe(path)
    except UnreadableAudioError as error:
        return error


def check_lengths(least: object, most: object) -> tuple[float, float]:
    """Return the least and the most seconds of an utterance; no most (None) is infinity.

    Raises UserError naming `data.min_seconds` or `data.max_seconds`.
    """
    low = check_positive(least, "data.min_seconds")
    high = math.inf if most is None else check_positive(most, "data.max_seconds")
    if high <= low:
        raise UserError(f"data.max_seconds={high:g}: must be above data.min_seconds={low:g}")
    return low, high


def too_short(seconds: float, least: float) -> str | None:
    """Return what is wrong with an utterance of this length, None where it reaches the least."""
    return f"lasts {seconds:.3g} s, less than data.min_seconds={least:g}" if seconds < least else None


def leave_out_long(contents: Contents, most: float) -> None:
    """Move training utterances of more than `most` seconds to `rejected`, and note how many they are.

    Only training needs a limit (its memory grows with the longest utterance); held-out splits stay whole, so
    that error rates are those of the corpus.
    """
    clips = contents.splits["train"]
    long = [clip for clip in clips if clip.duration > most]
    if not long:
        return
    contents.splits["train"] = [clip for clip in clips if clip.duration <= most]
    contents.rejected += [
        (clip.path, f"lasts {clip.duration:.2f} s, more than data.max_seconds={most:g}") for clip in long
    ]
    hours = sum(clip.duration for clip in long) / 3600
    contents.notes.append(
        f"{len(long)} of {len(clips)} training utterances ({hours:.2f} h) exceed data.max_seconds={most:g} "
        "and are left out."
    )
