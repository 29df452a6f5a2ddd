"""Write the tables of ``results/`` into README and docs.

They stand between ``<!-- results/NAME.md -->`` and ``<!-- end -->``. The tables themselves are made
again from the rows that are kept, by what ``speechsrt table`` writes.
"""

import re
from pathlib import Path

from speechsrt.commands.table_pages import write_table
from speechsrt.commands.table_results import results_of
from speechsrt.commands.table_rows import named
from speechsrt.config.files import options

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
BLOCK = re.compile(r"(<!-- results/(\w+)\.md -->\n).*?(<!-- end -->)", re.DOTALL)


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
    return f"{block[1]}{table}{block[3]}"


def main() -> None:
    """Write tables and pages."""
    for name in kept():
        table = named(name)
        write_table(table, results_of(table, RESULTS), RESULTS)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
