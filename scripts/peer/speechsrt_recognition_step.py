"""QuartzNet-5x5, timed or profiled.

usage: python speechsrt_recognition_step.py BATCH THREADS KIND [--profile STEPS]   (see scripts/bench_nemo.py)

It does what `rounds.serve` is asked for: ``train``, ``features``, ``hear`` or ``greedy``.
"""

from typing import Any

import torch
from speechsrt_step import TrainingStep, arguments, run, settings
from utterances import SECONDS, digest, log_probs, sentences, sounds

from speechsrt.commands.task import named
from speechsrt.commands.train import recipe_of
from speechsrt.config import rules
from speechsrt.corpora.manifest import Clip
from speechsrt.decoding.greedy import Greedy
from speechsrt.loading.utterances import UtteranceBatch, Utterances
from speechsrt.models.recogniser import Recogniser
from speechsrt.training.ctc_task import hypotheses


class Recognition:
    """A recogniser, and utterances in memory as 16-bit samples."""

    def __init__(self, config: dict[str, Any], size: int) -> None:
        task, texts = named("ctc"), sentences(size)
        self.model = Recogniser(config["features"], config["model"], config["text"], rules(config))
        self.decode = Greedy(self.model.vocabulary)
        clips = [Clip(str(number), SECONDS, text) for number, text in enumerate(texts)]
        self.utterances = Utterances(clips, self.model.vocabulary.encode, self.model.sample_rate)
        self.utterances.held = list(sounds(size))
        self.ready = self.batch()
        self.sure = torch.from_numpy(log_probs(texts))
        recipe = recipe_of(config, task)
        self.train = TrainingStep(task.module(self.model, recipe, self.utterances, False, None), self.batch)

    def batch(self) -> UtteranceBatch:
        """Cut the batch out of the utterances."""
        return self.utterances.batch([(number, 1.0) for number in range(len(self.utterances))])

    @torch.inference_mode()
    def features(self) -> dict[str, int]:
        """Make the features, without dither."""
        features, frames = self.model.features(self.ready.waveform, self.ready.lengths)
        return {"frames": int(frames.max()), "padded": features.shape[1]}

    def hear(self) -> dict[str, int]:
        """Go from waveforms to texts."""
        texts = hypotheses(self.model, [self.ready], self.decode)
        return {"frames": int(self.model.frames(self.ready.lengths).max()), "texts": len(texts)}

    @torch.inference_mode()
    def greedy(self) -> dict[str, int | str]:
        """Go from log probabilities to texts."""
        frames = torch.full((len(self.sure),), self.sure.shape[1])
        found = self.decode(self.sure, frames)
        return digest([self.model.vocabulary.decode(hypothesis.tokens) for hypothesis in found])


if __name__ == "__main__":
    chosen = arguments(__doc__)
    side = Recognition(settings(chosen.kind, "model=quartznet_5x5"), chosen.batch)
    run(chosen, side.train, {"features": side.features, "hear": side.hear, "greedy": side.greedy})
