"""What compress refuses, in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from projecting import LOW, refusal

Refused = Callable[..., str]


def test_no_checkpoint(refused: Refused) -> None:
    line = refused("compress", *LOW)
    assert line == "checkpoint=: name a run folder, a .ckpt or a model.safetensors to compress"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ([], "pointwise=: say what to project onto, such as pointwise=low_rank pointwise.rank=8"),
        ([*LOW, "model.channels=4"], "model.channels: compress keeps the network and its front end; leave"),
        ([*LOW, "features=mfcc"], "features: compress keeps the network and its front end; leave it out"),
        ([*LOW, "features.n_fft=1024"], "features.n_fft: compress keeps the network and its front end"),
        ([*LOW, "model=matchboxnet_3x2x64"], "model: compress keeps the network and its front end"),
        (["placement=[]"], "placement=[]: names no layer to project; write rules, or pointwise="),
        (["pointwise=lowrank"], "pointwise=lowrank: no such option; did you mean low_rank?"),
        ([*LOW, "init_from=x"], "init_from: compress does not use it; write checkpoint="),
        ([*LOW, "pointwise.where=[nowhere]"], "pointwise.where=nowhere: matches no layer of this network"),
        (["pointwise=low_rank"], "pointwise.rank: give either rank or rank_ratio"),
        ([*LOW, "pointwise.rate=0"], "pointwise.rate=0: a factor on the learning rate, above 0"),
    ],
)
def test_mistakes_on_the_command_line(
    refused: Refused, trained: Path, tmp_path: Path, typed: list[str], message: str
) -> None:
    line = refused("compress", f"checkpoint={trained}", f"run_dir={tmp_path / 'run'}", *typed)
    assert line.startswith(message)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            ["pointwise=low_rank", "pointwise.rank=9"],
            "pointwise.rank=9: a 8 x 8 layer takes a rank from 1 to 8",
        ),
        (["pointwise=toeplitz", "pointwise.rank=9"], "takes a displacement rank from 1 to 8"),
        (["pointwise=monarch", "pointwise.blocks=3"], "pointwise.blocks=3: a 8 x 8 layer takes 1, 2, 4, 8"),
    ],
)
def test_what_a_layer_cannot_have_is_told_with_its_name(
    refused: Refused, trained: Path, tmp_path: Path, typed: list[str], message: str
) -> None:
    line = refused("compress", f"checkpoint={trained}", f"run_dir={tmp_path / 'run'}", *typed)
    assert message in line
    assert line.endswith("(layer block1.0)")
    assert not (tmp_path / "run").exists()


def test_a_run_folder_that_is_taken(refused: Refused, trained: Path) -> None:
    line = refused("compress", f"checkpoint={trained}", f"run_dir={trained}", *LOW)
    assert "already holds a run" in line


def test_a_checkpoint_that_is_not_there(refused: Refused, tmp_path: Path) -> None:
    line = refused("compress", f"checkpoint={tmp_path}/none", f"run_dir={tmp_path / 'run'}", *LOW)
    assert line.endswith("none: no such run folder, .ckpt or model.safetensors")


def test_what_only_compress_understands(refused_training: Refused) -> None:
    line = refused_training("pointwise=low_rank", "pointwise.explained_variance=0.9")
    assert line.startswith("pointwise.explained_variance=0.9: needs a trained matrix, see compress")
    line = refused_training("pointwise=low_rank", "weight_budget=100")
    assert line == "weight_budget: train does not use it; it goes with compress"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            ["pointwise=low_rank", "weight_budget=47"],
            "weight_budget=47: rank one in each of 3 layers takes 48",
        ),
        ([*LOW, "weight_budget=100"], "weight_budget=100: goes with low_rank without a rank alone (layer "),
        (
            ["pointwise=circulant", "weight_budget=100"],
            "weight_budget=100: goes with low_rank without a rank",
        ),
    ],
)
def test_mistakes_about_a_budget(trained: Path, tmp_path: Path, typed: list[str], message: str) -> None:
    assert refusal(trained, tmp_path / "run", *typed).startswith(message)
