"""What was heard: tokens with their frames and probabilities, and the words they make up, in seconds.

A *path* names one class a frame. CTC reads it by taking every run of one class as one token and leaving out
the blank (A. Graves and others, ICML 2006): `collapse` does so for a whole batch at once, whoever found the
path.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
from torch import Tensor

from speechsrt.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Hypothesis:
    """L tokens in the order they are said.

    Attributes:
        tokens: their numbers in the vocabulary; never the blank.
        starts: the first frame of each.
        ends: the frame after the last one of each.
        scores: the probability of each, in the frame of its run where it is likeliest.
    """

    tokens: list[int]
    starts: list[int]
    ends: list[int]
    scores: list[float]


@dataclass(frozen=True)
class Word:
    """A word, from its first token's start to its last one's end in seconds, and how sure it is (0 to 1)."""

    text: str
    start: float
    end: float
    confidence: float


def words_of(
    hypothesis: Hypothesis, vocabulary: Vocabulary, frame_seconds: float, offset: float = 0.0
) -> list[Word]:
    """Group a hypothesis into words.

    A word's confidence is the geometric mean of its tokens' probabilities: that of a typical token, whatever
    the word's length.

    Args:
        hypothesis: what was heard.
        vocabulary: tells which tokens belong together.
        frame_seconds: from one frame to the next.
        offset: the time of frame 0.
    """
    words = []
    for positions in vocabulary.split_words(hypothesis.tokens):
        text = vocabulary.decode([hypothesis.tokens[position] for position in positions])
        start = offset + hypothesis.starts[positions[0]] * frame_seconds
        end = offset + hypothesis.ends[positions[-1]] * frame_seconds
        confidence = prod(hypothesis.scores[position] ** (1 / len(positions)) for position in positions)
        words.append(Word(text, start, end, confidence))
    return words


def collapse(paths: Tensor, log_probs: Tensor, lengths: Tensor, blank: int) -> list[Hypothesis]:
    """Read the paths of B utterances of up to T frames, all on the CPU.

    Args:
        paths: ``(B, T)`` a class for every frame.
        log_probs: ``(B, T)`` the natural logarithm of that class's probability.
        lengths: ``(B,)`` valid frames of each; what comes after them is not looked at.
        blank: the blank's class.
    """
    batch, frames = paths.shape
    valid = torch.arange(frames) < lengths[:, None]
    paths = paths.masked_fill(~valid, blank)
    begins = torch.ones_like(valid)
    begins[:, 1:] = paths[:, 1:] != paths[:, :-1]
    run = begins.flatten().cumsum(0) - 1
    starts = begins.flatten().nonzero()[:, 0]
    ends = torch.cat([starts[1:], starts.new_tensor([batch * frames])])[: len(starts)]
    best = log_probs.new_zeros(len(starts)).scatter_reduce(
        0, run, log_probs.flatten(), "amax", include_self=False
    )
    tokens = paths.flatten()[starts]
    spoken = tokens != blank
    tokens, starts, ends, best = tokens[spoken], starts[spoken], ends[spoken], best[spoken]
    row = starts // max(frames, 1)
    columns = (tokens, starts - row * frames, ends - row * frames, best.exp())
    bounds = [0, *row.bincount(minlength=batch).cumsum(0).tolist()]
    values = [column.tolist() for column in columns]
    return [Hypothesis(*(value[low:high] for value in values)) for low, high in pairwise(bounds)]
