"""A killed run, resumed from any of its checkpoints, ends with the bits of an unbroken one."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch
from killing import KilledError, kill_at
from omegaconf import DictConfig, OmegaConf

from speechsrt import config
from speechsrt.commands import train as command
from speechsrt.errors import UserError
from speechsrt.training.checkpoints import ASKED, Checkpoints
from speechsrt.training.history import read_history

Train = Callable[..., dict[str, Any]]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def same(left: Path, right: Path) -> bool:
    a, b = weights(left), weights(right)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    "overrides", [(), ("pointwise=ternary", "model.dropout=0.2"), ("trainer.accumulate_grad_batches=2",)]
)
@pytest.mark.parametrize(
    ("epoch", "batch"),
    [(1, 2), pytest.param(0, 1, marks=pytest.mark.slow), pytest.param(2, 3, marks=pytest.mark.slow)],
)
def test_resumed_in_mid_epoch_ends_with_the_same_bits(
    train: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    epoch: int,
    batch: int,
    overrides: tuple[str, ...],
) -> None:
    train(*overrides, "batch_size=4", run_dir="whole")
    with monkeypatch.context() as patch:
        kill_at(patch, epoch, batch)
        with pytest.raises(KilledError):
            train(*overrides, "batch_size=4", "save_minutes=0", run_dir="broken")
    train(f"resume={tmp_path / 'broken'}")
    assert same(tmp_path / "whole", tmp_path / "broken")
    compared = [
        [
            {key: row[key] for key in row if key != "seconds"}
            for row in read_history(tmp_path / name / "metrics.csv")
        ]
        for name in ("whole", "broken")
    ]
    assert [row["epoch"] for row in compared[0]] == ["0", "1", "2"]
    assert [row["val_loss"] for row in compared[0]] == [row["val_loss"] for row in compared[1]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["best", "last"])
def test_resumed_from_the_checkpoint_of_an_epoch(train: Train, tmp_path: Path, name: str) -> None:
    train("trainer.max_epochs=4", run_dir="whole")
    train("trainer.max_epochs=2", "schedule=constant", run_dir="flat")
    train("trainer.max_epochs=4", "schedule=constant", run_dir="flat_whole")
    train(f"resume={tmp_path / 'flat' / 'checkpoints' / f'{name}.ckpt'}", "trainer.max_epochs=4")
    assert same(tmp_path / "flat", tmp_path / "flat_whole")
    assert not same(tmp_path / "flat", tmp_path / "whole")


def test_killed_between_the_two_checkpoints_it_finds_the_best_epoch_again(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train("trainer.max_epochs=3", run_dir="whole")
    copy, epoch = Checkpoints.copy, whole["best_epoch"] - 1

    def kill(self: Checkpoints, path: Path, to: Path) -> None:
        if self.best_epoch == epoch:
            raise KilledError
        copy(self, path, to)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "copy", kill)
        with pytest.raises(KilledError):
            train("trainer.max_epochs=3", "save_minutes=0", run_dir="broken")
    again = train(f"resume={tmp_path / 'broken'}")
    assert (again["best_epoch"], again["accuracy"]) == (whole["best_epoch"], whole["accuracy"])
    assert same(tmp_path / "whole", tmp_path / "broken")


def test_a_best_checkpoint_behind_the_last_counts(tmp_path: Path) -> None:
    ahead = Checkpoints(tmp_path, "score")
    ahead.best_score, ahead.best_epoch = 0.9, 4
    torch.save({"callbacks": {ahead.state_key: ahead.state_dict()}}, ahead.best)
    trainer: Any = SimpleNamespace(current_epoch=4)
    for known, epoch in ((0.8, 4), (0.95, 2)):
        checkpoints = Checkpoints(tmp_path, "score")
        checkpoints.best_score, checkpoints.best_epoch = known, 2
        checkpoints.on_train_start(trainer, L.LightningModule())
        assert checkpoints.best_epoch == epoch


def test_a_run_that_ended_for_want_of_a_better_epoch_does_not_go_on(train: Train, tmp_path: Path) -> None:
    still = ("early_stopping=2", "trainer.max_epochs=50", "optim.lr=0.0")
    assert train(*still)["epochs"] == 3
    (tmp_path / "run/metrics.json").unlink()
    assert train(f"resume={tmp_path / 'run'}")["epochs"] == 3
    assert train(f"resume={tmp_path / 'run'}", "early_stopping=4")["epochs"] == 5


def test_the_score_that_tells_the_best_epoch_stays_the_same(tmp_path: Path) -> None:
    state = Checkpoints(tmp_path, "val_cer", -1).state_dict()
    with pytest.raises(UserError, match=r"^best_by=: the run has gone by cer; leave it so$"):
        Checkpoints(tmp_path, "val_wer", -1).load_state_dict(state)


@pytest.mark.parametrize("due", [True, False])
def test_one_clock_tells_all_processes_when_to_save(tmp_path: Path, due: bool) -> None:
    saved: list[Path] = []
    checkpoints = Checkpoints(tmp_path, "score", minutes=1000)
    checkpoints.save = lambda trainer, path: saved.append(path)
    strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision or due)
    trainer: Any = SimpleNamespace(
        accumulate_grad_batches=1, num_training_batches=2 * ASKED, strategy=strategy, world_size=2
    )
    checkpoints.on_train_batch_end(trainer, L.LightningModule(), None, None, ASKED - 2)
    assert saved == []
    checkpoints.on_train_batch_end(trainer, L.LightningModule(), None, None, ASKED - 1)
    assert saved == [checkpoints.last] * due


def test_a_finished_run_resumed_changes_nothing(train: Train, tmp_path: Path) -> None:
    first = train()
    before = weights(tmp_path / "run")
    again = train(f"resume={tmp_path / 'run'}")
    assert all(torch.equal(before[name], value) for name, value in weights(tmp_path / "run").items())
    assert again["accuracy"] == first["accuracy"]
    assert again["epochs"] == 3


def test_nothing_to_resume(train: Train, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run to go on with"):
        train(f"resume={tmp_path / 'nowhere'}")
    with pytest.raises(UserError, match="say which run"):
        command.run(config.load(["resume=true"]))


def test_a_resumed_run_keeps_its_groups(train: Train, tmp_path: Path) -> None:
    train()
    with pytest.raises(UserError, match="a resumed run keeps its choice"):
        train(f"resume={tmp_path / 'run'}", "pointwise=ternary")


def test_a_run_is_not_overwritten(train: Train) -> None:
    train("trainer.max_epochs=1")
    with pytest.raises(UserError, match="already holds a run"):
        train("trainer.max_epochs=1")


def test_a_run_of_a_release_that_knew_fewer_keys(train: Train, tmp_path: Path) -> None:
    train(run_dir="old")
    file = tmp_path / "old" / "config.yaml"
    stored = OmegaConf.load(file)
    assert isinstance(stored, DictConfig)
    for key in ("weight_budget", "negatives"):
        del stored[key]
    file.write_text(OmegaConf.to_yaml(stored))
    train(f"resume={tmp_path / 'old'}", "trainer.max_epochs=4")
    assert len(read_history(tmp_path / "old" / "metrics.csv")) == 4
