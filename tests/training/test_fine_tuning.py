"""Other words on a trained encoder: what is kept, what begins anew, and how fast each learns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tones import write_tones

from speechsrt import config
from speechsrt.commands import train as command
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.training.keyword_task import KeywordTask

Train = Callable[..., dict[str, Any]]


@pytest.fixture
def base(train: Train, tmp_path: Path) -> Path:
    """A run whose blocks are ternary."""
    train("trainer.max_epochs=1", "pointwise=ternary", run_dir="base")
    return tmp_path / "base"


@pytest.fixture(scope="session")
def other_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tones(tmp_path_factory.mktemp("other") / "words", {"high": 2000.0, "mid": 900.0})


def tensors(run: Path) -> dict[str, Any]:
    return package.read(run).tensors


def tuned(base: Path, words: Path, *more: str) -> Path:
    folder = base.with_name("tuned")
    own = ["data=keyword_folder", f"data.root={words}", "data.clip_seconds=0.3", f"run_dir={folder}"]
    command.run(config.load([*own, f"init_from={base}", "trainer.max_epochs=1", "batch_size=8", *more]))
    return folder


def test_a_frozen_encoder_keeps_its_bits(base: Path, other_words: Path) -> None:
    run = tuned(base, other_words, "encoder_rate=0")
    before, after = tensors(base), tensors(run)
    assert before.keys() == after.keys()
    moved = {
        name
        for name in before
        if before[name].shape != after[name].shape or not before[name].equal(after[name])
    }
    assert moved == {"network.head.weight", "network.head.bias"}


def test_without_freezing_all_is_trained_and_ternary_matrices_stay(
    base: Path, other_words: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tuned(base, other_words)
    told = " ".join(capsys.readouterr().err.split())
    assert "init_from: other words (without low; with mid), so a new last layer; the rest is kept" in told
    assert "encoder_rate=0.1: all but the new last layer learn at a tenth of the rate" in told
    before, after = tensors(base), tensors(run)
    kept = [name for name in before if not name.startswith("network.head.")]
    assert not any(torch.equal(before[name], after[name]) for name in kept)
    matrices = [
        {p.slot.name: p.layer.weight() for p in package.load(path).placed if p.layer.kind == "ternary"}
        for path in (base, run)
    ]
    assert matrices[0].keys() == matrices[1].keys() != set()
    assert all(torch.equal(matrices[0][name], matrices[1][name]) for name in matrices[0])
    assert yaml.safe_load((run / "config.yaml").read_text())["encoder_rate"] == 0.1


def test_the_same_words_go_on_at_the_full_rate(base: Path, words_folder: Path) -> None:
    run = tuned(base, words_folder)
    assert yaml.safe_load((run / "config.yaml").read_text())["encoder_rate"] == 1.0


def test_resumed_it_keeps_its_rate(train: Train, base: Path, other_words: Path) -> None:
    run = tuned(base, other_words)
    train(f"resume={run}", "trainer.max_epochs=2")
    assert yaml.safe_load((run / "config.yaml").read_text())["encoder_rate"] == 0.1


@pytest.mark.parametrize("rate", [0.25, 0.0])
def test_the_last_layer_has_the_rate_and_the_rest_a_share(
    base: Path, other_words: Path, monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    found: list[KeywordTask] = []
    monkeypatch.setattr(KeywordTask, "on_train_start", lambda task: found.append(task) or stop())
    with pytest.raises(InterruptedError):
        tuned(base, other_words, f"encoder_rate={rate}")
    (task,) = found
    head = {id(parameter) for parameter in task.model.network.head.parameters()}
    groups = task.weights()
    if rate == 0:
        assert {id(parameter) for parameter in groups} == head
        assert not any(module.training for module in task.model.network.prologue.modules())
        return
    shares = {group["rate"]: {id(parameter) for parameter in group["params"]} for group in groups}
    assert shares[1.0] == head
    assert shares[rate] == {id(parameter) for parameter in task.model.parameters()} - head


def stop() -> None:
    raise InterruptedError


def test_mistakes(train: Train) -> None:
    with pytest.raises(UserError, match=r"encoder_rate=0: goes with init_from=, which names whose layers"):
        train("encoder_rate=0")
    with pytest.raises(UserError, match=r"encoder_rate=-1"):
        config.load(["encoder_rate=-1"])
