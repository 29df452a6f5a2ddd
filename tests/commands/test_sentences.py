"""Recognition from the command line, on sentences spelled in tones."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from killing import KilledError, kill_at
from spelling import fitted, refused, spoken, write_spelling

from speechsrt import config
from speechsrt.build import build
from speechsrt.commands import evaluate, prepare, train
from speechsrt.commands.vocabulary import node_before
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.training.history import read_history

# --- train ---


@pytest.mark.slow
def test_a_small_network_learns_to_spell(recogniser: Path) -> None:
    metrics = json.loads((recogniser / "metrics.json").read_text())
    assert metrics["wer"] < 0.1
    assert metrics["cer"] < 0.05


@pytest.mark.slow
def test_a_run_folder_is_whole(recogniser: Path) -> None:
    metrics = json.loads((recogniser / "metrics.json").read_text())
    promised = {
        "task",
        "data",
        "split",
        "split_hash",
        "seed",
        "utterances",
        "trained_weights",
        "total_weights",
    }
    promised |= {
        "stored_bits",
        "multiplications_per_second",
        "additions_per_second",
        "train_seconds",
        "epochs",
    }
    assert promised | {"commit", "wer", "cer", "wer_interval", "words"} <= set(metrics)
    assert metrics["task"] == "ctc"
    low, high = metrics["wer_interval"]
    assert 0 <= low <= metrics["wer"] <= high
    for name in ("config.yaml", "errors.txt", "report.html", "model.safetensors", "checkpoints/last.ckpt"):
        assert (recogniser / name).stat().st_size > 0
    model = package.load_recogniser(recogniser)
    assert metrics["trained_weights"] == sum(p.numel() for p in model.parameters())


@pytest.mark.slow
def test_the_history_tells_error_rates_and_the_best_epoch_is_kept(recogniser: Path) -> None:
    rows = read_history(recogniser / "metrics.csv")
    assert list(rows[0]) == ["epoch", "step", "train_loss", "val_loss", "val_wer", "val_cer", "lr", "seconds"]
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"]) / 10
    best = min(float(row["val_wer"]) for row in rows)
    again = evaluate.run(
        config.load([f"checkpoint={recogniser}", "split=validation", f"run_dir={recogniser}-v"])
    )
    assert math.isclose(again["wer"], best, abs_tol=1e-6)


def test_the_best_epoch_is_that_of_the_score_asked_for(spelling: Path, tmp_path: Path) -> None:
    metrics = fitted(spelling, tmp_path / "run", "trainer.max_epochs=4", "best_by=cer", "optim.lr=0.02")
    rates = [float(row["val_cer"]) for row in read_history(tmp_path / "run/metrics.csv")]
    best = torch.load(tmp_path / "run/checkpoints/best.ckpt", weights_only=True)["callbacks"]["Checkpoints"]
    assert best["best_score"] == pytest.approx(-min(rates), abs=1e-6)
    assert metrics["best_epoch"] == rates.index(min(rates)) + 1


def test_examples_are_told_while_training(spelling: Path, tmp_path: Path, capsys: Any) -> None:
    fitted(spelling, tmp_path / "run", "trainer.max_epochs=1")
    told = capsys.readouterr().err
    assert re.search(r"said:  [abcd ]+\n  heard: ", told)
    assert "val_wer" in told


def test_a_validation_text_that_cannot_be_aligned_leaves_the_loss_a_number(tmp_path: Path) -> None:
    manifest = write_spelling(tmp_path / "train", 40)
    held_out = write_spelling(tmp_path / "held out", 9, seed=5)
    records = [json.loads(line) for line in held_out.read_text().splitlines()]
    records[0]["text"] = "abcd " * 30
    held_out.write_text("".join(json.dumps(record) + "\n" for record in records))
    others = [f"data.validation_path={held_out}", f"data.test_path={held_out}", "trainer.max_epochs=1"]
    metrics = fitted(manifest, tmp_path / "run", *others)
    assert metrics["utterances"] == 9
    assert math.isfinite(float(read_history(tmp_path / "run/metrics.csv")[0]["val_loss"]))


@pytest.mark.slow
def test_subwords_learn_too(spelling: Path, tmp_path: Path) -> None:
    kept = [f"data_root={tmp_path / 'root'}", "text=bpe", "text.size=12", "trainer.max_epochs=2"]
    metrics = fitted(spelling, tmp_path / "run", *kept)
    model = package.load_recogniser(tmp_path / "run")
    assert len(model.vocabulary.tokens) == 12
    assert metrics["words"] > 0
    assert len(list((tmp_path / "root/manifests/manifest").glob("bpe-12-*.txt"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("held", ["0", "20"])
def test_a_run_killed_and_resumed_ends_with_the_same_bits(
    spelling: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    more = ["augment=quartznet", f"hold_hours={held}", "model.dropout=0.1"]
    fitted(spelling, tmp_path / "whole", "trainer.max_epochs=3", *more)
    with monkeypatch.context() as patch:
        kill_at(patch, epoch=1, batch=2)
        with pytest.raises(KilledError):
            fitted(spelling, tmp_path / "cut", "trainer.max_epochs=3", "save_minutes=0", *more)
    train.run(config.load([f"resume={tmp_path / 'cut'}"]))
    one, other = (read_history(tmp_path / name / "metrics.csv") for name in ("whole", "cut"))
    for row, same in zip(one, other, strict=True):
        assert [row[name] for name in ("epoch", "step", "val_loss", "val_wer", "lr")] == [
            same[name] for name in ("epoch", "step", "val_loss", "val_wer", "lr")
        ]
    ours, theirs = (package.read(tmp_path / name).tensors for name in ("whole", "cut"))
    assert all(ours[name].equal(theirs[name]) for name in ours)


@pytest.mark.slow
def test_init_from_with_another_alphabet_keeps_the_encoder(
    spelling: Path, recogniser: Path, tmp_path: Path, capsys: Any
) -> None:
    more = ["text.characters=' abcdx'", "trainer.max_epochs=0", f"init_from={recogniser}"]
    fitted(spelling, tmp_path / "run", *more)
    assert "another vocabulary, so a new last layer; the rest is kept" in capsys.readouterr().err
    stored, begun = package.read(recogniser).tensors, package.read(tmp_path / "run").tensors
    for name, tensor in stored.items():
        if name.startswith("network.head"):
            assert begun[name].shape != tensor.shape
        else:
            assert begun[name].equal(tensor)


@pytest.mark.slow
def test_a_second_fine_tune_ends_better_than_it_began(recogniser: Path, tmp_path: Path) -> None:
    """A fine-tune of a fine-tuned model, where NeMo's users saw collapse (its issues 849, 1013, 2082)."""
    other = write_spelling(tmp_path / "other", 120, seed=2)
    tuned = ["text.characters=' abcd'", "optim.lr=0.02"]
    fitted(other, tmp_path / "first", f"init_from={recogniser}", *tuned, "trainer.max_epochs=5")
    again = [f"init_from={tmp_path / 'first'}", *tuned]
    before = fitted(other, tmp_path / "before", *again, "trainer.max_epochs=0")
    after = fitted(other, tmp_path / "after", *again, "trainer.max_epochs=8")
    losses = [float(row["val_loss"]) for row in read_history(tmp_path / "after/metrics.csv")]
    assert min(losses) < losses[0]
    assert after["cer"] <= before["cer"] < 0.9
    assert after["cer"] < 0.3


