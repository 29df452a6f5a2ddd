"""Training a keyword model: augmented waveforms in, cross-entropy out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics.classification import MulticlassAccuracy

from speechsrt.audio.augment import Key, SpectrogramAugment, WaveformAugment
from speechsrt.loading.resident import Batch
from speechsrt.models.keyword import KeywordModel
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
        label_smoothing: share of the target spread over all classes.
        seed: of order and augmentation.
    """

    waveform: WaveformAugment
    spectrogram: SpectrogramAugment
    optimizer: Callable[[Any], Optimizer]
    schedule: Callable[[float, int], Factor]
    label_smoothing: float
    seed: int


class KeywordTask(L.LightningModule):
    """A keyword model and its recipe.

    Args:
        model: what is trained.
        recipe: how.
        names: file names of the training clips, for messages.
        compiled: compile the network.
    """

    def __init__(
        self, model: KeywordModel, recipe: Recipe, names: Sequence[str], compiled: bool = False
    ) -> None:
        super().__init__()
        self.model, self.recipe, self.names = model, recipe, names
        self.waveform_augment, self.spectrogram_augment = recipe.waveform, recipe.spectrogram
        if compiled:
            model.network.compile()
        self.penalised = [p.layer for p in model.placed if type(p.layer).penalty is not Pointwise.penalty]
        self._order: dict[str, Any] | None = None
        self.accuracy = MulticlassAccuracy(len(model.labels), average="micro")

    def on_train_start(self) -> None:
        """Move the resident clips to where the model is; go on behind the batches a checkpoint has seen.

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

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one augmented batch."""
        key = Key(self.recipe.seed, self.current_epoch, batch.index)
        with torch.no_grad():
            features = self.model.features(self.waveform_augment(batch.waveform, key))
            features = self.spectrogram_augment(features, key)
        logits = self.model.network(features)
        loss = F.cross_entropy(logits, batch.label, label_smoothing=self.recipe.label_smoothing)
        for layer in self.penalised:
            loss = loss + layer.penalty()
        check_finite(loss, self.current_epoch, batch_idx, batch.index, self.names)
        self.log(
            "train_loss",
            loss.detach(),
            on_step=False,
            on_epoch=True,
            batch_size=len(batch.label),
            sync_dist=True,
        )
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch to the validation loss and accuracy."""
        logits = self.model(batch.waveform)
        self.accuracy(logits, batch.label)
        loss = F.cross_entropy(logits, batch.label)
        self.log("val_loss", loss, batch_size=len(batch.label), sync_dist=True)
        self.log("val_accuracy", self.accuracy, prog_bar=True, batch_size=len(batch.label))

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule, which moves with every step."""
        optimizer = self.recipe.optimizer([p for p in self.parameters() if p.requires_grad])
        factor = self.recipe.schedule(
            optimizer.param_groups[0]["lr"], int(self.trainer.estimated_stepping_batches)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what rebuilds the model, and the state of the random generators."""
        checkpoint["speechsrt"] = {"model": self.model.describe()}
        checkpoint["random"] = torch.get_rng_state()
        loader: Any = self.trainer.train_dataloader
        checkpoint["order"] = loader.state_dict() if loader is not None else None

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the state of the random generators, and keep the place in the epoch."""
        torch.set_rng_state(checkpoint["random"])
        self._order = checkpoint["order"]


@torch.inference_mode()
def probabilities(model: KeywordModel, batches: Any) -> Tensor:
    """Return the probabilities ``(N, words)`` of all clips that `batches` hands out, on the CPU."""
    model.eval()
    rows = [F.softmax(model(batch.waveform).float(), dim=1).cpu() for batch in batches]
    return torch.cat(rows) if rows else torch.zeros(0, len(model.labels))
