"""Checkpoints that survive a kill: written beside, opened again, then renamed over the older one.

``last.ckpt`` is written after every epoch and every so many minutes inside one, between optimizer steps;
``best.ckpt`` is the one of the best validation score so far among the epochs after which every layer was what
it is to be: a network that is pruned while it is trained is best before, and not what was asked for. Which
epoch is the best is known here alone, so it is here that a run ends which has not been better for long.
"""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch

from speechsrt.errors import UserError

ASKED = 50
"""Batches after which several processes ask one another whether to save; each time the devices wait."""


class Checkpoints(L.Callback):
    """Write ``best.ckpt`` and ``last.ckpt`` into a folder.

    Args:
        folder: where.
        monitor: the logged value to go by.
        sign: 1 where it is to be high, -1 where low.
        minutes: distance of saves inside an epoch.
        patience: epochs without a better score that end the run, counted from the first best one.
    """

    def __init__(
        self, folder: Path, monitor: str, sign: int = 1, minutes: float = 10.0, patience: int | None = None
    ) -> None:
        self.folder, self.monitor, self.sign, self.minutes = folder, monitor, sign, minutes
        self.patience = patience
        self.best_score, self.best_epoch = float("-inf"), -1
        self._saved = time.monotonic()

    @property
    def best(self) -> Path:
        """The file of the best epoch."""
        return self.folder / "best.ckpt"

    @property
    def last(self) -> Path:
        """The file of the latest step saved."""
        return self.folder / "last.ckpt"

    def state_dict(self) -> dict[str, Any]:
        """Return the best score so far, what it is of, and its epoch."""
        return {"monitor": self.monitor, "best_score": self.best_score, "best_epoch": self.best_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a stored best score.

        Raises:
            UserError: it is of another kind.
        """
        if (monitor := state_dict.get("monitor", self.monitor)) != self.monitor:
            raise UserError(f"best_by=: the run has gone by {monitor.removeprefix('val_')}; leave it so")
        self.best_score, self.best_epoch = state_dict["best_score"], state_dict["best_epoch"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Go by the best checkpoint there is; end a run at once that had ended for want of a better one."""
        if self.best.is_file():  # it may be of the epoch that the run was killed in, behind the last
            kept = torch.load(self.best, map_location="cpu", weights_only=True)["callbacks"][self.state_key]
            if kept["best_score"] > self.best_score:
                self.load_state_dict(kept)
        self._stop(trainer, trainer.current_epoch - 1)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save between two optimizer steps where enough time has passed; an epoch's end saves anyway."""
        done = batch_idx + 1
        between_steps = done % trainer.accumulate_grad_batches == 0 and done < trainer.num_training_batches
        if between_steps and (trainer.world_size == 1 or done % ASKED == 0):
            due = time.monotonic() - self._saved >= 60 * self.minutes
            # All processes save or none, whatever their clocks say.
            if trainer.strategy.reduce_boolean_decision(due, all=False):
                self.save(trainer, self.last)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save the epoch, and keep it as the best where it is."""
        score = self.sign * float(trainer.callback_metrics.get(self.monitor, torch.tensor(0.0)))
        better = score > self.best_score and getattr(pl_module, "complete", True)
        if better:
            self.best_score, self.best_epoch = score, trainer.current_epoch
        # The best first: killed between the two, a run goes on from the older last and comes to it again.
        self.save(trainer, self.best if better else self.last)
        if better and trainer.is_global_zero:
            self.copy(self.best, self.last)
        self._stop(trainer, trainer.current_epoch)

    def _stop(self, trainer: L.Trainer, epoch: int) -> None:
        if self.patience is not None and epoch - self.best_epoch >= self.patience and self.best_epoch >= 0:
            trainer.should_stop = True

    def copy(self, path: Path, to: Path) -> None:
        """Put a copy of a checkpoint in the place of another, whole or not at all."""
        part = to.with_suffix(".part")
        shutil.copyfile(path, part)
        os.replace(part, to)

    def save(self, trainer: L.Trainer, path: Path) -> None:
        """Write one checkpoint, open it again, and only then let it replace the older one."""
        part = path.with_suffix(".part")
        trainer.save_checkpoint(part)
        if trainer.is_global_zero:
            torch.load(part, map_location="cpu", weights_only=True)
            os.replace(part, path)
        self._saved = time.monotonic()