@pytest.mark.slow
def test_init_from_a_model_for_another_task(spelling: Path, words_folder: Path, recogniser: Path) -> None:
    message = refused(train, "data=keyword_folder", f"data.root={words_folder}", f"init_from={recogniser}")
    assert "recognises sentences, but model= is one that spots keywords" in message


def test_blanks_at_the_edge_of_an_alphabet_count() -> None:
    for typed in ("text.characters= abc", "text.characters=' abc'"):
        assert config.load(["model=quartznet_small", typed])["text"]["characters"] == " abc"


def test_a_benchmark_counts_the_subwords_to_come(tmp_path: Path) -> None:
    node = node_before(config.load(["text=bpe", "text.size=300"]))
    assert len(build(node, "text").tokens) == 300


@pytest.mark.slow
def test_init_from_takes_the_network_of_the_other_model(
    spelling: Path, recogniser: Path, tmp_path: Path
) -> None:
    own = ["model=quartznet_small", "data=manifest", f"data.path={spelling}", "trainer.max_epochs=0"]
    train.run(config.load([*own, f"init_from={recogniser}", f"run_dir={tmp_path / 'run'}"]))
    assert package.load_recogniser(tmp_path / "run").network_node["last"] == 32


# --- evaluate ---


@pytest.mark.slow
def test_evaluate_goes_back_to_the_corpus_trained_on(recogniser: Path, tmp_path: Path) -> None:
    metrics = evaluate.run(config.load([f"checkpoint={recogniser}", f"run_dir={tmp_path / 'again'}"]))
    stored = json.loads((recogniser / "metrics.json").read_text())
    assert {**metrics, "commit": 0} == {**stored, "commit": 0}
    assert (tmp_path / "again/errors.txt").read_text() == (recogniser / "errors.txt").read_text()


