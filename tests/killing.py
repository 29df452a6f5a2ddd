"""A run that is killed behind a batch, after its checkpoint has been written."""

from typing import Any

import lightning as L
import pytest

from speechsrt.training.checkpoints import Checkpoints


class KilledError(Exception):
    pass


def kill_at(monkeypatch: pytest.MonkeyPatch, epoch: int, batch: int) -> None:
    """Stop the run behind a batch as a kill would."""
    original = Checkpoints.on_train_batch_end

    def hook(
        self: Checkpoints,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        b: Any,
        batch_idx: int,
    ) -> None:
        original(self, trainer, pl_module, outputs, b, batch_idx)
        if (trainer.current_epoch, batch_idx) == (epoch, batch):
            raise KilledError

    monkeypatch.setattr(Checkpoints, "on_train_batch_end", hook)
