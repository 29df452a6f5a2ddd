"""The tables in README and docs are those of ``results/``, and these are of the rows that are kept."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from speechsrt.commands.table_pages import _panel, write_table
from speechsrt.commands.table_results import results_of
from speechsrt.commands.table_rows import named
from speechsrt.commands.table_summary import Summary, summaries
from speechsrt.config.files import options
from speechsrt.reports.pareto import front

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
KEPT = [name for name in options("table") if (RESULTS / name).is_dir()]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_tables", ROOT / "scripts" / "write_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_hold_the_tables_as_they_are(script: ModuleType) -> None:
    pages = script.pages()
    assert ROOT / "docs" / "results.md" in pages
    for path, text in pages.items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run scripts/write_tables.py"


@pytest.mark.parametrize("name", KEPT)
def test_tables_are_of_the_rows_that_are_kept(name: str, tmp_path: Path) -> None:
    table = named(name)
    write_table(table, results_of(table, RESULTS), tmp_path)
    for suffix in (".md", ".json", ".csv"):
        kept = (RESULTS / name).with_suffix(suffix).read_text(encoding="utf-8")
        assert (tmp_path / name).with_suffix(suffix).read_text(encoding="utf-8") == kept


def test_plots_that_pages_show_can_be_drawn(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = script.shown()
    assert "layouts_ten_words" in shown
    assert all((script.PICTURES / f"{name}.png").is_file() for name in shown)
    monkeypatch.setattr(script, "PICTURES", tmp_path / "tables")
    script.draw("layouts_ten_words")
    assert (tmp_path / "tables" / "layouts_ten_words.png").read_bytes().startswith(b"\x89PNG")


def test_a_block_is_filled_and_nothing_else_is_touched(script: ModuleType) -> None:
    text = "before\n<!-- results/layouts_ten_words.md -->\nold\n<!-- end -->\nafter\n"
    filled = script.BLOCK.sub(script.filled, text)
    table = (RESULTS / "layouts_ten_words.md").read_text(encoding="utf-8")
    assert filled == text.replace("old\n", table)


def test_a_block_of_the_rows_alone(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "two.md").write_text("| a |\n| - |\n| 1 |\n\n| error of |\n| - |\n| 2 |\n")
    monkeypatch.setattr(script, "RESULTS", tmp_path)
    text = "<!-- results/two.md rows -->\nold\n<!-- end -->\n"
    assert script.BLOCK.sub(script.filled, text) == text.replace("old", "| a |\n| - |\n| 1 |")


def test_the_front_has_the_row_that_validation_chose() -> None:
    table = named("layouts_ten_words")
    panel = _panel(table, table.plots[0], summaries(table, results_of(table, RESULTS)))
    labels = [point.label for point in front(panel.points, panel.high_is_good)]
    assert labels == ["5x4x80 ternary", "4x1x192 ternary"]


@pytest.mark.parametrize(
    ("name", "y", "high_is_good"),
    [
        ("v1_30_ten_words", "validation", True),
        ("v1_30_ten_words", "accuracy", True),
        ("v1_30_ten_words", "false_rejects", False),
        ("librispeech_mini", "validation", False),
        ("librispeech_mini", "wer", False),
        ("librispeech_mini", "cer", False),
        ("librispeech_mini", "validation_cer", False),
    ],
)
def test_errors_are_better_where_they_are_lower(name: str, y: str, high_is_good: bool) -> None:
    scores = (
        {"accuracy": 0.9} if name == "v1_30_ten_words" else {"wer": 0.1, "cer": 0.1, "validation_cer": 0.1}
    )
    result = {"seed": 0, "trained_weights": 1, "validation": 0.5, "false_rejects": 0.1} | scores
    table = named(name)
    rows = [Summary(table.rows["learned"], [result])]
    assert _panel(table, {"x": "trained_weights", "y": y}, rows).high_is_good is high_is_good
