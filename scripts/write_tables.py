"""Write the tables of ``results/`` into README and docs.

They stand between ``<!-- results/NAME.md -->``, or ``<!-- results/NAME.md rows -->`` where what is compared
is to be left out, and ``<!-- end -->``. The tables themselves are made again from the rows that are kept, by
what ``speechsrt table`` writes; so are the plots that a page shows as ``pictures/tables/NAME.png``.
"""

import re
from pathlib import Path

from speechsrt.commands.table_pages import panels_of, write_table
from speechsrt.commands.table_results import results_of
from speechsrt.commands.table_rows import named
from speechsrt.commands.table_summary import summaries
from speechsrt.config.files import options
from speechsrt.reports.pareto import panels_picture

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
PICTURES = ROOT / "docs" / "pictures" / "tables"
SHOWN = re.compile(r"pictures/tables/(\w+)\.png")
BLOCK = re.compile(r"(<!-- results/(\w+)\.md( rows)? -->\n).*?(?=<!-- end -->)", re.DOTALL)


def kept() -> list[str]:
    """Return the tables of which there are results."""
    return [name for name in options("table") if (RESULTS / name).is_dir()]


def pages() -> dict[Path, str]:
    """Return the text of every page that holds a table, with the table as it is in ``results/``."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    return {path: BLOCK.sub(filled, text) for path, text in texts.items() if BLOCK.search(text)}


def filled(block: re.Match[str]) -> str:
    """Return a block with its table."""
    table = (RESULTS / f"{block[2]}.md").read_text(encoding="utf-8")
    rows, *_ = table.partition("\n\n")
    return block[1] + (f"{rows.rstrip()}\n" if block[3] else table)


def shown() -> set[str]:
    """Return the tables whose plots a page shows."""
    files = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    return {name for path in files for name in SHOWN.findall(path.read_text(encoding="utf-8"))}


def draw(name: str) -> None:
    """Write a table's plots."""
    table = named(name)
    panels = panels_of(table, summaries(table, results_of(table, RESULTS)))
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.png").write_bytes(panels_picture(panels))


def main() -> None:
    """Write tables, plots and pages."""
    for name in kept():
        table = named(name)
        write_table(table, results_of(table, RESULTS), RESULTS)
    for name in shown():
        draw(name)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
