"""Tables: what their rows are, what runs, what is kept, what is written."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speechsrt import config
from speechsrt.commands import table, table_runner
from speechsrt.commands.table_results import errors_of, found, keep, outdated, words_of
from speechsrt.commands.table_rows import Run, named, recipe_hash, runs_of, table_of
from speechsrt.config import files
from speechsrt.errors import UserError

Refused = Callable[..., str]
TINY = "trainer.max_epochs=1, batch_size=8, model.channels=8, model.wide=8, data.clip_seconds=0.3"
TEXT = """
name: {name}
about: Two words, made of tones.
hours: 0.01
common: [data=keyword_folder, 'data.root={root}', {tiny}]
seeds: [0, 1]
columns: [validation, accuracy, trained_weights, operations, depth, published]
compare: [[ternary, learned]]
rows:
  learned: {{label: all learned, depth: 3, overrides: []}}
  ternary: {{label: all ternary, depth: 3, overrides: ["${{table.shorthand.ternary}}"]}}
  others:
    label: of others
    published: {{accuracy: 0.9721, half: 0.0007, trained_weights: 77214, source: a paper}}
shorthand:
  ternary: [pointwise=ternary, "pointwise.where=['*']"]
"""


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words_folder: Path) -> Path:
    """A folder of own tables, with one, ``tones``."""
    own = tmp_path / "own options"
    (own / "table").mkdir(parents=True)
    monkeypatch.setenv(files.OWN, str(own))
    (own / "table/tones.yaml").write_text(TEXT.format(name="tones", root=words_folder, tiny=TINY))
    named.cache_clear()
    recipe_hash.cache_clear()
    monkeypatch.chdir(tmp_path)
    return own / "table"


def chosen(name: str = "tones", *typed: str) -> Any:
    return config.load([f"table={name}", *typed])


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Runs that write what a run would, at once; returns their command lines."""
    lines: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        words = command[3:]
        lines.append(words)
        place = Path(
            next(word.partition("=")[2] for word in words if word.startswith(("run_dir=", "resume=")))
        )
        write_run(place, seed=int(next((w[5:] for w in words if w.startswith("seed=")), 0)))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(table_runner.subprocess, "run", run)
    return lines


def write_run(place: Path, seed: int, wrong: tuple[int, ...] = (1,)) -> None:
    place.mkdir(parents=True, exist_ok=True)
    metrics = {
        "task": "keyword",
        "data": "keyword_folder",
        "split": "test",
        "split_hash": "abc",
        "seed": seed,
    }
    metrics |= {"utterances": 4, "epochs": 2, "best_epoch": 2, "train_seconds": 60.0, "commit": "c0ffee"}
    metrics |= {"trained_weights": 100, "stored_bits": 3200, "total_weights": 100}
    metrics |= {"multiplications_per_second": 1000, "additions_per_second": 3000}
    metrics |= {"accuracy": 1 - len(wrong) / 4, "accuracy_interval": [0.3, 0.95]}
    (place / "metrics.json").write_text(json.dumps(metrics))
    (place / "config.yaml").write_text("trainer: {accelerator: cpu}\n")
    (place / "metrics.csv").write_text("epoch,step,val_accuracy\n0,1,0.5\n1,2,0.75\n")
    rows = "".join(f"{n}.wav,a,b,0.9,{int(n in wrong)},1\n" for n in range(4))
    (place / "predictions.csv").write_text(f"utterance,said,heard,probability,errors,words\n{rows}")


def test_rows_run_with_every_seed_first_all_with_the_first(tables: Path) -> None:
    runs = runs_of(table_of(chosen()["table"]))
    assert [run.name for run in runs] == ["learned-s0", "ternary-s0", "learned-s1", "ternary-s1"]
    words = runs[3].command(Path("RUNS"))
    assert words[0] == "train"
    assert words[-3:] == ["pointwise=ternary", "pointwise.where=['*']", "seed=1"]


def test_the_hash_follows_the_recipe_and_nothing_else(tables: Path) -> None:
    first = Run(named("tones"), named("tones").rows["learned"], 0)
    assert first.hash == Run(first.table, first.row, 1).hash
    base = ("data=keyword_folder", "data.root=/a")
    assert recipe_hash("train", base) == recipe_hash(
        "train", (*base, "data_root=/b", "workers=7", "compile=false")
    )
    assert recipe_hash("train", base) == recipe_hash("train", (*base, "trainer=gpu", "run_dir=x"))
    changed = [("optim.lr=0.1",), ("trainer.max_epochs=2",), ("pointwise=ternary",), ("data.root=/b",)]
    hashes = {recipe_hash("train", (*base, *more)) for more in changed}
    assert len(hashes | {recipe_hash("train", base)}) == 5
    assert recipe_hash("evaluate", base, "one") != recipe_hash("evaluate", base, "two")


