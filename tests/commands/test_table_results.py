"""Tables: what is kept of runs, what is compared, what is written."""

import json
from dataclasses import replace
from pathlib import Path

from tabling import chosen, keep, write_run

from speechsrt.commands import table
from speechsrt.commands.table_results import (
    Result,
    errors_of,
    of_other_clips,
    result_of,
    words_of,
    write_result,
)
from speechsrt.commands.table_rows import Run, named, runs_of, table_of


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


def test_how_much_compressing_cut_is_kept(tables: Path, tmp_path: Path) -> None:
    run = runs_of(table_of(chosen()["table"]))[0]
    write_run(tmp_path / "run", 0)
    assert "cut_error" not in keep(run, tmp_path / "run", tmp_path / "kept")
    (tmp_path / "run/projection.json").write_text('[{"error": 0.5}, {"error": 0.7}]')
    assert keep(run, tmp_path / "run", tmp_path / "kept")["cut_error"] == 0.6


def test_what_was_only_scored_has_no_minutes_of_training(tables: Path, tmp_path: Path) -> None:
    run = runs_of(table_of(chosen()["table"]))[0]
    write_run(tmp_path / "run", 0)
    assert keep(run, tmp_path / "run", tmp_path / "kept")["minutes"] == 1.0
    scored = Run(run.table, replace(run.row, verb="evaluate"), 0)
    assert not {"minutes", "train_seconds"} & set(keep(scored, tmp_path / "run", tmp_path / "kept"))


def test_seeds_scored_on_other_clips_are_told_and_not_compared(tables: Path, tmp_path: Path) -> None:
    home = table_of(chosen()["table"])
    one, other = {"split_hash": "a"}, {"split_hash": "b"}
    rows: dict[str, list[Result]] = {"one": [one, one], "two": [one, other]}
    assert of_other_clips(rows) == ["two: its seeds were scored on 2 different sets of clips"]
    for run in runs_of(home):
        write_run(tmp_path / run.name, run.seed)
        result = result_of(run, tmp_path / run.name)
        if run.name == "ternary-s1":
            result |= {"utterances": 3, "errors": ""}
        write_result(run, result, tmp_path / "results")
    (pair,) = table.run(chosen())["comparisons"]
    assert pair["seeds"] == 1


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
    for word in (
        "all ternary",
        "c0ffee",
        "data:image/png",
        "speechsrt train",
        "<dd>4 of 4</dd>",
        "<dd>0.1</dd>",
    ):
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
