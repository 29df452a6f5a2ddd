"""Long recordings in overlapping chunks, joined again so that no word is lost or doubled.

Near the ends of a chunk the model lacks context, and two chunks that hear the same sound may place a token a
frame or two apart. So the seam between two chunks, the frame from which on the later one is believed, lies in
the middle half of their overlap, and there where

1. both chunks have come equally far: the token last begun is the same in both, so is the next to begin, and
   the two best paths put together here neither break a token in two nor fuse two;
2. both are sure of a pause, blank or space, for `WINDOW` frames before and as many after;
3. the middle of the overlap is near.

The earlier of these counts more. With chunks of three times the overlap or more, whose middle half has
``2 * WINDOW`` frames or more, the best path through the joined chunks has the tokens of that through the
whole recording

* wherever in each middle half both chunks have the very same best path, at any pace of speech; and
* wherever both have the same tokens in there, none but spaces more than ``2 * WINDOW`` frames apart, and
  between the same two of them the same ``2 * WINDOW`` frames of blank, each with a probability of 0.85 or
  more. Where a chunk is J frames off at most, a pause of ``2 * WINDOW + 2 * J`` frames gives them: 0.16 s
  with J = 2 and 20 ms a frame.

What the chunks hear in the outer quarters of an overlap does not matter. With shorter pauses the seam is the
best guess; it can go wrong where the same token comes three times in a row or two take turns.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import gcd, log

import torch
from torch import Tensor

from speechsrt.errors import UserError
from speechsrt.text.vocabulary import SPACE, Vocabulary

WINDOW = 2
SURE = log(0.5)
"""Where the logarithms of a window add up to more, its pause is more likely than not, and any is as good."""


def spans(samples: int, chunk: int, overlap: int) -> list[tuple[int, int]]:
    """Cut a recording into as few chunks as will do, of one length and evenly spread.

    Starts are multiples of the largest number of samples that divides both `chunk` and `overlap`: where these
    are whole frames, so are the starts. For the last chunk to begin at one, it may be shorter by less than
    that; the overlaps may be longer than asked for.

    Args:
        samples: length of the recording.
        chunk: length of a chunk, more than `overlap`.
        overlap: what two neighbours share at least, 1 or more.

    Raises:
        UserError: no overlap, or one that leaves nothing of a chunk.
    """
    if not 0 < overlap < chunk:
        raise UserError(
            f"overlap_seconds: chunks of {chunk} samples cannot overlap by {overlap}; write more than 0 and "
            "less than chunk_seconds"
        )
    unit = gcd(chunk, overlap)
    last = -(-max(0, samples - chunk) // unit)
    steps = -(-last // ((chunk - overlap) // unit))
    starts = [-(-last * step // max(1, steps)) * unit for step in range(steps + 1)]
    return [(start, min(start + chunk, samples)) for start in starts]


def join(parts: Sequence[Tensor], starts: Sequence[int], vocabulary: Vocabulary) -> Tensor:
    """Join the log probabilities of overlapping chunks into ``(T, tokens + 1)``.

    Args:
        parts: ``(T_i, tokens + 1)`` of each chunk.
        starts: the frame of the recording at which each begins, from 0, ever later.
        vocabulary: tells which classes are the blank and the space.

    Raises:
        ValueError: nothing to join, a gap between two chunks, or one that ends before its predecessor.
    """
    stops = [start + len(part) for start, part in zip(starts, parts, strict=True)]
    if not parts or any(start > stop for start, stop in zip(starts[1:], stops, strict=False)):
        raise ValueError(f"chunks from {list(starts)} to {stops} leave a gap")
    if any(later <= earlier for earlier, later in [*pairwise(starts), *pairwise(stops)]):
        raise ValueError(f"chunks from {list(starts)} to {stops} do not follow each other")
    quiet = [vocabulary.blank] + [token for token, text in enumerate(vocabulary.tokens) if text == SPACE]
    seams = [starts[0]]
    for index, start in enumerate(starts[1:]):
        left, right = parts[index][start - starts[index] :], parts[index + 1][: stops[index] - start]
        seams.append(max(seams[-1], start + _seam(left, right, quiet)))
    bounds = pairwise([*seams, stops[-1]])
    pieces = zip(parts, starts, bounds, strict=True)
    return torch.cat([part[low - start : high - start] for part, start, (low, high) in pieces])


def _seam(left: Tensor, right: Tensor, quiet: list[int]) -> int:
    """Return the frame, 0 to O, at which one view ``(O, classes)`` of an overlap gives way to the other."""
    frames = len(left)
    margin = frames // 4
    if frames - 2 * margin < 2 * WINDOW:
        return frames // 2
    left, right = left[margin : frames - margin], right[margin : frames - margin]
    pause = torch.minimum(left[:, quiet].logsumexp(1), right[:, quiet].logsumexp(1))
    pause = pause.unfold(0, 2 * WINDOW, 1).sum(1).clamp(max=SURE).tolist()
    # Both lists begin with the first seam that has a whole window before it.
    level = _level(left.argmax(1), right.argmax(1), quiet[0])[WINDOW - 1 :].tolist()
    middle = frames / 2 - margin - WINDOW
    best = max(range(len(pause)), key=lambda seam: (level[seam], pause[seam], -abs(seam - middle)))
    return margin + WINDOW + best


def _level(left: Tensor, right: Tensor, blank: int) -> Tensor:
    """Say for the seams 1 to n - 1 whether two paths ``(n,)`` go on from one another without loss."""
    last, following = zip(_begun(left, blank), _begun(right, blank), strict=True)
    goes_on = (right[1:] == right[:-1]) & (right[1:] != blank)
    touches = (left[:-1] == right[1:]) & (right[1:] != blank)
    return (last[0] == last[1]) & (following[0] == following[1]) & (goes_on == touches)


def _begun(path: Tensor, blank: int) -> tuple[Tensor, Tensor]:
    """Return for the seams 1 to n - 1 the token begun last before and the first begun behind, -1 for none."""
    begins = path != blank
    begins[1:] &= path[1:] != path[:-1]
    frames, count = torch.arange(len(path), device=path.device), len(path)
    last = torch.where(begins, frames, -1).cummax(0).values
    following = torch.where(begins, frames, count).flip(0).cummin(0).values.flip(0)
    named = torch.cat([path, path.new_tensor([-1])])  # both -1 and `count` point at the -1
    return named[last[:-1]], named[following[1:]]
