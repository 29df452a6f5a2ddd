"""Training a keyword model: augmented waveforms in, cross-entropy out."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy

from speechsrt.audio.augment import Key
from speechsrt.loading.resident import Batch
from speechsrt.models.keyword import KeywordModel
from speechsrt.training.task import Recipe, SpeechTask


class KeywordTask(SpeechTask):
    """A keyword model and its recipe.

    Args:
        model: what is trained.
        recipe: how.
        names: file names of the training clips, for messages.
        compiled: compile the network.
    """

    model: KeywordModel

    def __init__(
        self, model: KeywordModel, recipe: Recipe, names: Sequence[str], compiled: bool = False
    ) -> None:
        super().__init__(model, recipe, names)
        if compiled:
            model.network.compile()
        self.accuracy = MulticlassAccuracy(len(model.labels), average="micro")

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one augmented batch."""
        key = Key(self.recipe.seed, self.current_epoch, batch.index)
        with torch.no_grad():
            features = self.model.features(self.waveform_augment(batch.waveform, key))
            features = self.spectrogram_augment(features, key)
        logits = self.model.network(features)
        loss = F.cross_entropy(logits, batch.label, label_smoothing=self.recipe.label_smoothing)
        return self.settled(loss, batch_idx, batch.index)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch to the validation loss and accuracy."""
        logits = self.model(batch.waveform)
        self.accuracy(logits, batch.label)
        loss = F.cross_entropy(logits, batch.label)
        self.log("val_loss", loss, batch_size=len(batch.label), sync_dist=True)
        self.log("val_accuracy", self.accuracy, prog_bar=True, batch_size=len(batch.label))


@torch.inference_mode()
def probabilities(model: KeywordModel, batches: Any) -> Tensor:
    """Return the probabilities ``(N, words)`` of all clips that `batches` hands out, on the CPU."""
    model.eval()
    rows = [F.softmax(model(batch.waveform).float(), dim=1).cpu() for batch in batches]
    return torch.cat(rows) if rows else torch.zeros(0, len(model.labels))
