"""Which utterances CTC can learn from: their tokens must fit into the frames of the model's output.

CTC puts at most one token on a frame, and between two equal ones it needs a blank to tell them from one long
token. So a text of U tokens with E adjacent equal pairs has a path only if T >= U + E (Graves et al. 2006,
"Connectionist temporal classification"). Shorter outputs give an infinite loss, which is no number to learn
from. A text of which the vocabulary has nothing would teach silence where there is speech.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from speechsrt.corpora.manifest import Clip


def frames_needed(tokens: Sequence[int]) -> int:
    """Return the least number of output frames that CTC can align a token sequence with."""
    return len(tokens) + sum(one == next_one for one, next_one in pairwise(tokens))


def unalignable(
    clips: Iterable[Clip], encode: Callable[[str], Sequence[int]], frames_of: Callable[[float], int]
) -> list[tuple[Clip, str]]:
    """Return the clips that CTC cannot align, each with the reason, in order.

    Args:
        clips: utterances, their labels normalised text.
        encode: text to tokens, without what the vocabulary lacks.
        frames_of: seconds of sound to frames of the model's output.
    """
    flaws = ((clip, _flaw(clip, encode(clip.label), frames_of(clip.duration))) for clip in clips)
    return [(clip, flaw) for clip, flaw in flaws if flaw]


def _flaw(clip: Clip, tokens: Sequence[int], frames: int) -> str | None:
    if not tokens:
        return f'has no text that the vocabulary can write ("{clip.label}")'
    if (needed := frames_needed(tokens)) > frames:
        return f"has {len(tokens)} tokens, which need {needed} frames; {clip.duration:.2f} s give {frames}"
    return None
