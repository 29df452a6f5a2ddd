"""Trained ternary layers: three values a row, the rule that rounds, the gradient that does not see it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from speechsrt.errors import UserError
from speechsrt.pointwise.base import relative_error
from speechsrt.pointwise.ternary_learned import TernaryLearned

SHAPES = [(1, 1), (1, 5), (5, 1), (8, 8), (12, 20)]

shaped = pytest.mark.parametrize(("ins", "outs"), SHAPES)


def layer_of(latent: Tensor, **settings: float | None) -> TernaryLearned:
    layer = TernaryLearned(latent.shape[1], latent.shape[0], **settings).to(latent)  # pyright: ignore
    layer.latent.data.copy_(latent)
    return layer


def rounded(latent: Tensor, threshold: float) -> Tensor:
    """The rule row by row: above the threshold the sign times the mean of such sizes, else zero."""
    rows = []
    for row in latent.double().tolist():
        limit = threshold * sum(map(abs, row)) / len(row)
        large = [abs(w) for w in row if abs(w) > limit]
        scale = sum(large) / len(large) if large else 0.0
        rows.append([(w > 0) * scale - (w < 0) * scale if abs(w) > limit else 0.0 for w in row])
    return torch.tensor(rows, dtype=torch.double)


@shaped
@pytest.mark.parametrize("settings", [{}, {"threshold": 0.0}, {"density": 0.3}, {"density": 1.0}])
def test_a_row_has_one_size_and_its_negative_and_zero(ins, outs, settings):
    torch.manual_seed(0)
    weight = TernaryLearned(ins, outs, **settings).weight().detach()
    for row in weight:
        assert len(row.abs()[row != 0].unique()) <= 1
    assert weight.any()


@given(outs=st.integers(1, 6), ins=st.integers(1, 9), threshold=st.floats(0, 3), seed=st.integers(0, 1 << 30))
@settings(deadline=None, max_examples=40)
def test_the_threshold_is_in_means_of_the_row(outs, ins, threshold, seed):
    torch.manual_seed(seed)
    latent = torch.randn(outs, ins, dtype=torch.double)
    torch.testing.assert_close(
        layer_of(latent, threshold=threshold).weight().detach(), rounded(latent, threshold)
    )


def test_the_rule_by_hand():
    layer = layer_of(torch.tensor([[1.0, -2.0, 0.5, 4.5], [0.0, 0.0, 0.0, 0.0]]))
    assert layer.weight().tolist() == [[0.0, -3.25, 0.0, 3.25], [0.0] * 4]  # the mean is 2, the limit 1.4


def test_of_a_gaussian_row_the_usual_threshold_is_about_the_best():
    torch.manual_seed(0)
    latent = torch.randn(20, 500)
    errors = {t: TernaryLearned.from_dense(latent, threshold=t)[1] for t in (0.2, 0.5, 0.7, 0.9, 1.2)}
    assert min(errors, key=errors.__getitem__) == 0.7


@shaped
@pytest.mark.parametrize("density", [1e-9, 0.1, 0.37, 0.5, 1.0])
def test_density_is_kept_to_the_weight(ins, outs, density):
    torch.manual_seed(0)
    layer = TernaryLearned(ins, outs, density=density)
    assert int((layer.weight() != 0).sum()) == max(1, round(density * ins * outs))
    kept = layer.latent.detach().abs()[layer.kept()]
    assert bool((kept.min() >= layer.latent.detach().abs()[~layer.kept()]).all())


def test_the_gradient_passes_as_if_nothing_had_been_rounded():
    torch.manual_seed(0)
    layer = TernaryLearned(7, 5).double()
    x, target = torch.randn(9, 7, dtype=torch.double), torch.randn(9, 5, dtype=torch.double)
    (layer(x) - target).square().sum().backward()
    free = layer.weight().detach().requires_grad_()
    (x @ free.T - target).square().sum().backward()
    assert layer.latent.grad is not None
    torch.testing.assert_close(layer.latent.grad, free.grad)
    assert bool((layer.latent.grad[layer.weight() == 0] != 0).any()), "what is zero now may come back"


def test_projection_takes_the_matrix_as_latent_weights():
    torch.manual_seed(0)
    weight = torch.randn(6, 8)
    layer, error = TernaryLearned.from_dense(weight, threshold=0.5)
    assert torch.equal(layer.latent, weight)
    assert error == pytest.approx(relative_error(weight, layer.weight()))


@given(
    outs=st.integers(1, 9),
    ins=st.integers(1, 9),
    threshold=st.sampled_from([0.0, 0.7, 1.0, 2.5]),
    density=st.none() | st.floats(0.01, 1),
    seed=st.integers(0, 1 << 30),
)
@settings(deadline=None, max_examples=60)
def test_packed_and_unpacked_is_the_same_to_the_bit(outs, ins, threshold, density, seed):
    torch.manual_seed(seed)
    layer = TernaryLearned(ins, outs, threshold, density)
    layer.latent.data *= torch.rand(outs, 1) > 0.2  # some rows are empty
    again = TernaryLearned(ins, outs, threshold, density)
    again.unpack(layer.pack())
    assert torch.equal(again.weight(), layer.weight())
    assert again.cost() == layer.cost()


@shaped
def test_packed_are_two_bits_an_entry_and_a_scale_a_row(ins, outs):
    packed = TernaryLearned(ins, outs).pack()
    entries, bytes_of = ins * outs, {name: t.numel() * t.element_size() for name, t in packed.items()}
    assert bytes_of == {"present": -(-entries // 8), "negative": -(-entries // 8), "scale": 4 * outs}
    assert TernaryLearned(ins, outs).cost().stored_bits == 8 * sum(bytes_of.values())


def test_the_first_entry_is_in_the_lowest_bit():
    packed = layer_of(torch.tensor([[-1.0, 0.0, 1.0], [0.0, 0.0, -2.0]])).pack()
    assert packed["present"].tolist() == [0b100101]
    assert packed["negative"].tolist() == [0b100001]
    assert packed["scale"].tolist() == [1.0, 2.0]


def test_cost_is_an_addition_an_entry_and_a_product_a_row():
    cost = layer_of(torch.tensor([[-1.0, 0.0, 1.0], [0.0, 0.0, -2.0]])).cost()
    assert (cost.trained_weights, cost.multiplications, cost.additions) == (6, 2, 3)


@pytest.mark.parametrize("threshold", [-0.1, -3])
def test_threshold_below_zero(threshold):
    with pytest.raises(UserError, match=rf"pointwise\.threshold={threshold}: at least 0"):
        TernaryLearned(4, 4, threshold=threshold)


@pytest.mark.parametrize("density", [0.0, -0.5, 1.01])
def test_density_outside_its_range(density):
    with pytest.raises(UserError, match=rf"pointwise\.density={density}: choose a share above 0 and up to 1"):
        TernaryLearned(4, 4, density=density)
