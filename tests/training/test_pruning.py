"""A network pruned while it is trained: resumed to the bit, chosen when done, stored and counted sparse."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from killing import KilledError, kill_at
from safetensors import safe_open
from tones import TINY

import speechsrt
from speechsrt import config
from speechsrt.commands import train as command
from speechsrt.export import package
from speechsrt.models.keyword import KeywordModel
from speechsrt.pointwise.base import FLOAT_BITS
from speechsrt.pointwise.pruned import Pruned
from speechsrt.training.checkpoints import Checkpoints
from speechsrt.training.history import read_history

SOUND = torch.randn(3, 4800, generator=torch.Generator().manual_seed(0))
METHODS = ["gradual", "csp"]
SPARSE = ["batch_size=4", "model.channels=16", "model.wide=32", "pointwise=pruned", "pointwise.where=['*']"]
SPARSE += ["pointwise.every=2", "pointwise.end=0.9"]  # of twelve steps: from the second to the eleventh

every_method = pytest.mark.parametrize("method", METHODS)


def pruned_run(words: Path, folder: Path, method: str, *more: str) -> dict[str, Any]:
    places = [f"data.root={words}", f"run_dir={folder}"]
    return command.run(config.load([*TINY, *SPARSE, f"pointwise.method={method}", *places, *more]))


@pytest.fixture(scope="session")
def runs(words_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of an unbroken run by every method."""
    root = tmp_path_factory.mktemp("pruned")
    for method in METHODS:
        pruned_run(words_folder, root / method, method)
    return {method: root / method for method in METHODS}


def state(run: Path, name: str = "last") -> dict[str, Any]:
    return torch.load(run / f"checkpoints/{name}.ckpt", weights_only=True)


def pruned_layers(model: KeywordModel) -> list[Pruned]:
    layers = [placed.layer for placed in model.placed]
    return [layer for layer in layers if isinstance(layer, Pruned)]


def packed_tensors(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in list(file.keys())}


@pytest.mark.slow
@every_method
def test_killed_and_resumed_ends_with_the_same_bits(
    runs: dict[str, Path],
    words_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    with monkeypatch.context() as patch:
        kill_at(patch, 1, 2)
        with pytest.raises(KilledError):
            pruned_run(words_folder, tmp_path / "cut", method, "save_minutes=0")
    masks = {k: v for k, v in state(tmp_path / "cut")["state_dict"].items() if k.endswith(".mask")}
    if method == "gradual":
        assert any(not mask.all() for mask in masks.values())
    assert not all(mask.float().mean() < 0.11 for mask in masks.values()), "killed while it was pruned"
    command.run(config.load([f"resume={tmp_path / 'cut'}"]))
    ours, theirs = state(runs[method])["state_dict"], state(tmp_path / "cut")["state_dict"]
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    whole, cut = (packed_tensors(run / "model.safetensors") for run in (runs[method], tmp_path / "cut"))
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


@every_method
def test_the_best_epoch_is_one_with_all_weights_gone(runs: dict[str, Path], method: str) -> None:
    accuracy = [float(row["val_accuracy"]) for row in read_history(runs[method] / "metrics.csv")]
    assert max(accuracy[:2]) >= accuracy[2], "an earlier epoch would have been chosen"
    assert state(runs[method], "best")["epoch"] == 2
    for file in ("checkpoints/best.ckpt", "model.safetensors"):
        for layer in pruned_layers(package.load_keywords(runs[method] / file)):
            assert layer.settled
            assert int((layer.weight() != 0).sum()) == round(0.1 * layer.in_channels * layer.out_channels)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_epoch_before_its_time_is_never_the_best(tmp_path: Path, sign: int) -> None:
    kept: list[int] = []

    class Kept(Checkpoints):
        def save(self, trainer: Any, path: Path) -> None:
            if path == self.best:
                kept.append(self.best_epoch)

        def copy(self, path: Path, to: Path) -> None:
            assert (path, to) == (self.best, self.last)

    checkpoints = Kept(tmp_path, "score", sign)
    for epoch, (score, complete) in enumerate([(9, False), (8, False), (3, True), (2, True), (4, True)]):
        trainer: Any = SimpleNamespace(
            callback_metrics={"score": torch.tensor(float(sign * score))},
            current_epoch=epoch,
            is_global_zero=True,
        )
        module: Any = SimpleNamespace(complete=complete)
        checkpoints.on_train_epoch_end(trainer, module)
    assert kept == [2, 4]
    assert checkpoints.state_dict() == {"monitor": "score", "best_score": 4, "best_epoch": 4}


@every_method
def test_a_run_cut_short_is_kept_as_it_is_and_told(
    words_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    pruned_run(words_folder, tmp_path / "run", method, "trainer.max_epochs=0")
    told = " ".join(capsys.readouterr().err.split())
    assert "the run ended before the pruning of prologue.0, block1.0," in told
    assert all(int(layer.mask.sum()) == layer.mask.numel() for layer in layers_in(tmp_path / "run"))


def layers_in(run: Path) -> list[Pruned]:
    layers = pruned_layers(package.load_keywords(run))
    assert len(layers) == 9
    return layers


@every_method
def test_the_package_is_the_best_checkpoint_made_small(runs: dict[str, Path], method: str) -> None:
    small, whole = runs[method] / "model.safetensors", runs[method] / "checkpoints/best.ckpt"
    model, same = speechsrt.load(small), speechsrt.load(whole)
    assert isinstance(model, KeywordModel)
    assert isinstance(same, KeywordModel)
    with torch.inference_mode():
        assert torch.equal(model(SOUND), same(SOUND))
    dense = sum(tensor.numel() for tensor in model.state_dict().values()) * FLOAT_BITS // 8
    assert small.stat().st_size < dense
    names = packed_tensors(small)
    assert sum(".packed." in name for name in names) == 2 * 9
    assert not any(name.endswith((".mask", ".matrix", ".recovered", ".sensor")) for name in names)


@every_method
def test_metrics_count_what_is_left(runs: dict[str, Path], method: str) -> None:
    metrics = json.loads((runs[method] / "metrics.json").read_text())
    model = package.load_keywords(runs[method])
    layers = pruned_layers(model)
    places = sum(layer.matrix.numel() for layer in layers)
    left = sum(round(0.1 * layer.matrix.numel()) for layer in layers)
    dense = sum(parameter.numel() for parameter in model.parameters())
    assert metrics["trained_weights"] == dense - places + left
    assert metrics["total_weights"] == dense
    tensors = packed_tensors(runs[method] / "model.safetensors").values()
    assert metrics["stored_bits"] == 8 * sum(t.numel() * t.element_size() for t in tensors)
    statistics = sum(v.numel() for k, v in model.state_dict().items() if "running" in k)
    assert metrics["stored_bits"] == (dense - places + left + statistics) * FLOAT_BITS + places
