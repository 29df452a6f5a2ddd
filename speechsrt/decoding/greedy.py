"""The likeliest class of every frame, read as CTC reads it: fast, and needing nothing but the model."""

from torch import Tensor

from speechsrt.decoding.hypothesis import Hypothesis, collapse
from speechsrt.text.vocabulary import Vocabulary


def greedy(log_probs: Tensor, lengths: Tensor, blank: int) -> list[Hypothesis]:
    """Decode a batch by the best path.

    Args:
        log_probs: ``(B, T, classes)`` natural logarithms, on any device.
        lengths: ``(B,)`` valid frames of each utterance.
        blank: the blank's class.
    """
    best, paths = log_probs.max(2)
    return collapse(paths.cpu(), best.cpu(), lengths.cpu(), blank)


class Greedy:
    """`greedy` as a decoder to be named in a configuration (``decoder=greedy``)."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.blank = vocabulary.blank

    def __call__(self, log_probs: Tensor, lengths: Tensor) -> list[Hypothesis]:
        """Return a hypothesis for each utterance of ``(B, T, tokens + 1)`` with `lengths` valid frames."""
        return greedy(log_probs, lengths, self.blank)
