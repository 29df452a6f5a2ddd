import torch

from speechsrt.pointwise.base import Cost
from speechsrt.pointwise.learned import Learned


def test_counts():
    assert Learned(3, 5).cost() == Cost(15, 15, 32 * 15, 15, 15)


def test_starts_xavier_uniform():
    torch.manual_seed(0)
    weight = Learned(300, 100).weight().detach()
    bound = (6 / 400) ** 0.5
    assert weight.abs().max() <= bound
    assert abs(float(weight.var()) / (bound**2 / 3) - 1) < 0.05


def test_projection_holds_the_matrix_itself_but_not_its_memory():
    weight = torch.randn(4, 2)
    layer, error = Learned.from_dense(weight)
    assert error == 0
    assert torch.equal(layer.weight(), weight)
    layer.weight().data.zero_()
    assert weight.abs().sum() > 0
