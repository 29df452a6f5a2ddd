"""A training that begins with the weights of another model."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from speechsrt import config
from speechsrt.commands.weights import initial_model
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.models.keyword import KeywordModel

Refused = Callable[..., str]


def begun(trained: Path, *typed: str, labels: tuple[str, ...] = ("high", "low")) -> KeywordModel:
    """The model that a training from the tones' run begins with."""
    own = ["data=keyword_folder", "data.clip_seconds=0.3", f"init_from={trained}"]
    model = initial_model(config.load([*own, *typed]), outputs(labels))[0]
    assert isinstance(model, KeywordModel)
    return model


def outputs(labels: tuple[str, ...]) -> dict[str, Any]:
    return {"labels": list(labels), "clip_seconds": 0.3}


def test_network_and_weights_are_those_of_the_other(trained: Path) -> None:
    stored = package.load(trained).state_dict()
    assert all(torch.equal(value, stored[name]) for name, value in begun(trained).state_dict().items())


def test_other_words_get_a_fresh_classifier(trained: Path) -> None:
    model, stored = begun(trained, labels=("high", "low", "middle")), package.load(trained).state_dict()
    assert model.labels == ("high", "low", "middle")
    for name, value in model.state_dict().items():
        if not name.startswith("network.head."):
            assert torch.equal(value, stored[name])


def test_settings_without_weights_may_change(trained: Path) -> None:
    typed = ["model.channels=8", "model.wide=8", "model.dropout=0.5"]
    model = begun(trained, *typed)
    assert model.network_node["dropout"] == 0.5
    stored = package.load(trained).state_dict()
    assert all(torch.equal(value, stored[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            ["model.channels=16", "model.wide=8"],
            r"init_from=.*: its network\..* does not fit the network; leave",
        ),
        (["model.channels=8", "model.wide=8", "pointwise=ternary"], r"layer block1\.0 is another one there"),
        (["model.channels=8", "model.wide=8", "features.n_fft=1024"], r"has another front end"),
        (
            ["data.sample_rate=8000"],
            r"hears 16000 Hz, data\.sample_rate is 8000; write data\.sample_rate=16000",
        ),
    ],
)
def test_a_network_that_does_not_fit(trained: Path, typed: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        begun(trained, *typed)


def test_a_resumed_run_does_without_the_model_it_began_with(trained: Path) -> None:
    loaded = config.load(["data=keyword_folder", "data.clip_seconds=0.3", "init_from=/gone"])
    model, _ = initial_model(loaded, outputs(("high", "low")), trained / "checkpoints/last.ckpt")
    assert isinstance(model, KeywordModel)
    assert model.labels == ("high", "low")


def test_mistakes_on_the_command_line(refused_training: Refused, trained: Path, tmp_path: Path) -> None:
    assert re.search("does not fit|is another", refused_training(f"init_from={trained}", "model.channels=16"))
    assert "a folder without model.safetensors" in refused_training(f"init_from={tmp_path}")
