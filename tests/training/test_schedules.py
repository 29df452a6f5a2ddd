from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsrt.errors import UserError
from speechsrt.training.schedules import Constant, WarmupCosine, WarmupHoldPoly

quick = settings(max_examples=60, deadline=None)
rates = st.floats(1e-4, 1.0)


def test_the_recipe_of_matchboxnet():
    """Of 1000 steps 50 to warm up, 450 to hold, then a parabola from 0.05 to 0.001."""
    rate = WarmupHoldPoly().factor(0.05, 1000)
    assert 0.05 * rate(0) == pytest.approx(0.05 / 51)
    assert 0.05 * rate(24) == pytest.approx(0.05 * 25 / 51)
    assert [rate(step) for step in (50, 51, 300, 499, 500)] == [1.0] * 5
    assert 0.05 * rate(750) == pytest.approx(0.049 * 0.25 + 0.001)
    assert 0.05 * rate(1000) == pytest.approx(0.001)
    assert 0.05 * rate(5000) == pytest.approx(0.001)


def slow_poly(step: int, lr: float, total: int, warm: float, hold: float, power: float, low: float) -> float:
    warmup = int(warm * total)
    end = warmup + int(hold * total)
    if warmup and step <= warmup:
        return lr * (step + 1) / (warmup + 1)
    if step < end:
        return lr
    return (lr - low) * max(0, 1 - (step - end) / max(1, total - end)) ** power + low


@given(
    step=st.integers(0, 400),
    lr=rates,
    total=st.integers(1, 300),
    warm=st.floats(0, 0.5),
    hold=st.floats(0, 0.5),
    power=st.floats(0.5, 3),
)
@quick
def test_warm_up_hold_decay_is_its_formula(step, lr, total, warm, hold, power):
    low = lr / 10
    rate = WarmupHoldPoly(warm, hold, power, low).factor(lr, total)
    assert lr * rate(step) == pytest.approx(slow_poly(step, lr, total, warm, hold, power, low))


@given(total=st.integers(0, 300), warm=st.floats(0, 0.5), hold=st.floats(0, 0.5), lr=rates, low=rates)
@quick
def test_rises_once_then_never_again_and_stays_in_its_bounds(total, warm, hold, lr, low):
    rates = [WarmupHoldPoly(warm, hold, 2.0, low).factor(lr, total)(step) for step in range(total + 5)]
    check_shape(rates, min(1.0, low / lr))


@given(total=st.integers(0, 300), warm=st.integers(0, 100), lr=rates, low=rates)
@quick
def test_cosine_rises_once_then_never_again_and_stays_in_its_bounds(total, warm, lr, low):
    steps = range(max(total, warm) + 5)
    check_shape([WarmupCosine(warm, low).factor(lr, total)(step) for step in steps], min(1.0, low / lr))


def check_shape(rates: list[float], end: float) -> None:
    top = rates.index(max(rates))
    assert all(a <= b + 1e-12 for a, b in pairwise(rates[: top + 1]))
    assert all(a >= b - 1e-12 for a, b in pairwise(rates[top:]))
    assert all(0 < rate <= 1 + 1e-12 for rate in rates)
    assert rates[-1] == pytest.approx(end)


def test_cosine_by_hand():
    rate = WarmupCosine(warmup_steps=3, min_lr=0.02).factor(0.1, 11)
    assert [rate(step) for step in range(4)] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rate(7) == pytest.approx(0.2 + 0.8 * 0.5)
    assert rate(11) == rate(100) == pytest.approx(0.2)


def test_cosine_without_warm_up():
    rate = WarmupCosine(warmup_steps=0).factor(0.1, 10)
    assert (rate(0), rate(5), rate(10)) == pytest.approx((1.0, 0.5, 0.0))


def test_without_warm_up_or_hold_the_decay_begins_at_once():
    rate = WarmupHoldPoly(0.0, 0.0, 1.0, 0.0).factor(1.0, 4)
    assert [rate(step) for step in range(5)] == pytest.approx([1.0, 0.75, 0.5, 0.25, 0.0])


def test_a_run_of_one_step_and_of_none():
    for schedule in (WarmupHoldPoly(), WarmupCosine(0), Constant()):
        assert schedule.factor(0.05, 1)(0) == 1.0
        assert schedule.factor(0.05, 0)(0) == pytest.approx(1.0)


@pytest.mark.parametrize("schedule", [WarmupHoldPoly(min_lr=0.001), WarmupCosine(0, min_lr=0.001)])
def test_the_end_is_never_above_the_rate_it_began_with(schedule):
    """As when a small rate is chosen for fine-tuning and the recipe's end is left as it was."""
    rate = schedule.factor(0.0005, 100)
    assert rate(50) == rate(100) == 1.0


@pytest.mark.parametrize("schedule", [WarmupHoldPoly(), WarmupCosine(0, 0.1), Constant()])
def test_a_rate_of_zero_divides_nothing(schedule):
    assert schedule.factor(0.0, 100)(60) == 1.0


def test_constant():
    rate = Constant().factor(0.3, 10)
    assert [rate(step) for step in (0, 5, 10, 99)] == [1.0] * 4


@pytest.mark.parametrize(("warm", "hold"), [(-0.1, 0.5), (0.5, -0.1), (0.6, 0.5)])
def test_shares(warm, hold):
    with pytest.raises(
        UserError, match=r"warmup_ratio=.* and hold_ratio=.* must be shares that add up to at most 1"
    ):
        WarmupHoldPoly(warm, hold)


@pytest.mark.parametrize("setting", [{"power": -1.0}, {"min_lr": -0.1}])
def test_negative_power_or_end(setting):
    with pytest.raises(UserError, match=r"schedule: power=.* and min_lr=.* must be at least 0"):
        WarmupHoldPoly(**setting)


@pytest.mark.parametrize("setting", [{"warmup_steps": -1}, {"min_lr": -0.1}])
def test_negative_cosine(setting):
    with pytest.raises(UserError, match=r"schedule: warmup_steps=.* and min_lr=.* must be at least 0"):
        WarmupCosine(**setting)


@pytest.mark.parametrize("total", [40, 1000])
def test_a_share_of_the_run_warms_up_as_so_many_steps(total: int):
    share, steps = WarmupCosine(warmup_ratio=0.025), WarmupCosine(warmup_steps=int(0.025 * total))
    for step in (0, 1, total // 40, total // 2, total):
        assert share.factor(0.1, total)(step) == steps.factor(0.1, total)(step)


@pytest.mark.parametrize("ratio", [-0.1, 1.1])
def test_a_share_outside_the_run(ratio: float):
    with pytest.raises(UserError, match=rf"schedule.warmup_ratio={ratio}: choose a share of the run"):
        WarmupCosine(warmup_ratio=ratio)
