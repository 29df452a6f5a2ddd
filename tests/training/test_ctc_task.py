"""The CTC loss: against a sum over all alignments, and as the recipe weighs utterances."""

from itertools import groupby, product

import pytest
import torch

from speechsrt.loading.utterances import UtteranceBatch
from speechsrt.training.ctc_task import ctc


def brute_force(log_probs: torch.Tensor, target: list[int], blank: int) -> float:
    """Minus the logarithm of the probability of all paths (T, V) that CTC reads as the target."""
    frames, classes = log_probs.shape
    total = 0.0
    for path in product(range(classes), repeat=frames):
        if [token for token, _ in groupby(path) if token != blank] == target:
            total += float(log_probs[range(frames), list(path)].sum().exp())
    return -torch.tensor(total).log().item()


@pytest.mark.parametrize("target", [[0], [0, 1], [1, 1], []])
def test_the_loss_is_minus_the_log_of_the_sum_over_alignments(target: list[int]) -> None:
    log_probs = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1)).log_softmax(2)
    batch = UtteranceBatch(
        torch.zeros(2, 1),
        torch.zeros(2),
        torch.tensor(target + target, dtype=torch.long),
        torch.tensor([len(target)] * 2),
        torch.arange(2),
    )
    losses = ctc(log_probs, torch.tensor([5, 4]), batch, blank=2)
    assert losses.tolist() == pytest.approx(
        [brute_force(log_probs[0], target, 2), brute_force(log_probs[1, :4], target, 2)], rel=1e-5
    )
