"""NeMo trains a small network on a manifest of ours. Runs in an environment with NeMo.

usage: python scripts/peer/nemo_trains_our_manifest.py MANIFEST [STEPS]

A manifest of sentences (``text``) trains a narrow QuartzNet with CTC, one of keywords (``command``) a narrow
MatchboxNet, through NeMo's own data sets, models and Lightning's loop. Prints what NeMo read and the loss of
every step; over the last third of the steps it must be lower than over the first.
"""

import json
import sys
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from nemo.collections.asr.models.asr_model import ASRModel
from nemo_models import CHARACTERS, matchboxnet, quartznet

BATCH = 8


class Losses(Callback):
    """Keeps the loss of every step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep the loss."""
        self.values.append(float(outputs["loss"]))


def main(manifest: Path, steps: int) -> None:
    """Train, and end with an error where nothing was learned."""
    torch.manual_seed(0)
    model = model_for(manifest)
    losses = Losses()
    trainer = Trainer(
        accelerator="cpu",
        max_steps=steps,
        callbacks=[losses],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model)
    print(f"{type(model).__name__} of NeMo read {len(model._train_dl.dataset)} lines of {manifest}")
    print("losses:", " ".join(f"{loss:.3f}" for loss in losses.values))
    third = max(1, len(losses.values) // 3)
    if not mean(losses.values[-third:]) < mean(losses.values[:third]):
        sys.exit("the loss did not fall")


def model_for(manifest: Path) -> ASRModel:
    """Return a narrow network that trains on a manifest, of the kind that its lines are for."""
    lines = [json.loads(line) for line in manifest.read_text(encoding="utf-8").split("\n") if line]
    words = sorted({line["command"] for line in lines if "command" in line})
    data = {
        "manifest_filepath": str(manifest),
        "sample_rate": 16000,
        "labels": words or CHARACTERS,
        "batch_size": min(BATCH, len(lines)),
        "shuffle": True,
        "num_workers": 0,
    }
    if words:
        return matchboxnet(words, channels=16, wide=32, train_ds=data)
    narrow = {"channels": (32, 32, 48, 48, 48), "sub_blocks": 1, "first": 32, "wide": 48, "last": 64}
    return quartznet(**narrow, train_ds=data)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20)
