"""Learning rates of their own, and what layers add to the loss, in real trainings."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from killing import KilledError
from tones import TINY

from speechsrt import config
from speechsrt.audio.augment import SpectrogramAugment, WaveformAugment
from speechsrt.commands import train as command
from speechsrt.export import package
from speechsrt.models.keyword import KeywordModel
from speechsrt.training.checkpoints import Checkpoints
from speechsrt.training.history import read_history
from speechsrt.training.keyword_task import KeywordTask
from speechsrt.training.task import Recipe

Train = Callable[..., dict[str, Any]]
SLOW = ["placement=[{where: block1.0, kind: learned, rate: 0.1}]", "batch_size=4", "trainer.max_epochs=2"]
FEATURES = {"_target_": "speechsrt.audio.features.Mfcc", "channels": 8}
NETWORK = {"_target_": "speechsrt.models.matchboxnet.MatchboxNet", "blocks": 2, "channels": 4, "wide": 8}
LEARNED = "speechsrt.pointwise.learned.Learned"


def grouped(*rules: dict[str, Any]) -> tuple[KeywordModel, list[Any]]:
    """A model by such rules, and what its task hands the optimizer."""
    model = KeywordModel(
        FEATURES, NETWORK, ["a", "b"], 0.3, [{"_target_": LEARNED, **rule} for rule in rules]
    )
    recipe = Recipe(
        WaveformAugment(16000), SpectrogramAugment(), torch.optim.SGD, lambda rate, total: float, 0.0, 0
    )
    return model, KeywordTask(model, recipe, [], False).weights()


def layer(model: KeywordModel, name: str) -> Any:
    return next(placed.layer for placed in model.placed if placed.slot.name == name)


def record(monkeypatch: pytest.MonkeyPatch, rates: list[list[float]], stop: int | None = None) -> None:
    """Note the rates that each step has used; stop behind one where wanted."""
    original = Checkpoints.on_train_batch_end

    def hook(self: Checkpoints, trainer: Any, *others: Any) -> None:
        original(self, trainer, *others)
        rates.append([group["lr"] for group in trainer.optimizers[0].param_groups])
        if trainer.global_step == stop:
            raise KilledError

    monkeypatch.setattr(Checkpoints, "on_train_batch_end", hook)


# --- groups ---


@pytest.mark.parametrize("rules", [(), ({"where": ["block"]},), ({"where": ["*"], "rate": 1.0},)])
def test_without_rates_all_weights_are_in_one_group(rules: tuple[dict[str, Any], ...]) -> None:
    model, weights = grouped(*rules)
    assert [id(weight) for weight in weights] == [id(parameter) for parameter in model.parameters()]


def test_layers_of_one_rate_share_a_group_and_no_weight_is_lost() -> None:
    model, groups = grouped(
        {"where": ["block"], "rate": 0.1},
        {"where": ["last"], "rate": 3},
        {"where": ["residual"], "rate": 0.1},
    )
    found = {group["rate"]: [id(weight) for weight in group["params"]] for group in groups}
    names = ["block1.0", "block1.residual", "block2.0", "block2.residual"]
    assert set(found[0.1]) == {id(layer(model, name).matrix) for name in names}
    assert found[3.0] == [id(layer(model, "last.0").matrix)]
    together = [weight for group in found.values() for weight in group]
    assert len(together) == len(set(together))
    assert set(together) == {id(parameter) for parameter in model.parameters()}


def test_layers_without_weights_need_no_group() -> None:
    ternary = {"_target_": "speechsrt.pointwise.ternary.Ternary", "where": ["block"], "rate": 0.5}
    model, weights = grouped(ternary)
    assert len(weights) == len(list(model.parameters()))


def test_a_rate_is_part_of_the_description_where_it_is_not_one() -> None:
    model, _ = grouped({"where": ["block1.0"], "rate": 0.25}, {"where": ["last"], "rate": 1.0})
    layers = model.describe()["layers"]
    assert layers["block1.0"] == {"_target_": LEARNED, "rate": 0.25}
    assert layers["last.0"] == {"_target_": LEARNED}
    again = KeywordModel(**model.describe())
    assert [placed.rate for placed in again.placed] == [placed.rate for placed in model.placed]
    assert again.describe() == model.describe()


# --- trainings ---


@pytest.fixture(scope="session")
def unbroken(words_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A run in which one layer is slow, and the rates of its steps."""
    folder, rates = tmp_path_factory.mktemp("rates") / "run", []
    with pytest.MonkeyPatch.context() as patch:
        record(patch, rates)
        command.run(config.load([*TINY, *SLOW, f"data.root={words_folder}", f"run_dir={folder}"]))
    return SimpleNamespace(folder=folder, rates=rates)


def test_a_rate_is_kept_through_the_schedule(unbroken: SimpleNamespace) -> None:
    assert len(unbroken.rates) == 8
    for own, slow in unbroken.rates:
        assert slow == pytest.approx(0.1 * own)
    assert len({own for own, _ in unbroken.rates}) > 3, "the schedule moves"
    history = read_history(unbroken.folder / "metrics.csv")
    assert float(history[-1]["lr"]) == unbroken.rates[-1][0], "told is the rate of the others"


def test_a_rate_survives_a_kill(
    unbroken: SimpleNamespace, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[list[float]] = []
    with monkeypatch.context() as patch:
        record(patch, rates, stop=3)
        with pytest.raises(KilledError):
            train(*SLOW, "save_minutes=0")
    with monkeypatch.context() as patch:
        record(patch, rates)
        train(f"resume={tmp_path / 'run'}")
    assert rates == unbroken.rates
    ours, theirs = (package.read(folder).tensors for folder in (unbroken.folder, tmp_path / "run"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    described = package.load(tmp_path / "run").describe()["layers"]
    assert described["block1.0"]["rate"] == 0.1
    assert sum("rate" in settings for settings in described.values()) == 1


def test_a_slow_layer_moves_less(unbroken: SimpleNamespace, train: Train, tmp_path: Path) -> None:
    train(*SLOW, "trainer.max_epochs=0", "seed=0")
    start = package.load_keywords(tmp_path / "run")
    end = package.load_keywords(unbroken.folder)
    moved = {
        name: float(torch.linalg.norm(layer(end, name).weight() - layer(start, name).weight()).detach())
        for name in ("block1.0", "block1.residual")
    }
    assert 0 < moved["block1.0"] < 0.3 * moved["block1.residual"]


def test_penalties_are_in_the_loss(unbroken: SimpleNamespace, train: Train, tmp_path: Path) -> None:
    one = ["trainer.max_epochs=1", "trainer.limit_train_batches=1", f"init_from={unbroken.folder}"]
    losses = {}
    for weight in (0.0, 50.0):
        train(*one, f"pointwise.l2={weight}", run_dir=f"l2-{weight}")
        losses[weight] = float(read_history(tmp_path / f"l2-{weight}/metrics.csv")[0]["train_loss"])
    model = package.load_keywords(unbroken.folder)
    blocks = [placed.layer.weight().detach() for placed in model.placed if placed.slot.role == "block"]
    squares = sum(float(weight.square().sum()) for weight in blocks)
    assert losses[50.0] - losses[0.0] == pytest.approx(25 * squares, rel=1e-3)
