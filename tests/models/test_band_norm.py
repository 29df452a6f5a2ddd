"""Normalisation of whole rows beside PyTorch's own layer."""

import copy

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from speechsrt.models.band_norm import BandNorm

sizes = st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 3), st.integers(1, 5))


def shaken(channels: int, groups: int, dtype: torch.dtype) -> BandNorm:
    norm = BandNorm(channels, groups).to(dtype)
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            assert tensor is not None
            tensor.add_(torch.rand_like(tensor))
    return norm


def trained(norm: BandNorm, x: Tensor, plainly: bool) -> list[Tensor]:
    """Output, gradients to input, scale and shift, and the statistics afterwards."""
    x = x.clone().requires_grad_()
    y = norm.plainly(x) if plainly else norm(x)
    (y * torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view(y.shape)).sum().backward()
    found = [y, x.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var]
    assert norm.num_batches_tracked == 1
    return [tensor for tensor in found if tensor is not None]


@given(sizes=sizes, groups=st.sampled_from([1, 2, 5]), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_as_pytorchs_own(sizes: tuple[int, int, int, int], groups: int, seed: int) -> None:
    """Also of a view that is not contiguous, far from zero."""
    batch, frames, bands, channels = sizes
    assume(batch * frames * bands > 1)
    torch.manual_seed(seed)
    x = torch.randn(frames, batch, groups * bands, channels, dtype=torch.double).transpose(0, 1) * 2 + 30
    norm = shaken(channels, groups, torch.double)
    found, wanted = trained(copy.deepcopy(norm), x, False), trained(copy.deepcopy(norm), x, True)
    assert len(found) == 6
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", [(100, 101, 20, 12), (7, 101, 8), (33, 20)])
def test_single_precision(shape: tuple[int, ...]) -> None:
    """Hardly further from double precision than PyTorch's own, or than a rounding or two.

    Where both sum in the same order they tie, so processors of other widths decide which is ahead.
    """
    torch.manual_seed(0)
    norm, x = shaken(shape[-1], 1, torch.float32), torch.randn(shape) + 3
    exact = trained(copy.deepcopy(norm).double(), x.double(), True)
    plain = trained(copy.deepcopy(norm), x, True)
    for ours, theirs, wanted in zip(trained(norm, x, False), plain, exact, strict=True):
        allowed = max(1.5 * (theirs - wanted).abs().max().item(), 2e-6 * wanted.abs().max().item())
        assert (ours - wanted).abs().max().item() <= allowed


def test_one_value_a_channel_is_refused_as_by_pytorch() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        BandNorm(4, 5)(torch.zeros(1, 1, 5, 4))


def test_evaluation_uses_what_was_learned() -> None:
    norm = shaken(3, 1, torch.double).eval()
    assert norm.running_mean is not None
    assert norm.running_var is not None
    x = torch.randn(2, 5, 3, dtype=torch.double)
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    torch.testing.assert_close(norm(x), (x - norm.running_mean) * scale + norm.bias)


def test_autocast_takes_pytorchs_own() -> None:
    norm, x = shaken(4, 5, torch.float32), torch.randn(2, 3, 5, 4)
    wanted = copy.deepcopy(norm).plainly(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(norm(x), wanted)
