"""A model scored again: on its own corpus, on another, and on what it cannot be scored on."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from speechsrt import config
from speechsrt.commands import evaluate

Refused = Callable[..., str]


@pytest.mark.parametrize("named", [".", "model.safetensors", "checkpoints/best.ckpt"])
def test_without_data_it_is_the_corpus_trained_on(trained: Path, tmp_path: Path, named: str) -> None:
    again = evaluate.run(config.load([f"checkpoint={trained / named}", f"run_dir={tmp_path}/run"]))
    first = json.loads((trained / "metrics.json").read_text())
    assert set(again) == set(first)
    same = set(first) - ({"train_seconds", "epochs", "best_epoch"} if named.endswith(".ckpt") else set())
    assert {key: again[key] for key in same} == {key: first[key] for key in same}
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.yaml",
        "metrics.json",
        "report.html",
        "confusion.png",
        "predictions.csv",
    }


def test_another_split_and_fewer_words(trained: Path, tmp_path: Path) -> None:
    typed = [f"checkpoint={trained}", f"run_dir={tmp_path}/run", "split=validation", "data.words=[low]"]
    metrics = evaluate.run(config.load(typed))
    assert (metrics["split"], metrics["data"], metrics["utterances"]) == ("validation", "keyword_folder", 2)


def test_another_corpus_is_heard_as_the_model_hears(
    trained: Path, words_folder: Path, tmp_path: Path
) -> None:
    typed = [f"checkpoint={trained}", "data=keyword_folder", f"data.root={words_folder}"]
    evaluate.run(config.load([*typed, f"run_dir={tmp_path}/run"]))
    stored = (tmp_path / "run/config.yaml").read_text()
    assert "clip_seconds: 0.3" in stored


def test_predictions_add_up_to_the_accuracy(trained: Path) -> None:
    with (trained / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    metrics = json.loads((trained / "metrics.json").read_text())
    assert len(rows) == metrics["utterances"]
    right = [row["said"] == row["heard"] for row in rows]
    assert [row["errors"] == "0" for row in rows] == right
    assert sum(right) / len(rows) == metrics["accuracy"]
    assert {row["said"] for row in rows} == {"low", "high"}


def test_in_noise_of_the_split(trained: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "noise").mkdir()
    for number in range(3):
        soundfile.write(tmp_path / f"noise/{number}.wav", 0.1 * rng.standard_normal(16000), 16000)
    noise = ["negatives=corpus", "negatives.unknown=[]", f"negatives.noise=[{tmp_path}/noise]"]
    scores = {
        snr: evaluate.run(
            config.load(
                [
                    f"checkpoint={trained}",
                    *noise,
                    f"snr={snr}",
                    f"run_dir={tmp_path}/{snr}",
                ]
            )
        )
        for snr in (0, 60)
    }
    assert [scores[snr]["snr"] for snr in scores] == [0, 60]
    clean = json.loads((trained / "metrics.json").read_text())
    assert scores[60]["utterances"] == clean["utterances"]
    assert scores[60]["split_hash"] == clean["split_hash"]
    heard = {snr: (tmp_path / str(snr) / "predictions.csv").read_text() for snr in scores}
    assert heard[0] != heard[60]


def test_noise_that_is_not_there(refused: Refused, trained: Path, tmp_path: Path) -> None:
    line = refused("evaluate", f"checkpoint={trained}", "snr=10", f"run_dir={tmp_path}/run")
    assert line.startswith("snr=10: data=keyword_folder has no noise in its test split; add negatives=corpus")
    assert not (tmp_path / "run").exists()


def test_no_checkpoint(refused: Refused) -> None:
    assert refused("evaluate").startswith("checkpoint=: name a run folder, a .ckpt or a model.safetensors")


def test_a_checkpoint_that_is_not_there(refused: Refused) -> None:
    assert refused("evaluate", "checkpoint=/nowhere").startswith("/nowhere: no such run folder")


def test_a_folder_without_a_model(refused: Refused, tmp_path: Path) -> None:
    assert "a folder without model.safetensors" in refused("evaluate", f"checkpoint={tmp_path}")


@pytest.mark.parametrize("name", ["notes.txt", "notes.ckpt", "model.safetensors"])
def test_a_text_file(refused: Refused, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("hello")
    assert refused("evaluate", f"checkpoint={tmp_path / name}").startswith(f"{tmp_path / name}: not a ")


def test_somebody_elses_safetensors(refused: Refused, tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    assert "not one of ours" in refused("evaluate", f"checkpoint={tmp_path}/other.safetensors")


def test_a_split_that_is_not_there(refused: Refused, trained: Path, tmp_path: Path) -> None:
    line = refused("evaluate", f"checkpoint={trained}", "split=nonsense", f"run_dir={tmp_path}/run")
    assert line == "split=nonsense: keyword_folder has train, validation, test"


def test_words_the_model_does_not_know(
    refused: Refused, trained: Path, words_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(words_folder, tmp_path / "words")
    shutil.copytree(words_folder / "low", tmp_path / "words" / "middle")
    typed = [f"checkpoint={trained}", "data=keyword_folder", f"data.root={tmp_path}/words"]
    line = refused("evaluate", *typed, f"run_dir={tmp_path}/run")
    assert line == (
        "data=keyword_folder: the model does not know middle; score it with data.words=[high,low]"
    )
    assert "score it with a corpus of high, low" in refused("evaluate", *typed, "data.words=[middle]")


def test_another_sample_rate(refused: Refused, trained: Path) -> None:
    line = refused("evaluate", f"checkpoint={trained}", "data.sample_rate=8000")
    assert line == "data.sample_rate=8000: the model hears 16000 Hz; leave it out"


def test_a_model_that_does_not_tell_its_corpus(refused: Refused, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    shutil.copy(trained / "checkpoints/best.ckpt", tmp_path / "away/best.ckpt")
    line = refused("evaluate", f"checkpoint={tmp_path}/away/best.ckpt")
    assert line.endswith("does not tell what it was trained on; add data=")


def test_a_folder_that_holds_a_run(refused: Refused, trained: Path) -> None:
    assert "already holds a run" in refused("evaluate", f"checkpoint={trained}", f"run_dir={trained}")
