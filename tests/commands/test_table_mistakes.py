"""Tables: what is wrong with a file, or with what is typed beside it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tabling import TEXT, TINY

Refused = Callable[..., str]


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ((), "table=: name one of "),
        (("table=nonsense",), "table=nonsense: no such option; did you mean none?"),
        (("table=tones", "only=[lerned]"), "only: table=tones has no row lerned; did you mean learned?"),
        (("table=tones", "only=[1]"), "only: table=tones has no row 1; choose from learned, others, ternary"),
        (
            ("table=tones", "output=own options/table/tones.yaml"),
            "output=own options/table/tones.yaml: cannot be",
        ),
        (("table=tones", "run_dir=own options/table/tones.yaml"), "run_dir=/"),
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
        ("common: [", "common: [seed=7, ", "table=broken: common: seed= is for the table to write; seeds:"),
        (
            "compare:",
            "grid: {pointwise.rank: 8}\ncompare:",
            "table=broken: grid: pointwise.rank: 8: write a list of values",
        ),
        ("compare:", "grid: {seed: [1, 2]}\ncompare:", "table=broken: grid: seed= is for the table to"),
        ("compare:", "plots: [{x: 3}]\ncompare:", "table=broken: plots: {'x': 3}: write x: with a column"),
        (
            "accuracy: 0.9721",
            "accuracy: 97.21",
            "table=broken: others: published: accuracy: 97.21: write a share of one, 0.9721, for percent",
        ),
        (
            "accuracy: 0.9721",
            "accuracy: 97 %",
            "table=broken: others: published: accuracy: 97 %: expected a number of at least 0",
        ),
        (
            "{accuracy: 0.9721",
            "{wer: 5.37",
            "table=broken: others: published: wer: 5.37: write a share of one, 0.0537, for percent",
        ),
        (
            "{accuracy: 0",
            "{acuracy: 0",
            "table=broken: others: published: acuracy: no such figure; did you mean accuracy?",
        ),
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


def test_rows_of_two_tables_that_begin_with_one_another(refused: Refused, tables: Path) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        text = TEXT.format(name=name, root="/w", tiny=TINY)
        text = text.replace("depth: 3, overrides: []", f"from: {other}/learned, overrides: []")
        (tables / f"{name}.yaml").write_text(text)
    line = "table=one: one/learned begins with two/learned begins with one/learned: a circle"
    assert refused("table", "table=one", "dry=true") == line


def test_a_result_that_is_none(refused: Refused, tables: Path) -> None:
    place = Path("results/tones/learned-s0.json")
    place.parent.mkdir(parents=True)
    for text in ("<<<<<<< one side", "[]"):
        place.write_text(text)
        line = f"{place}: is no result of a run; remove it, and the run is made anew"
        assert refused("table", "table=tones", "dry=true") == line


def test_a_file_that_is_no_yaml(refused: Refused, tables: Path) -> None:
    (tables / "broken.yaml").write_text("name: broken\nrows: {a: [\n")
    assert refused("table", "table=broken").startswith(f"{tables / 'broken.yaml'}, line 3: ")


def test_table_keys_are_for_tables(refused: Refused) -> None:
    assert refused("train", "dry=true") == "dry: train does not use it; it goes with table"
