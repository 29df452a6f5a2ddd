"""The tables of ``conf/table``: rows can be made, have the papers' weights, and results are of them."""

from pathlib import Path

import pytest

from speechsrt import config
from speechsrt.commands.benchmark import model_of
from speechsrt.commands.scoring import costs_of, counts
from speechsrt.commands.table_results import found
from speechsrt.commands.table_rows import Run, beginnings, named, runs_of
from speechsrt.config.files import options

RESULTS = Path(__file__).parent.parent / "results"
TABLES = [name for name in options("table") if name != "none"]
WEIGHTS = {
    ("v1_30", "learned"): 77214,
    ("v1_30", "ternary_wide"): 74590,
    ("v2_35", "learned"): 77859,
    ("v2_12", "learned"): 74892,
    ("v2_12", "deep"): 90444,
    ("v1_30_ten_words", "narrow_24"): 14994,
    ("v1_30_ten_words", "narrow_16"): 8442,
    ("v1_30_ten_words", "ternary_32"): 15146,
    ("v1_30_ten_words", "bcresnet_1"): 9166,
    ("librispeech", "q5x5_learned"): 6713181,
    ("librispeech", "q15x5_half"): 9487197,
}


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_a_recipe_of_its_own(name: str) -> None:
    table = named(name)
    assert table.name == name
    first = {row.name: row.seeds[0] for row in table.rows.values() if row.overrides is not None}
    hashes = {row: Run(table, table.rows[row], seed).hash for row, seed in first.items()}
    assert len(set(hashes.values())) == len(hashes) > 1


@pytest.mark.parametrize("name", TABLES)
def test_what_is_kept_is_of_the_recipe_that_stands_there(name: str) -> None:
    kept = {path.stem for path in (RESULTS / name).glob("*.json")}
    current = {run.name for run in runs_of(named(name)) if found(run, RESULTS) is not None}
    assert kept == current


def test_a_twin_takes_rows_but_not_what_others_published_of_them() -> None:
    whole, other, twin = named("v1_30"), named("v2_35"), named("v1_30_ten_words")
    assert list(whole.rows) == list(other.rows) == list(twin.rows)
    told = [{row.name for row in table.rows.values() if row.published} for table in (whole, other, twin)]
    assert told == [{"learned", "ternary_wide"}, {"learned"}, set()]
    assert whole.rows["learned"].published != other.rows["learned"].published


def test_tables_of_whole_corpora_want_every_word() -> None:
    whole = [name for name in TABLES if name.endswith(("v1_30", "v2_35", "v2_12"))]
    assert len(whole) > 8
    for name in whole:
        run = runs_of(named(name))[0]
        overrides = [*beginnings(run), run][-1 if run.before is None else -2].row.overrides
        assert overrides is not None
        data = config.load(overrides)["data"]
        assert data["words"] == data["vocabulary"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "row"), WEIGHTS)
def test_trained_weights(name: str, row: str) -> None:
    overrides = named(name).rows[row].overrides
    assert overrides is not None
    model = model_of(config.load(overrides))
    assert counts(model, costs_of(model))["trained_weights"] == WEIGHTS[name, row]
