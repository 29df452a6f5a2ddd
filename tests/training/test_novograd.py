import io
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from speechsrt.errors import UserError
from speechsrt.training.novograd import NovoGrad


def slow_steps(
    weights: list[list[float]],
    gradients: list[list[list[float]]],
    lr: float,
    betas: tuple[float, float],
    decay: float,
) -> list[list[float]]:
    """The recipe's formula, number by number; gradients by step and tensor."""
    weights = [list(w) for w in weights]
    moments: list[float] = []
    momenta = [[0.0] * len(w) for w in weights]
    for step, each in enumerate(gradients):
        for n, (w, g) in enumerate(zip(weights, each, strict=True)):
            square = sum(entry**2 for entry in g)
            if step == 0:
                moments.append(square)
            else:
                moments[n] = betas[1] * moments[n] + (1 - betas[1]) * square
            for k in range(len(w)):
                update = g[k] / (math.sqrt(moments[n]) + 1e-8) + decay * w[k]
                momenta[n][k] = betas[0] * momenta[n][k] + update
                w[k] -= lr * momenta[n][k]
    return weights


def tensors(*values: list[float]) -> list[Tensor]:
    return [torch.tensor(v, dtype=torch.double, requires_grad=True) for v in values]


def steps(optimizer: NovoGrad, weights: list[Tensor], gradients: list[list[list[float]]]) -> None:
    for each in gradients:
        for weight, gradient in zip(weights, each, strict=True):
            weight.grad = torch.tensor(gradient, dtype=torch.double)
        optimizer.step()


numbers = st.floats(-3, 3, width=32)
vectors = st.lists(numbers, min_size=3, max_size=3)
betas = st.floats(0, 0.99)


@given(
    start=st.tuples(vectors, vectors),
    gradients=st.lists(st.tuples(vectors, vectors).map(list), min_size=1, max_size=6),
    lr=st.floats(0, 0.1),
    betas=st.tuples(betas, betas),
    decay=st.floats(0, 0.1),
)
@settings(max_examples=50, deadline=None)
def test_steps_are_the_formula(start, gradients, lr, betas, decay):
    weights = tensors(*start)
    steps(NovoGrad(weights, lr=lr, betas=betas, weight_decay=decay), weights, gradients)
    for found, wanted in zip(weights, slow_steps(list(start), gradients, lr, betas, decay), strict=True):
        assert found.tolist() == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_the_first_step_has_the_length_of_the_learning_rate():
    (weight,) = tensors([1.0, 2.0])
    weight.grad = torch.tensor([30.0, 40.0], dtype=torch.double)
    NovoGrad([weight], lr=0.1, weight_decay=0.0).step()
    assert weight.tolist() == pytest.approx([1 - 0.06, 2 - 0.08])


def test_the_first_step_does_not_depend_on_the_size_of_the_gradient():
    small, large = tensors([1.0, 2.0], [1.0, 2.0])
    small.grad, large.grad = torch.tensor([3e-3, 4e-3]).double(), torch.tensor([3e3, 4e3]).double()
    NovoGrad([small, large], lr=0.1).step()
    torch.testing.assert_close(small, large, rtol=1e-5, atol=1e-5)


def test_no_gradient_at_all_is_weight_decay_alone():
    (weight,) = tensors([2.0, -4.0])
    weight.grad = torch.zeros(2, dtype=torch.double)
    NovoGrad([weight], lr=0.5, weight_decay=0.1).step()
    assert weight.tolist() == pytest.approx([1.9, -3.8])


def test_a_tensor_without_gradient_stays_and_begins_when_it_has_one():
    early, late = tensors([1.0, 1.0], [1.0, 1.0])
    optimizer = NovoGrad([early, late], lr=0.1, weight_decay=0.0)
    early.grad = torch.tensor([3.0, 4.0], dtype=torch.double)
    optimizer.step()
    assert late.tolist() == [1.0, 1.0]
    assert late not in optimizer.state
    late.grad = torch.tensor([3.0, 4.0], dtype=torch.double)
    optimizer.step()
    assert late.tolist() == pytest.approx([0.94, 0.92])


def test_groups_have_settings_of_their_own():
    one, other = tensors([1.0], [1.0])
    one.grad = other.grad = torch.ones(1, dtype=torch.double)
    NovoGrad([{"params": [one], "lr": 0.5}, {"params": [other]}], lr=0.1, weight_decay=0.0).step()
    assert (one.item(), other.item()) == pytest.approx((0.5, 0.9))


def test_a_closure_is_asked_for_loss_and_gradients():
    (weight,) = tensors([3.0])
    optimizer = NovoGrad([weight], lr=0.1, weight_decay=0.0)

    def closure() -> float:
        loss = weight.square().sum()
        loss.backward()
        return loss.item()

    assert optimizer.step(closure) == 9.0
    assert weight.item() == pytest.approx(2.9)
    assert NovoGrad(tensors([1.0])).step() is None


def test_goes_on_exactly_from_a_stored_state():
    gradients = [[[0.1 * n, -0.2], [1.0, n / 3]] for n in range(1, 7)]
    whole = tensors([1.0, 2.0], [3.0, 4.0])
    steps(NovoGrad(whole), whole, gradients)
    first = tensors([1.0, 2.0], [3.0, 4.0])
    optimizer = NovoGrad(first)
    steps(optimizer, first, gradients[:3])
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    second = [weight.detach().clone().requires_grad_() for weight in first]
    again = NovoGrad(second, lr=9.0)
    again.load_state_dict(torch.load(file, weights_only=True))
    steps(again, second, gradients[3:])
    for found, wanted in zip(second, whole, strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("setting", [{"lr": -0.1}, {"weight_decay": -1.0}, {"eps": -1e-8}])
def test_negative_numbers(setting):
    with pytest.raises(UserError, match=r"optim: lr=.*, weight_decay=.* and eps=.* must be at least 0"):
        NovoGrad(tensors([1.0]), **setting)


@pytest.mark.parametrize("betas", [[0.9], [0.9, 1.0], [-0.1, 0.5], []])
def test_betas(betas):
    with pytest.raises(UserError, match=r"optim\.betas=\[.*\]: two numbers from 0 to below 1"):
        NovoGrad(tensors([1.0]), betas=betas)
