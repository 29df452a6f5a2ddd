import pytest
import torch

from speechsrt.errors import UserError
from speechsrt.pointwise.base import Cost
from speechsrt.pointwise.low_rank import LowRank


def test_counts_are_those_of_the_factors():
    assert LowRank(10, 6, rank=2).cost() == Cost(32, 32, 32 * 32, 32, 32)
    assert LowRank(1, 1, rank=1).cost() == Cost(2, 2, 64, 1, 1), "the product of the factors is less work"


@pytest.mark.parametrize(("ratio", "rank"), [(1e-9, 1), (0.25, 2), (0.5, 4), (1.0, 8)])
def test_a_share_of_the_smaller_width(ratio, rank):
    layer = LowRank(8, 20, rank_ratio=ratio)
    assert layer.settings() == {"rank": rank}
    assert torch.linalg.matrix_rank(layer.weight()) == rank


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (6, 4), (4, 6), (16, 16)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_projection_loses_the_tail_of_the_singular_values(shape, dtype):
    torch.manual_seed(1)
    weight = torch.randn(*shape, dtype=dtype)
    values = torch.linalg.svdvals(weight.double())
    for rank in range(1, min(shape) + 1):
        layer, error = LowRank.from_dense(weight, rank=rank)
        tail = float(values[rank:].square().sum().sqrt() / values.square().sum().sqrt())
        assert error == pytest.approx(tail, abs=1e-6 if dtype == torch.float32 else 1e-12)
        left, right = (float(factor.detach().square().sum()) for factor in (layer.left, layer.right))
        assert left == pytest.approx(right, rel=1e-4)


def test_projection_may_come_from_a_layer_that_is_trained():
    weight = torch.nn.Parameter(torch.randn(4, 3))
    layer, error = LowRank.from_dense(weight, rank=3)
    assert error < 1e-6
    assert layer.weight().requires_grad


def test_the_product_starts_with_the_variance_of_a_xavier_matrix():
    torch.manual_seed(0)
    for rank in (1, 8, 96):
        variances = [float(LowRank(160, 96, rank=rank).weight().detach().var()) for _ in range(20)]
        assert sum(variances) / 20 == pytest.approx(2 / 256, rel=0.1)


@pytest.mark.parametrize("settings", [{}, {"rank": 2, "rank_ratio": 0.5}])
def test_rank_or_ratio(settings):
    with pytest.raises(UserError, match=r"pointwise\.rank: give either rank or rank_ratio"):
        LowRank(4, 4, **settings)


@pytest.mark.parametrize("ratio", [0.0, -1.0, 1.01])
def test_impossible_ratio(ratio):
    with pytest.raises(UserError, match=r"pointwise\.rank_ratio=.*: choose a share above 0 and up to 1"):
        LowRank(4, 4, rank_ratio=ratio)


@pytest.mark.parametrize("rank", [0, -1, 5])
def test_impossible_rank(rank):
    with pytest.raises(UserError, match=rf"pointwise\.rank={rank}: a 9 x 4 layer takes a rank from 1 to 4"):
        LowRank(4, 9, rank=rank)
