"""Tables: what their rows are, and what runs."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest
from tabling import TEXT, TINY, chosen, write_run

from speechsrt.commands import table
from speechsrt.commands.processes import Processes
from speechsrt.commands.table_costs import Rate, Size, likely
from speechsrt.commands.table_results import found, outdated
from speechsrt.commands.table_rows import Run, named, recipe_hash, runs_of, table_of
from speechsrt.errors import UserError


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


def test_what_is_missing_runs_and_what_is_there_does_not(
    tables: Path, pretended: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    told = table.run(chosen())
    assert len(pretended) == 4
    assert all("run_dir=" in words[-1] for words in pretended)
    capsys.readouterr()
    assert table.run(chosen()) == told
    assert "tones: all that was asked for is there, in results; output= and" in capsys.readouterr().err
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

    def fail(_: Processes, command: list[str], *_how: Any) -> int:
        tried.append(command[4])
        return 2

    monkeypatch.setattr(Processes, "run", fail)
    with pytest.raises(UserError, match="table=after: 3 of 3 runs failed"):
        table.run(chosen("after", "only=[a0,a1,a2]", "seeds=[0]"))
    assert tried == ["train"]
    assert "a2-s0: learned-s0, which it begins with, is not there" in capsys.readouterr().err


def test_where_two_rows_are_refused_alike_nothing_more_begins(
    tables: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = []

    def refuse(_: Processes, command: list[str], output: IO[bytes], *_how: Any) -> int:
        tried.append(command)
        output.write(b"speechsrt: no such corpus\n")
        output.flush()
        return 2

    monkeypatch.setattr(Processes, "run", refuse)
    with pytest.raises(UserError, match="table=tones: 4 of 4 runs failed"):
        table.run(chosen())
    assert len(tried) == 2
    assert "the second row to end so; the others are not begun" in capsys.readouterr().err
    tried.clear()
    with pytest.raises(UserError, match="table=tones: 2 of 2 runs failed"):
        table.run(chosen("tones", "only=[learned]"))
    assert len(tried) == 2, "two seeds of a row say nothing of others"


def test_lists_left_blank_are_empty_and_seeds_zero(tables: Path, pretended: list[list[str]]) -> None:
    text = (tables / "tones.yaml").read_text()
    blank = text.replace("compare: [[ternary, learned]]", "compare:").replace("seeds: [0, 1]", "seeds:")
    (tables / "tones.yaml").write_text(blank)
    told = table.run(chosen())
    assert [row["seeds"] for row in told["rows"]] == [[0], [0], []]
    assert told["comparisons"] == []


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


def test_a_dry_run_says_what_it_cannot_tell_and_what_has_run(
    tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (tables / "tones.yaml").read_text()
    (tables / "tones.yaml").write_text(text.replace("hours: 0.01", ""))
    write_run(runs_of(table_of(chosen()["table"]))[0].folder(Path("runs/tables").absolute()), seed=0)
    table.run(chosen("tones", "dry=true"))
    shown = " ".join(capsys.readouterr().out.split())
    assert "tones: 4 runs missing, 0.0 hours of jobs, and 3 runs of which no rate or no hours: are" in shown
    assert shown.count("│ it has run │") == 1


def test_a_run_goes_by_the_rates_of_its_machine_and_its_twin_before_others(tables: Path) -> None:
    home = replace(named("tones"), hours=2.0)

    def rate(where: str, seconds: float, operations: float = 100.0) -> Rate:
        rows = frozenset(home.rows) if where.startswith("twin") else frozenset({"x"})
        return Rate(where, "Net", operations, seconds, rows, machine="EPYC")

    size = Size("Net", trained_weights=10, operations=100.0, epochs=3)
    rates = [rate("a/x-s0", 1), *(rate("twin/x-s0", s) for s in (50, 20, 30)), rate("b/y-s0", 9, 1e4)]
    assert likely(size, home, rates, "EPYC") == (3 * 2.0 * 30 / 60, rates[3])
    assert likely(replace(size, operations=1e4), home, rates, "EPYC")[1] == rates[-1]
    assert likely(size, home, rates[:1], "EPYC") == (3 * 2.0 * 1 / 60, rates[0])
    assert likely(replace(size, network="Other"), home, rates, "EPYC") == (None, None)
    assert likely(size, replace(home, hours=None), rates[:1], "EPYC") == (None, rates[0])
    own = replace(rate("c/z-s0", 4, operations=50.0), machine="H200")
    assert likely(size, home, [*rates, own], "H200") == (3 * 2.0 * 4 * 2 / 60, own)
    assert likely(size, home, rates, "H200") == likely(size, home, rates, "EPYC")


def test_a_dry_run_says_whose_rates_are_of_another_machine(
    tables: Path, pretended: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    table.run(chosen("tones", "only=[learned]", "seeds=[0]"))
    capsys.readouterr()
    table.run(chosen("tones", "dry=true"))
    assert "rates of" not in capsys.readouterr().out
    path = Path("results/tones/learned-s0.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"machine": "Some GPU"}))
    table.run(chosen("tones", "dry=true"))
    shown = " ".join(capsys.readouterr().out.split())
    assert "rates of Some GPU; where a run has ended on this machine, its own" in shown


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
    assert "hours of training" not in Path("results/after.html").read_text()
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
        table.run(chosen("tones", "only=[learned]"))
        other.communicate(b"\n")
    said = capsys.readouterr().err
    assert "learned-s0: left to another process" in said
    assert "1 of 2 runs are left to the processes that are at them" in said.replace("\n", " ")
    assert len(pretended) == 1


def test_a_failed_run_is_told_and_the_others_are_kept(
    tables: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Processes, _command: list[str], output: IO[bytes], *_how: Any) -> int:
        output.write(b"speechsrt: nothing works\n")
        output.flush()
        return 2

    monkeypatch.setattr(Processes, "run", fail)
    with pytest.raises(UserError, match="table=tones: 2 of 2 runs failed"):
        table.run(chosen("tones", "only=[learned]"))
    assert "learned-s0: exit code 2, speechsrt: nothing works (see " in capsys.readouterr().err


@pytest.mark.slow
def test_two_rows_for_real(tables: Path) -> None:
    told = table.run(chosen("tones", "seeds=[0]", "jobs=2"))
    assert [row["seeds"] for row in told["rows"]] == [[0], [0], []]
    kept = json.loads(Path("results/tones/ternary-s0.json").read_text())
    assert kept["trained_weights"] < told["rows"][0]["trained_weights"]
    assert len(kept["errors"].split()) == round((1 - kept["accuracy"]) * kept["utterances"])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_runs_end_with_the_table_that_is_told_to(
    tables: Path, words_folder: Path, number: signal.Signals
) -> None:
    endless = TINY.replace("max_epochs=1", "max_epochs=100000")
    (tables / "long.yaml").write_text(TEXT.format(name="long", root=words_folder, tiny=endless))
    command = [sys.executable, "-m", "speechsrt.cli", "table", "table=long", "jobs=2", "seeds=[0]"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        while len(list(Path("runs/tables/long").glob("*/checkpoints/last.ckpt"))) < 2:
            assert run.poll() is None
            time.sleep(0.2)
        run.send_signal(number)
        _, shown = run.communicate(timeout=60)
    assert run.returncode == 1
    assert shown.splitlines()[-1] == "speechsrt: interrupted: the same command goes on"
    assert "Traceback" not in shown
    for log in Path("runs/tables/long").glob("*.log"):
        assert "speechsrt: interrupted: go on with resume=" in log.read_text()