def test_what_is_missing_runs_and_what_is_there_does_not(tables: Path, pretended: list[list[str]]) -> None:
    told = table.run(chosen())
    assert len(pretended) == 4
    assert all("run_dir=" in words[-1] for words in pretended)
    assert table.run(chosen()) == told
    assert len(pretended) == 4
    Path("results/tones/ternary-s1.json").unlink()
    table.run(chosen())
    assert len(pretended) == 4, "its folder was still there"
    assert {path.suffix for path in Path("results").glob("tones.*")} == {".json", ".md", ".csv", ".html"}


def test_a_changed_recipe_runs_again(
    tables: Path, pretended: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    table.run(chosen("tones", "only=[learned]"))
    text = (tables / "tones.yaml").read_text()
    (tables / "tones.yaml").write_text(text.replace("max_epochs=1", "max_epochs=2"))
    run = runs_of(table_of(chosen()["table"]))[0]
    assert outdated(run, Path("results"))
    capsys.readouterr()
    table.run(chosen("tones", "only=[learned]"))
    assert "learned-s0: its recipe has changed since it ran" in capsys.readouterr().err
    assert len(pretended) == 4
    assert found(run, Path("results")) is not None


def test_what_another_table_has_is_taken_over(tables: Path, pretended: list[list[str]]) -> None:
    table.run(chosen())
    text = (tables / "tones.yaml").read_text().replace("name: tones", "name: others")
    text = (
        text.replace("max_epochs=1", "max_epochs=3")
        .replace("learned: {", "whole: {")
        .replace("learned]", "whole]")
    )
    (tables / "others.yaml").write_text(
        text.replace("depth: 3, overrides: [", "depth: 3, overrides: [trainer.max_epochs=1", 1)
    )
    named.cache_clear()
    table.run(chosen("others", "dry=true"))
    assert not Path("results/others").exists()
    pretended.clear()
    table.run(chosen("others"))
    assert {next(w for w in line if w.startswith("seed=")) for line in pretended} == {"seed=0", "seed=1"}
    assert all("pointwise=ternary" in line for line in pretended), (
        "the learned net is that of the other table"
    )
    ours, theirs = (
        json.loads(Path(f"results/{name}-s1.json").read_text()) for name in ("others/whole", "tones/learned")
    )
    assert ours == theirs | {"row": "whole"}


def test_a_killed_run_goes_on_where_it_was(tables: Path, pretended: list[list[str]]) -> None:
    runs = runs_of(table_of(chosen()["table"]))
    saved, empty = (run.folder(Path("runs/tables").absolute()) for run in (runs[0], runs[2]))
    for place in (saved, empty):
        (place / "checkpoints").mkdir(parents=True)
        (place / "config.yaml").write_text("seed: 0")
    (saved / "checkpoints/last.ckpt").touch()
    table.run(chosen("tones", "only=[learned]"))
    assert pretended[0] == ["train", f"resume={saved}"]
    assert pretended[1][-1] == f"run_dir={empty}"
    assert (empty / "config.yaml").read_text() != "seed: 0"


def test_keys_of_the_machine_go_on_to_the_rows(tables: Path, pretended: list[list[str]]) -> None:
    table.run(
        chosen("tones", "only=[learned]", "save_minutes=3", "trainer=gpu", "data_root=/some where", "jobs=2")
    )
    assert pretended[0][-3:] == ["data_root=/some where", "save_minutes=3", "trainer.accelerator=gpu"]


def test_keys_that_only_sentences_use_are_not_for_rows_of_keywords(
    tables: Path, pretended: list[list[str]]
) -> None:
    table.run(chosen("tones", "only=[learned]", "seeds=[0]", "workers=4", "hold_hours=1", "compile=false"))
    (words,) = pretended
    assert words[-1] == "compile=False"
    assert not [word for word in words if word.startswith(("workers", "hold_hours", "trainer.acc"))]


def test_some_seeds_run_and_all_are_written(tables: Path, pretended: list[list[str]]) -> None:
    table.run(chosen())
    Path("results/tones/ternary-s1.json").unlink()
    told = table.run(chosen("tones", "seeds=[0]"))
    assert len(pretended) == 4
    assert [row["seeds"] for row in told["rows"]] == [[0, 1], [0], []]


def test_a_folder_that_is_no_whole_run_is_told_and_the_others_are_kept(
    tables: Path, pretended: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    run = runs_of(table_of(chosen()["table"]))[0]
    place = run.folder(Path("runs/tables").absolute())
    place.mkdir(parents=True)
    (place / "metrics.json").write_text("{}")
    with pytest.raises(UserError, match="table=tones: 1 of 4 runs failed"):
        table.run(chosen())
    assert f"learned-s0: {place} is no whole run ('commit'); remove it" in capsys.readouterr().err
    assert Path("results/tones/ternary-s1.json").is_file()
    assert Path("results/tones.json").is_file()


def test_what_others_begin_with_is_tried_once(
    tables: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "".join(f"  a{n}: {{verb: evaluate, from: learned, overrides: [snr={n}]}}\n" for n in range(3))
    text = TEXT.format(name="after", root="/w", tiny=TINY).replace("  others:", f"{lines}  others:")
    (tables / "after.yaml").write_text(text)
    tried = []

    def fail(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        tried.append(command[3])
        return subprocess.CompletedProcess(command, 2)

    monkeypatch.setattr(table_runner.subprocess, "run", fail)
    with pytest.raises(UserError, match="table=after: 3 of 3 runs failed"):
        table.run(chosen("after", "only=[a0,a1,a2]", "seeds=[0]"))
    assert tried == ["train"]
    assert "a2-s0: learned-s0, which it begins with, is not there" in capsys.readouterr().err


def test_a_dry_run_counts_what_others_begin_with(
    tables: Path, pretended: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    text = TEXT.format(name="after", root="/w", tiny=TINY).replace(
        "  others:",
        "  noisy: {verb: evaluate, from: tones/learned, overrides: [snr=0]}\n"
        "  cut: {verb: compress, from: tones/learned, overrides: [trainer.max_epochs=3]}\n  others:",
    )
    (tables / "after.yaml").write_text(text)
    table.run(chosen("after", "only=[noisy,cut]", "dry=true", "seeds=[0]"))
    shown = capsys.readouterr().out
    assert "after: 2 runs missing and 1 that they begin with" in shown
    lines = {line.split()[1]: line.split() for line in shown.splitlines() if "-s0" in line}
    assert lines["tones/learned-s0"][3] == lines["cut-s0"][3]
    assert "1" in lines["tones/learned-s0"]
    assert "3" in lines["cut-s0"]
    assert "evaluate," in lines["noisy-s0"]


def test_what_a_run_has_done_is_kept_small(tables: Path, tmp_path: Path) -> None:
    run = runs_of(table_of(chosen()["table"]))[0]
    write_run(tmp_path / "run", 0, wrong=(0, 3))
    result = keep(run, tmp_path / "run", tmp_path / "kept")
    assert result == json.loads(run.result(tmp_path / "kept").read_text())
    assert errors_of(result) == [1, 0, 0, 1]
    assert words_of(result) == [1, 1, 1, 1]
    assert (result["validation"], result["course"]) == (0.75, {"val_accuracy": "0.5 0.75"})
    assert result["command"].startswith("speechsrt train data=keyword_folder")
    assert str(tmp_path / "run") not in json.dumps(result)


def test_errors_of_sentences(tables: Path, tmp_path: Path) -> None:
    run = runs_of(table_of(chosen()["table"]))[0]
    write_run(tmp_path / "run", 0)
    rows = "a.flac,x y z,x,2,3\nb.flac,x,x,0,1\nc.flac,,x,1,0\nd.flac,x y,x z,1,2\n"
    (tmp_path / "run/predictions.csv").write_text(f"utterance,said,heard,errors,words\n{rows}")
    (tmp_path / "run/metrics.csv").write_text("epoch,step,val_wer,val_cer\n0,1,0.9,0.5\n1,2,0.8,0.6\n")
    result = keep(run, tmp_path / "run", tmp_path / "kept")
    assert (result["validation"], result["validation_cer"]) == (0.8, 0.6)
    assert errors_of(result) == [2, 0, 1, 1]
    assert words_of(result) == [3, 1, 0, 2]


def test_numbers_and_text_of_a_table(tables: Path, tmp_path: Path) -> None:
    kept = tmp_path / "results"
    for run in runs_of(table_of(chosen()["table"])):
        write_run(tmp_path / run.name, run.seed, (1, 2) if run.row.name == "ternary" else (run.seed,))
        keep(run, tmp_path / run.name, kept)
    told = table.run(chosen())
    learned, ternary, others = told["rows"]
    assert (learned["accuracy"], ternary["accuracy"], others["accuracy"]) == (0.75, 0.5, 0.9721)
    assert learned["operations"] == 4000
    assert learned["accuracy_interval"] == (0.75, 0.75)
    (pair,) = told["comparisons"]
    assert (pair["row"], pair["against"], pair["difference"], pair["seeds"]) == (
        "ternary",
        "learned",
        0.25,
        2,
    )
    text = (kept / "tones.md").read_text()
    assert "| all learned | 2 | 75.00 ± 0.00 | 75.00 ± 0.00 | 100 | 4.00 K | 3 |" in text
    assert "97.21 ± 0.07 (a paper)" in text
    assert "+25.00" in text
    page = (kept / "tones.html").read_text()
    for word in ("all ternary", "c0ffee", "data:image/png", "speechsrt train"):
        assert word in page
    assert (kept / "tones.csv").read_text().splitlines()[0].startswith("row,label,seeds,validation")


def test_a_table_that_chooses_shows_no_score_of_the_test_split(tables: Path, tmp_path: Path) -> None:
    """That of validation is 1, that of the test split 0.75."""
    text = (tables / "tones.yaml").read_text().replace("[validation, accuracy,", "[validation,")
    (tables / "tones.yaml").write_text(text)
    for run in runs_of(table_of(chosen()["table"])):
        write_run(tmp_path / run.name, run.seed)
        (tmp_path / run.name / "metrics.csv").write_text("epoch,step,val_accuracy\n0,1,0.5\n1,2,1.0\n")
        keep(run, tmp_path / run.name, tmp_path / "results")
    table.run(chosen())
    page = (tmp_path / "results/tones.html").read_text()
    assert "validation, %" in page
    assert "100.00" in page
    assert "75.00" not in page


def test_results_without_errors_by_utterance_are_not_compared(tables: Path, tmp_path: Path) -> None:
    kept = tmp_path / "results"
    for run in runs_of(table_of(chosen()["table"])):
        write_run(tmp_path / run.name, run.seed)
        result = keep(run, tmp_path / run.name, kept)
        if run.name == "ternary-s1":
            del result["errors"]
            run.result(kept).write_text(json.dumps(result))
    (pair,) = table.run(chosen())["comparisons"]
    assert pair["seeds"] == 1


def test_a_dry_run_runs_nothing(
    tables: Path, pretended: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    table.run(chosen("tones", "only=[learned]"))
    ran = len(pretended)
    capsys.readouterr()
    assert table.run(chosen("tones", "dry=true")) == {}
    shown = capsys.readouterr().out
    assert len(pretended) == ran
    assert "tones: 2 runs missing" in shown
    assert "ternary-s1" in shown
    assert "learned-s0" not in shown.replace("tones/learned-s0", "")
    assert "tones/learned-s" in shown, "by whose rate"


def test_a_row_that_begins_with_another(tables: Path, pretended: list[list[str]]) -> None:
    text = TEXT.format(name="after", root="/w", tiny=TINY)
    text = text.replace(
        "  others:", "  noisy: {verb: evaluate, from: tones/learned, overrides: [snr=0]}\n  others:"
    )
    (tables / "after.yaml").write_text(text)
    table.run(chosen("after", "only=[noisy]"))
    assert [words[0] for words in pretended] == ["train", "evaluate"] * 2
    place = pretended[0][-1].removeprefix("run_dir=")
    assert pretended[1][1:3] == [f"checkpoint={place}", "snr=0"]
    kept = json.loads(Path("results/after/noisy-s0.json").read_text())
    assert kept["command"] == "speechsrt evaluate checkpoint=RUNS/learned-s0 snr=0"
    assert not Path("results/tones").exists()


def test_a_run_that_another_process_is_at_is_left_to_it(
    tables: Path, pretended: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    run = runs_of(table_of(chosen()["table"]))[0]
    place = run.folder(Path("runs/tables").absolute())
    place.parent.mkdir(parents=True)
    holder = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print('held', flush=True); input()"
    )
    command = [sys.executable, "-c", holder, f"{place}.lock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(UserError, match="1 of 2 runs failed"):
            table.run(chosen("tones", "only=[learned]"))
        other.communicate(b"\n")
    assert "learned-s0: left to another process" in capsys.readouterr().err
    assert len(pretended) == 1


def test_a_failed_run_is_told_and_the_others_are_kept(
    tables: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(command: list[str], stdout: Any, **_: Any) -> subprocess.CompletedProcess[bytes]:
        stdout.write("speechsrt: nothing works\n")
        stdout.flush()
        return subprocess.CompletedProcess(command, 2)

    monkeypatch.setattr(table_runner.subprocess, "run", fail)
    with pytest.raises(UserError, match="table=tones: 2 of 2 runs failed"):
        table.run(chosen("tones", "only=[learned]"))
    assert "learned-s0: exit code 2, speechsrt: nothing works (see " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ((), "table=: name one of "),
        (("table=nonsense",), "table=nonsense: no such option; did you mean none?"),
        (("table=tones", "only=[lerned]"), "only: table=tones has no row lerned; did you mean learned?"),
        (("table=tones", "optim.lr=1"), "optim.lr: rows of a table run as they are written; only data_root"),
        (("table=tones", "jobs=0"), "jobs=0: choose from 1 to 256"),
        (("table=tones", "seeds=[2]"), "seeds: table=tones has [0, 1]"),
        (("table=tones", "table.seeds=[0]"), "table.seeds: rows of a table run as they are written"),
        (("table=tones", "trainer=ddp"), "trainer: a row runs on one device, or its batches would be"),
    ],
)
def test_mistakes_on_the_command_line(
    refused: Refused, tables: Path, typed: tuple[str, ...], line: str
) -> None:
    assert refused("table", *typed).startswith(line)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("hours:", "ours:", "table=broken.ours: no such setting; did you mean hours?"),
        (
            "[ternary, learned]",
            "[ternary, lernt]",
            "table=broken: compare names lernt; did you mean learned?",
        ),
        (
            "depth: 3, overrides: []",
            "verb: spot, overrides: []",
            "table=broken: learned: verb: spot: expected one of train, compress, evaluate",
        ),
        (
            "depth: 3, overrides: []",
            "verb: evaluate, overrides: []",
            "table=broken: learned is to evaluate; write from:",
        ),
        (
            "depth: 3, overrides: []",
            "from: tern, overrides: []",
            "table=broken: learned begins with tern; did you mean",
        ),
        (
            "depth: 3, overrides:",
            "from: ternary, overrides:",
            "table=broken: learned begins with ternary begins with ternary: a circle",
        ),
        (
            "depth: 3, overrides: []",
            "from: others, overrides: []",
            "table=broken: learned begins with others, which others published",
        ),
        ("depth: 3, overrides: []", "overides: []", "table=broken: learned has neither overrides: nor"),
        ("{label: all learned, depth: 3, overrides: []}", "", "table=broken: learned: write {overrides: ["),
        ("overrides: []", "overrides: seed=1", "table=broken: learned: overrides: seed=1: expected a list"),
        ("overrides: []", "overrides: [seed=1]", "table=broken: learned: seed= is for the table to write;"),
        ("overrides: []", "overrides: [optim.l=1]", "table=broken: learned: optim.l: no such key;"),
        ("overrides: []", "overrides: [], seeds: 3", "table=broken: learned: seeds: 3: expected a list"),
        (", source: a paper", "", "table=broken: others: published: write source:"),
        ("[ternary, learned]", "[ternary]", "table=broken: compare: ['ternary']: write pairs"),
        ("compare:", "plots: [{y: accuracy}]\ncompare:", "table=broken: plots: {'y': 'accuracy'}: write x:"),
        ("accuracy, trained", "acuracy, trained", "table=broken: column acuracy: no row tells it; did you"),
        ("name: broken", "name: tones", "table=broken: its file has name: tones; write name: broken"),
    ],
)
def test_mistakes_in_a_file(refused: Refused, tables: Path, before: str, after: str, line: str) -> None:
    text = TEXT.format(name="broken", root="/w", tiny=TINY)
    (tables / "broken.yaml").write_text(text.replace(before, after))
    assert refused("table", "table=broken", "dry=true").startswith(line)


def test_a_file_that_is_no_yaml(refused: Refused, tables: Path) -> None:
    (tables / "broken.yaml").write_text("name: broken\nrows: {a: [\n")
    assert refused("table", "table=broken").startswith(f"{tables / 'broken.yaml'}, line 3: ")


def test_table_keys_are_for_tables(refused: Refused) -> None:
    assert refused("train", "dry=true") == "dry: train does not use it; it goes with table"


@pytest.mark.slow
def test_two_rows_for_real(tables: Path) -> None:
    told = table.run(chosen("tones", "seeds=[0]", "jobs=2"))
    assert [row["seeds"] for row in told["rows"]] == [[0], [0], []]
    kept = json.loads(Path("results/tones/ternary-s0.json").read_text())
    assert kept["trained_weights"] < told["rows"][0]["trained_weights"]
    assert len(kept["errors"].split()) == round((1 - kept["accuracy"]) * kept["utterances"])
