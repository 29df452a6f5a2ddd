"""Training a recogniser by connectionist temporal classification (Graves et al. 2006).

The loss of a batch is the mean over its utterances of each one's negative log-likelihood, not divided by its
length: long utterances weigh more, as in the recipe of QuartzNet.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from speechsrt.audio.augment import Key
from speechsrt.decoding.greedy import greedy
from speechsrt.loading.utterances import UtteranceBatch
from speechsrt.models.recogniser import Decoder, Recogniser
from speechsrt.scoring.words import WordScore
from speechsrt.training.task import Recipe, SpeechTask

EXAMPLES = 2


class CtcTask(SpeechTask):
    """A recogniser and its recipe.

    Args:
        model: what is trained.
        recipe: how; the loader has seen to the speed.
        names: file names of the training utterances, for messages.
        compiled: compile the network.
        say: is told some references and hypotheses of the validation each epoch.
    """

    model: Recogniser

    def __init__(
        self,
        model: Recogniser,
        recipe: Recipe,
        names: Sequence[str],
        compiled: bool = False,
        say: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(model, recipe, names)
        if compiled:
            model.network.compile(dynamic=True)
        self.say = say

    def training_step(self, batch: UtteranceBatch, batch_idx: int) -> Tensor:
        """Return the loss of one augmented batch."""
        key = Key(self.recipe.seed, self.current_epoch, batch.index)
        with torch.no_grad():
            waveform = self.waveform_augment(batch.waveform, key)
            features, frames = self.model.features(waveform, batch.lengths)
            features = self.spectrogram_augment(features, key, frames)
        logits = self.model.network(features, frames)
        log_probs = logits.float().log_softmax(2)
        loss = ctc(log_probs, self.model.network.count(frames), batch, self.model.vocabulary.blank)
        return self.settled(loss.mean(), batch_idx, batch.index)

    def validation_step(self, batch: UtteranceBatch, batch_idx: int) -> None:
        """Add a batch to the validation loss and error rates; tell the first utterances of the split."""
        log_probs, frames = self.model(batch.waveform, batch.lengths)
        vocabulary = self.model.vocabulary
        losses = ctc(log_probs, frames, batch, vocabulary.blank)
        alignable = losses[~losses.isinf()]  # a test leaves nothing out, but such texts have no loss
        targets = batch.targets.split(batch.target_lengths.tolist())
        references = [vocabulary.decode(some.tolist()) for some in targets]
        heard = [vocabulary.decode(found.tokens) for found in greedy(log_probs, frames, vocabulary.blank)]
        if len(alignable):
            self.log("val_loss", alignable.mean(), batch_size=len(alignable), sync_dist=True)
        score = WordScore(references, heard, [""] * len(heard))
        for name, counts in (("val_wer", score.word_counts), ("val_cer", score.character_counts)):
            errors, said = counts.sum(1).tolist()
            self.log(name, errors / max(1, said), prog_bar=True, batch_size=max(1, said), sync_dist=True)
        if self.say and batch_idx == 0 and self.trainer.is_global_zero:
            for reference, hypothesis in list(zip(references, heard, strict=True))[:EXAMPLES]:
                self.say(f"  said:  {reference}\n  heard: {hypothesis}")


def ctc(log_probs: Tensor, frames: Tensor, batch: UtteranceBatch, blank: int) -> Tensor:
    """Return the negative log-likelihood of each utterance ``(B,)``.

    Args:
        log_probs: ``(B, T, V)``.
        frames: ``(B,)`` valid frames of each.
        batch: holds the targets.
        blank: the blank's class.
    """
    return F.ctc_loss(
        log_probs.transpose(0, 1), batch.targets, frames, batch.target_lengths, blank, reduction="none"
    )


@torch.inference_mode()
def hypotheses(model: Recogniser, batches: Iterable[UtteranceBatch], decoder: Decoder) -> dict[int, str]:
    """Return the texts heard by the utterances' numbers."""
    model.eval()
    device = next(model.parameters()).device
    texts: dict[int, str] = {}
    for batch in batches:
        log_probs, frames = model(batch.waveform.to(device), batch.lengths.to(device))
        decoded = decoder(log_probs.cpu(), frames.cpu())
        found = [model.vocabulary.decode(hypothesis.tokens) for hypothesis in decoded]
        texts |= dict(zip(batch.index.tolist(), found, strict=True))
    return texts