@pytest.mark.slow
def test_characters_that_the_vocabulary_lacks_are_told(recogniser: Path, tmp_path: Path, capsys: Any) -> None:
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "x.wav", spoken("ab cd", rng), 16000)
    (tmp_path / "m.json").write_text(json.dumps({"audio_filepath": "x.wav", "text": "ab 7 éa 7"}) + "\n")
    typed = ["data=manifest", "data.path=null", f"data.test_path={tmp_path / 'm.json'}"]
    evaluate.run(config.load([f"checkpoint={recogniser}", *typed, f"run_dir={tmp_path / 'run'}"]))
    assert (
        "lacks 2 characters of the test split, dropped in 3 places: '7' 2, 'é' 1" in capsys.readouterr().err
    )


# --- prepare ---


def test_prepare_writes_manifests_subwords_and_a_language_model(
    spelling: Path, tmp_path: Path, capsys: Any
) -> None:
    own = ["data=manifest", f"data.path={spelling}", f"data_root={tmp_path}"]
    prepare.run(config.load([*own, "text=unigram", "text.size=10", "ngram=2"]))
    folder = tmp_path / "manifests/manifest"
    record = json.loads((folder / "train.json").read_text().splitlines()[0])
    assert set(record) == {"audio_filepath", "duration", "offset", "text", "speaker"}
    assert (folder / "words-2gram.arpa").read_text().startswith("\\data\\")
    assert list(folder.glob("unigram-10-*.txt"))
    assert "10 tokens and the blank" in capsys.readouterr().err


def test_prepare_leaves_out_what_ctc_cannot_align(tmp_path: Path, capsys: Any) -> None:
    manifest = write_spelling(tmp_path / "spelling", 40)
    records = [json.loads(line) for line in manifest.read_text().splitlines()]
    for record in records[:9]:  # one of each speaker
        record["text"] = "abcd " * 30
    manifest.write_text("".join(json.dumps(record) + "\n" for record in records))
    own = [
        "data=manifest",
        f"data.path={manifest}",
        f"data_root={tmp_path}",
        "data.validation=0.01",
        "data.test=0.01",
    ]
    prepare.run(config.load(own))
    assert "tokens, which need" in (tmp_path / "manifests/manifest/rejected.txt").read_text()
    told = capsys.readouterr().err
    assert re.search(r"train: CTC cannot align \d utterances, left out", told)
    assert re.search(r"test: CTC cannot align \d utterances, kept", told)


def test_a_language_model_of_other_text(spelling: Path, tmp_path: Path) -> None:
    own = ["data=manifest", f"data.path={spelling}", f"data_root={tmp_path}", "ngram=2"]
    (tmp_path / "text").write_text("103-1240-0000 HELLO THERE\nhello you\n")
    prepare.run(config.load([*own, f"ngram_text={tmp_path / 'text'}"]))
    arpa = (tmp_path / "manifests/manifest/words-2gram.arpa").read_text()
    assert "hello there" in arpa
    assert "1240" not in arpa
    assert "No such file" in refused(prepare, *own, f"ngram_text={tmp_path / 'none'}")
    (tmp_path / "empty").write_text("\n")
    assert "holds no words" in refused(prepare, *own, f"ngram_text={tmp_path / 'empty'}")


# --- mistakes ---


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["batch_size=8"], "batch_size: of no use to a model that recognises sentences; .*batch_seconds="),
        (["balance=false"], "balance: of no use"),
        (["data.path=/none.json"], r"/none\.json: no such manifest"),
        (["text=words"], "text=words: no such option; choose from bpe, characters, unigram"),
        (["text.characters=aab"], "text.characters"),
        (["text=bpe", "text.size=3"], r"text\.size=3: the text has \d+ different characters"),
        (["decoder=beam", "decoder.lm=/none.arpa"], "/none.arpa"),
        (["model.kernels=[4]"], "has no middle"),
    ],
)
def test_mistakes_of_a_training(spelling: Path, tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        fitted(spelling, tmp_path / "run", f"data_root={tmp_path}", *overrides)
    assert not (tmp_path / "run").exists()


def test_sentences_for_a_keyword_model(spelling: Path) -> None:
    message = refused(train, "data=manifest", f"data.path={spelling}")
    assert "not for a model that spots keywords; write model=quartznet_small" in message
    message = refused(train, "model=quartznet_small")
    assert "data=synthetic: not for a model that recognises sentences; write model=matchboxnet" in message
    assert "decoder: of no use to a model that spots keywords" in refused(train, "decoder=greedy")
    assert "ngram: data=synthetic holds single words" in refused(prepare, "ngram=3")
    assert "ngram_text: a language model needs an order" in refused(
        prepare, "data=manifest", f"data.path={spelling}", "ngram_text=x"
    )
