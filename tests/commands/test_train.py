"""What a training leaves behind, whatever it is told."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import yaml
from omegaconf import OmegaConf
from spelling import FIVE_BLOCKS, TINY_NET, write_librispeech
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import speechsrt
from speechsrt import config
from speechsrt.commands import train as command
from speechsrt.errors import NonFiniteLossError, UserError

Train = Callable[..., dict[str, Any]]
FILES = {
    "config.yaml",
    "metrics.json",
    "metrics.csv",
    "checkpoints",
    "model.safetensors",
    "report.html",
    "confusion.png",
    "predictions.csv",
}
METRICS = {
    "task",
    "data",
    "split",
    "split_hash",
    "seed",
    "utterances",
    "trained_weights",
    "total_weights",
    "stored_bits",
    "multiplications_per_second",
    "additions_per_second",
    "train_seconds",
    "epochs",
    "best_epoch",
    "commit",
    "accuracy",
    "accuracy_interval",
    "macro_accuracy",
    "false_rejects",
}


def contents(run: Path) -> tuple[set[str], set[str]]:
    """The names in a run folder, and in its checkpoints."""
    return {path.name for path in run.iterdir()}, {path.name for path in (run / "checkpoints").iterdir()}


def test_a_run_folder_is_whole(trained: Path) -> None:
    assert contents(trained) == (FILES, {"best.ckpt", "last.ckpt"})
    with (trained / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0"]


def test_the_metrics_are_those_promised(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert set(metrics) == METRICS
    assert (metrics["task"], metrics["data"], metrics["split"]) == ("keyword", "keyword_folder", "test")
    assert 0 <= metrics["accuracy_interval"][0] <= metrics["accuracy"] <= metrics["accuracy_interval"][1] <= 1


def test_the_configuration_is_stored_resolved(trained: Path, words_folder: Path) -> None:
    stored = yaml.safe_load((trained / "config.yaml").read_text())
    assert stored["features"]["sample_rate"] == 16000
    assert stored["data"]["root"] == str(words_folder)
    assert stored["compile"] is False


def test_words_that_yaml_takes_for_truth_values_stay_words(train: Train, tmp_path: Path) -> None:
    root = tmp_path / "own (new) words"
    for word in ("yes", "no"):
        (root / word).mkdir(parents=True)
        for number in range(4):
            soundfile.write(root / word / f"{number}.wav", np.zeros(4800), 16000)
    train(f"data.root={root}", "data.words=[yes,no]", "trainer.max_epochs=0")
    stored = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert stored["data"]["words"] == ["yes", "no"]
    assert stored == OmegaConf.to_container(OmegaConf.load(tmp_path / "run/config.yaml"))
    assert speechsrt.load(tmp_path / "run").labels == ("no", "yes")


@pytest.mark.parametrize("start", ["fresh", "init_from"])
def test_no_epochs_score_and_write_a_whole_folder(
    train: Train, trained: Path, tmp_path: Path, start: str
) -> None:
    begun = [f"init_from={trained}"] if start == "init_from" else []
    metrics = train("trainer.max_epochs=0", *begun)
    assert contents(tmp_path / "run") == (FILES, {"best.ckpt", "last.ckpt"})
    assert (metrics["epochs"], metrics["train_seconds"]) == (0, 0)
    if start == "init_from":
        assert metrics["accuracy"] == json.loads((trained / "metrics.json").read_text())["accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ("trainer.fast_dev_run=true",),
        ("trainer.logger=false",),
        ("trainer.accumulate_grad_batches=16",),
        ("trainer.check_val_every_n_epoch=2", "trainer.max_epochs=2"),
        ("trainer.gradient_clip_val=0.1",),
        ("trainer.limit_train_batches=0",),
        ("pointwise.where=block", "pointwise=ternary"),
        ("placement=[{where: '*.residual', kind: ternary}]",),
        ("seed=4294967295",),
    ],
)
def test_a_whole_folder_whatever_the_trainer_is_told(
    train: Train, tmp_path: Path, overrides: tuple[str, ...]
) -> None:
    train("trainer.max_epochs=1", *overrides)
    assert contents(tmp_path / "run") == (FILES, {"best.ckpt", "last.ckpt"})


@pytest.mark.parametrize("channels", [8, 32])
def test_half_precision_trains(train: Train, channels: int) -> None:
    widths = [f"model.channels={channels}", f"model.wide={channels}"]
    assert train("trainer.precision=bf16-mixed", *widths, "trainer.max_epochs=1")


@pytest.mark.slow
def test_tensorboard_gets_the_losses(train: Train, tmp_path: Path) -> None:
    train("logger=tensorboard", "trainer.max_epochs=2")
    events = EventAccumulator(str(tmp_path / "run/tensorboard"))
    events.Reload()
    assert {"train_loss", "val_loss", "val_accuracy"} <= set(events.Tags()["scalars"])
    assert len(events.Scalars("train_loss")) == 2


def test_early_stopping(train: Train) -> None:
    assert train("early_stopping=1", "trainer.max_epochs=50", "optim.lr=0.0")["epochs"] == 2


def test_a_loss_that_is_no_number_keeps_the_last_checkpoint(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("trainer.max_epochs=1")
    before = (tmp_path / "run/checkpoints/last.ckpt").read_bytes()
    with pytest.raises(NonFiniteLossError, match=r"epoch 1, batch \d: the loss is nan; .*clips: .*wav"):
        train(f"resume={tmp_path}/run", "trainer.max_epochs=2", "augment.waveform.white_noise_db=[9000,9000]")
    assert (tmp_path / "run/checkpoints/last.ckpt").read_bytes() == before


def test_outputs_that_are_no_numbers_are_not_scored(train: Train) -> None:
    with pytest.raises(NonFiniteLossError, match="the model's outputs are not finite numbers"):
        train("optim.lr=1e30", "batch_size=64", "trainer.max_epochs=1")


def test_fewer_epochs_than_a_run_has_behind_it(train: Train, tmp_path: Path) -> None:
    train("trainer.max_epochs=3")
    with pytest.raises(UserError, match=r"trainer: You restored a checkpoint with current_epoch="):
        train(f"resume={tmp_path}/run", "trainer.max_epochs=1")


def test_a_run_goes_on_from_any_folder(
    words_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(words_folder.parent)
    small = ["batch_size=8", "model.channels=8", "model.wide=8", "trainer.max_epochs=1"]
    place = f"run_dir={tmp_path}/run"
    command.run(config.load(["data=keyword_folder", f"data.root={words_folder.name}", place, *small]))
    monkeypatch.chdir(tmp_path)
    assert command.run(config.load(["resume=run", "trainer.max_epochs=2"]))["epochs"] == 2


def test_a_resumed_run_can_follow_its_corpus(train: Train, words_folder: Path, tmp_path: Path) -> None:
    train("trainer.max_epochs=1")
    (tmp_path / "moved").symlink_to(words_folder)
    overrides = [f"resume={tmp_path}/run", f"data.root={tmp_path}/moved", "trainer.max_epochs=2"]
    assert command.run(config.load(overrides))["epochs"] == 2


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("optim.lrr=1", r"optim\.lrr: no such key; did you mean optim\.lr\?"),
        ("optim.lr=fast", r"optim\.lr=fast: expected a number"),
        ("trainer.foo=1", r"trainer\.foo: no argument of Lightning's Trainer"),
        ("data=synthetic", r"data=: a resumed run keeps its choice"),
    ],
)
def test_mistakes_beside_resume(trained: Path, typed: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        command.check(config.load([f"resume={trained}", typed]))


@pytest.mark.slow
def test_two_processes_leave_one_set_of_outputs(words_folder: Path, tmp_path: Path) -> None:
    places = [f"data.root={words_folder}", f"run_dir={tmp_path}/run", "data=keyword_folder"]
    small = ["batch_size=4", "model.channels=8", "model.wide=8", "data.clip_seconds=0.3"]
    processes = ["trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu", "trainer.max_epochs=2"]
    speechsrt = Path(sys.executable).with_name("speechsrt")
    done = subprocess.run(
        [str(speechsrt), "train", *places, *small, *processes],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "run") == (FILES, {"best.ckpt", "last.ckpt"})
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert done.stdout.count("macro accuracy") == 1
    assert done.stderr.count("epoch 2/2") == 1
    state = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert state["epoch"] == 1
    assert state["global_step"] == 4  # 16 clips, two processes, four clips each


def write_stand_ins(data: dict[str, Any], root: Path) -> None:
    """Write a few short clips for every word of a Speech Commands corpus that a configuration asks for."""
    rng, folder = np.random.default_rng(0), root / "SpeechCommands" / f"speech_commands_v{data['version']}"
    lists: dict[str, list[str]] = {"train": [], "validation": [], "testing": []}
    for word in {*(data["words"] or data["vocabulary"])} - {"unknown", "silence"} | {"cat"}:
        (folder / word).mkdir(parents=True)
        for number, split in enumerate(lists):
            soundfile.write(folder / word / f"s{number}_nohash_0.wav", 0.1 * rng.standard_normal(4000), 16000)
            lists[split].append(f"{word}/s{number}_nohash_0.wav")
    for split in ("validation", "testing"):
        (folder / f"{split}_list.txt").write_text("\n".join(lists[split]))
    (folder / "_background_noise_").mkdir()
    soundfile.write(folder / "_background_noise_/hiss.wav", 0.1 * rng.standard_normal(320000), 16000)


@pytest.mark.slow
@pytest.mark.parametrize("name", config.options("experiment"))
def test_every_experiment_runs_shrunk(name: str, tmp_path: Path) -> None:
    chosen = config.load([f"experiment={name}"])["data"]
    shrunk = ["trainer.max_epochs=1", "batch_size=16", "model.channels=8", "model.wide=8"]
    if chosen["name"] == "synthetic":
        pytest.importorskip("espeakng_loader")
        shrunk += ["data.words=[yes,no]", "data.clips_per_word=2", "data.held_out_clips_per_word=1"]
    elif chosen["name"] == "librispeech_mini":
        write_librispeech(tmp_path)
        shrunk = ["trainer.max_epochs=1", *TINY_NET, *FIVE_BLOCKS]
    else:
        write_stand_ins(chosen, tmp_path)
    places = [f"data_root={tmp_path}", f"run_dir={tmp_path}/run"]
    assert command.run(config.load([f"experiment={name}", *shrunk, *places]))["epochs"] == 1
