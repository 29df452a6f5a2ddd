"""A training step of MatchboxNet-3x1x64, timed or profiled.

usage: python speechsrt_keyword_step.py BATCH THREADS KIND [--profile STEPS]    (see scripts/bench_nemo.py)

It does what `rounds.serve` is asked for: ``train``.
"""

import itertools

import torch
from speechsrt_step import TrainingStep, arguments, run, settings

from speechsrt.commands.task import named
from speechsrt.commands.train import recipe_of
from speechsrt.config import rules
from speechsrt.loading.resident import Batch, ResidentClips
from speechsrt.models.keyword import KeywordModel

CLIPS = 512


def step(size: int, kind: str) -> TrainingStep:
    """Return the step of the recipe on a batch cut from clips in memory, another one each time."""
    task = named("keyword")
    config = settings(kind, "model=matchboxnet_3x1x64", "data=speech_commands_v1")
    labels = config["data"]["vocabulary"]
    model = KeywordModel(
        config["features"], config["model"], labels, config["data"]["clip_seconds"], rules=rules(config)
    )
    samples = (3277 * torch.randn(CLIPS, model.sample_rate)).to(torch.int16)
    clips = ResidentClips(samples, torch.randint(0, len(labels), (CLIPS,)), [str(n) for n in range(CLIPS)])
    numbers = itertools.count()

    def batch() -> Batch:
        return clips.batch(torch.arange(size) + next(numbers))

    return TrainingStep(task.module(model, recipe_of(config, task), clips, False, None), batch)


if __name__ == "__main__":
    chosen = arguments(__doc__)
    run(chosen, step(chosen.batch, chosen.kind), {})
