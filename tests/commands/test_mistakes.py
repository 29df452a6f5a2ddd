"""Every mistake in a training's command line: exit code 2, one line that names the key, and no run folder."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

Refused = Callable[..., str]

MISTAKES = {
    "sed=1": r"sed: no such key; did you mean seed\?",
    "model.blcks=2": r"model\.blcks: no such key; did you mean model\.blocks\?",
    "modle=matchboxnet_3x1x64": r"modle: no such key; did you mean model\?",
    "trainr.max_epochs=3": r"no such key; for trainr, did you mean trainer\?",
    "model=matchboxnet_3x1x63": r"no such option; did you mean matchboxnet_3x1x64\?",
    "model=null": r"model=null: no such option; choose from bcresnet_1",
    "experiment=foo": r"experiment=foo: no such option; choose from mini_learned",
    "pointwise.density=0.3": r"density: no key of the pointwise chosen; it goes with pointwise=ternary",
    "seed=abc": r"seed=abc: expected a whole number",
    "seed=1.5": r"seed=1\.5: expected a whole number",
    "seed=true": r"seed=true: expected a whole number",
    "seed=null": r"seed=null: expected a whole number",
    "seed=-1": r"seed=-1: choose from 0 to 4294967295",
    "seed=1,2": r"seed=1,2: is a choice of values; -m runs every one",
    "seed=${nothing}": r"seed=\$\{nothing\}: Interpolation key 'nothing' not found",
    "+seed=3": r"\+seed=3: this key is there already; write it without \+",
    "+foo=3": r"foo: no such key; choose from augment",
    "hydra.run.dir=x": r"hydra\.run\.dir: no such key",
    "batch_size=0": r"batch_size=0: at least 1",
    "label_smoothing=2": r"label_smoothing=2: choose from 0 to 1",
    "save_minutes=-1": r"save_minutes=-1: at least 0",
    "early_stopping=0": r"early_stopping=0: at least 1",
    "best_by=loss": r"best_by=loss: expected one of accuracy, wer, cer or null",
    "best_by=cer": r"best_by=cer: no score of a model that spots keywords; write accuracy",
    "early_stopping=abc": r"early_stopping=abc: expected a whole number or null",
    "balance=maybe": r"balance=maybe: expected true or false",
    "compile=maybe": r"compile=maybe: expected true or false or one of auto",
    "compile=1": r"compile=1: expected",
    "placement=3": r"placement=3: expected a list",
    "placement={where: block, kind: ternary}": r"placement=\{.*\}: Cannot merge .*; --help behind the verb",
    "placement=[1]": r"placement: write rules as \{where: .*\}, not 1",
    "placement=[{kind: ternary}]": r"placement: write rules as",
    "placement=[{where: block, kind: foo}]": r"placement: kind=foo does not exist; choose from circulant",
    "placement=[{where: block, kind: ternary, densty: 1}]": r"no setting densty; did you mean density\?",
    "placement=[{where: nothing*, kind: ternary}]": r"where=nothing\*: matches no layer .* roles:",
    "placement=[{where: 3, kind: ternary}]": r"placement: where=3: write roles or names of layers",
    "placement=[{where: block, kind: ternary, density: x}]": r"pointwise\.density=x: expected a number",
    "pointwise=ternery": r"pointwise=ternery: no such option; did you mean ternary\?",
    "pointwise.where=[nonsense]": r"where=nonsense: matches no layer .* names: prologue\.0, block1",
    "pointwise.where=[]": r"pointwise\.where=\[\]: matches no layer",
    "pointwise.where=3": r"pointwise\.where=3: write roles or names of layers, such as \[block\]",
    "model.blocks=0": r"model\.blocks=0: at least 1",
    "model.blocks=abc": r"model\.blocks=abc: expected a whole number",
    "model.residual=foo": r"model\.residual=foo: expected one of learned, identity",
    "model._target_=os.system": r"_target_=os\.system: only classes of",
    "features.n_fft=128": r"features\.n_fft=128: the window has 400 samples at 16000 Hz",
    "features.sample_rate=8000": r"features\.sample_rate=8000: write data\.sample_rate= instead",
    "schedule.warmup_ratio=0.9": r"schedule: warmup_ratio=0\.9 and hold_ratio=0\.45 must be shares",
    "optim.lr=fast": r"optim\.lr=fast: expected a number",
    "optim.lr=-1": r"optim: lr=-1, .* must be at least 0",
    "optim.betas=[1,2]": r"optim\.betas=\[1, 2\]: two numbers from 0 to below 1",
    "augment.waveform=null": r"augment\.waveform=None: expected a mapping of settings",
    "augment.waveform.white_noise_db=[-40,-90]": r"white_noise_db=.*: write the lowest and the highest",
    "augment.waveform.background_snr=[20,0]": r"background_snr=\[20, 0\]: write the lowest and the highest",
    "data.words=[high,middle]": r'data\.words: there is no folder "middle" in .*; choose from high, low',
    "data.words=[high]": r"data\.words=\[high\]: a model tells words apart; give it two at least",
    "data.words=[schöön,high]": r'data\.words: there is no folder "schöön"',
    "data.words=high": r"data\.words=high: is one word, not a list; write data\.words=\[high\]",
    "data.root=my words": r"data\.root=.*/my words: there is no such folder",
    "data.root=null": r"data\.root is not set; write data\.root=FOLDER",
    "run_dir=": r"run_dir=: is empty; write a path, or leave run_dir out",
    "init_from=/nowhere": r"/nowhere: no such run folder, \.ckpt or model\.safetensors",
    "resume=/nowhere": r"resume: /nowhere holds no run to go on with \(there is no",
    "checkpoint=/nowhere": r"checkpoint: train does not use it; write init_from=",
    "split=validation": r"split: train does not use it; it scores the test split",
    "trainer=gpu": r"trainer\.accelerator=gpu: this machine shows no GPU; use trainer=cpu",
    "trainer.max_epoch=2": r"no argument of Lightning's Trainer; did you mean max_epochs\?",
    "trainer.max_epochs=abc": r"trainer\.max_epochs=abc: expected a whole number or null",
    "trainer.max_epochs=-2": r"trainer: `max_epochs` must be",
    "trainer.devices=abc": r"trainer: `devices` selected with",
    "trainer.accelerator=foo": r"trainer: You selected an invalid accelerator name",
    "trainer.accumulate_grad_batches=0": r"trainer\.accumulate_grad_batches=0: at least 1",
    "trainer.limit_val_batches=0": r"limit_val_batches=0: validation chooses the best epoch",
    "trainer.logger=true": r"trainer\.logger=True: choose by logger=csv, tensorboard or wandb",
    "trainer.precision=bf16-true": r"trainer\.precision=bf16-true: .* write 16-mixed or bf16-mixed",
    "~seed": r"~seed: nothing can be taken out; write key=value to change it",
    "--foo": r"--foo: no such option; there are --help and -m",
    "=3": r"=3: write key=value",
    "[group=option": r"\[group cannot be a key; write key=value",
    "sé ed=1": r"sé ed cannot be a key; write key=value",
    "data.words=[low,[high]]": r"data\.words",
    "data.words=[low": r"data\.words=\[low: is one word, not a list",
    "nothing": r"nothing: write key=value",
}
TOGETHER = [
    (("pointwise=ternary", "pointwise.density=0"), r"pointwise\.density=0: choose a share above 0"),
    (("pointwise=ternary", "pointwise.density=2"), r"pointwise\.density=2: choose a share above 0"),
    (("pointwise=ternary", "pointwise.density=-1"), r"pointwise\.density=-1: choose a share above 0"),
    (("pointwise=ternary", "pointwise.generator=foo"), r"pointwise\.generator=foo: expected one of hash"),
    (("pointwise=low_rank",), r"pointwise\.rank: give either rank or rank_ratio"),
    (("pointwise=low_rank", "pointwise.rank=65"), r"pointwise\.rank=65: .* takes a rank from 1 to 8"),
    (("pointwise=low_rank", "pointwise.rank=0"), r"pointwise\.rank=0: .* takes a rank from 1 to 8"),
    (("optim=sgd", "optim.lr=-1"), r"optim: Invalid learning rate: -1; see conf/optim"),
    (("optim=adamw", "optim.betas=[0.9]"), r"optim: a list is too short; see conf/optim"),
]


@pytest.mark.parametrize("typed", MISTAKES)
def test_a_mistake_is_one_line(refused_training: Refused, typed: str) -> None:
    if typed == "trainer=gpu" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert re.search(MISTAKES[typed], refused_training(typed))


@pytest.mark.parametrize(("typed", "message"), TOGETHER)
def test_a_mistake_of_several_keys_is_one_line(
    refused_training: Refused, typed: tuple[str, ...], message: str
) -> None:
    assert re.search(message, refused_training(*typed))


def test_wandb_that_is_not_installed(refused_training: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(**_: object) -> None:
        raise ModuleNotFoundError("wandb")

    monkeypatch.setattr("speechsrt.commands.trainer.WandbLogger", absent)
    assert 'pip install "speechsrt[wandb]"' in refused_training("logger=wandb")


def test_a_compiler_that_is_not_there(refused_training: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert "compile=true: needs a C++ compiler" in refused_training("compile=true")


def test_a_folder_that_holds_a_run(refused: Refused, trained: Path, words_folder: Path) -> None:
    line = refused("train", "data=keyword_folder", f"data.root={words_folder}", f"run_dir={trained}")
    assert line.endswith("already holds a run; add resume=true to go on with it, or choose another")


def test_a_folder_that_holds_a_run_without_checkpoint(
    refused: Refused, words_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    line = refused("train", "data=keyword_folder", f"data.root={words_folder}", f"run_dir={tmp_path}")
    assert line.endswith("already holds a run; remove it, or choose another")


@pytest.mark.parametrize("below", ["", "/run"])
def test_a_file_where_the_run_should_go(
    refused: Refused, words_folder: Path, tmp_path: Path, below: str
) -> None:
    (tmp_path / "taken").write_text("")
    place = f"{tmp_path}/taken{below}"
    line = refused("train", "data=keyword_folder", f"data.root={words_folder}", f"run_dir={place}")
    assert line == f"run_dir={place}: {tmp_path}/taken is a file; choose a folder that can be made"


def test_a_folder_that_cannot_be_written(refused: Refused, words_folder: Path) -> None:
    line = refused("train", "data=keyword_folder", f"data.root={words_folder}", "run_dir=/proc/run")
    assert "choose a folder that can be written to" in line
