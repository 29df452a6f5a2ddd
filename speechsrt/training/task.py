"""What every task shares: the optimizer and its schedule, and a place in the epoch that survives a kill."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from speechsrt.audio.augment import SpectrogramAugment, WaveformAugment
from speechsrt.models.model import SpeechModel
from speechsrt.pointwise.base import Pointwise
from speechsrt.training.guards import check_finite
from speechsrt.training.schedules import Factor


@dataclass(frozen=True)
class Recipe:
    """How to train: augmentations, optimizer and schedule makers, the run's seed.

    Attributes:
        waveform: augmentation of waveforms.
        spectrogram: augmentation of features.
        optimizer: makes the optimizer from parameters.
        schedule: makes the learning rate's factor by step from the rate and the number of steps.
        label_smoothing: share of the target spread over all classes, for keywords.
        seed: of order and augmentation.
        encoder_rate: factor on the learning rate of all but the last layer; 0 leaves them as they are.
    """

    waveform: WaveformAugment
    spectrogram: SpectrogramAugment
    optimizer: Callable[[Any], Optimizer]
    schedule: Callable[[float, int], Factor]
    label_smoothing: float
    seed: int
    encoder_rate: float = 1.0


class SpeechTask(L.LightningModule):
    """A model and its recipe; a task adds what a training and a validation step are.

    Args:
        model: what is trained.
        recipe: how.
        names: file names of the training set, for messages.
    """

    def __init__(self, model: SpeechModel, recipe: Recipe, names: Sequence[str]) -> None:
        super().__init__()
        self.model, self.recipe, self.names = model, recipe, names
        self.waveform_augment, self.spectrogram_augment = recipe.waveform, recipe.spectrogram
        frozen = recipe.encoder_rate == 0
        if frozen:  # its normalisation too; Lightning leaves modes as they are
            model.eval().requires_grad_(False)
            model.network.head.train().requires_grad_(True)
        layers = [] if frozen else [placed.layer for placed in model.placed]
        self.penalised = [layer for layer in layers if layer.penalty().requires_grad]
        self.stepping = [layer for layer in layers if type(layer).after_step is not Pointwise.after_step]
        self.steps = 0
        self._order: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """Whether every layer is what its settings promise."""
        return all(placed.layer.settled for placed in self.model.placed)

    def on_train_start(self) -> None:
        """Move what the loaders hold to where the model is; go on behind the batches a checkpoint has seen.

        Lightning would hand the loader its state itself, but not once a schedule has asked for the steps.
        """
        loaders: Any = (self.trainer.train_dataloader, self.trainer.val_dataloaders)
        for loader in filter(None, loaders):
            loader.to(self.device)
        if self._order is not None:
            loaders[0].load_state_dict(self._order)

    def on_train_epoch_start(self) -> None:
        """Tell the loader which epoch's order is due."""
        loader: Any = self.trainer.train_dataloader
        loader.set_epoch(self.current_epoch)

    def settled(self, loss: Tensor, batch_idx: int, index: Tensor) -> Tensor:
        """Return a training loss with the layers' penalties, logged; one that is no number stops the run."""
        for layer in self.penalised:
            loss = loss + layer.penalty()
        check_finite(loss, self.current_epoch, batch_idx, index, self.names)
        self.log(
            "train_loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(index), sync_dist=True
        )
        return loss

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule, which moves with every step."""
        self.steps = int(self.trainer.estimated_stepping_batches)
        optimizer = self.recipe.optimizer(self.weights())
        rate = optimizer.defaults["lr"]
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("rate", 1.0)
        factor = self.recipe.schedule(rate, self.steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"},
        }

    def weights(self) -> list[Any]:
        """Return what is trained: tensors, or groups of them where layers have rates of their own."""
        own = {id(p): placed.rate for placed in self.model.placed for p in placed.layer.parameters()}
        head = {id(parameter) for parameter in self.model.network.head.parameters()}
        groups: dict[float, list[Tensor]] = {1.0: []}
        for parameter in filter(lambda p: p.requires_grad, self.parameters()):
            rate = own.get(id(parameter), 1.0)
            rate *= 1.0 if id(parameter) in head else self.recipe.encoder_rate
            groups.setdefault(rate, []).append(parameter)
        if len(groups) == 1:
            return groups[1.0]
        return [{"params": group, "rate": rate} for rate, group in groups.items() if group]

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Take a step, then let the layers do what they do between steps, before anything is saved."""
        super().optimizer_step(*args, **kwargs)
        for layer in self.stepping:
            layer.after_step(self.trainer.global_step + 1, self.steps)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what rebuilds the model, and the state of the random generators."""
        checkpoint["speechsrt"] = {"task": self.model.task, "model": self.model.describe()}
        checkpoint["random"] = torch.get_rng_state()
        loader: Any = self.trainer.train_dataloader
        checkpoint["order"] = loader.state_dict() if loader is not None else None

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the state of the random generators, and keep the place in the epoch."""
        torch.set_rng_state(checkpoint["random"])
        self._order = checkpoint["order"]
