"""``speechsrt prepare``: download or find a corpus, verify it, list its splits, write manifests."""

from pathlib import Path
from typing import Any

from speechsrt.commands.corpus import corpus_of, data_root, hash_of, load_corpus, say_contents
from speechsrt.commands.screen import console, output
from speechsrt.corpora.manifest import Contents, write_manifest
from speechsrt.errors import UserError
from speechsrt.reports.files import write_atomically
from speechsrt.reports.tables import table

COLUMNS = ["split", "clips", "hours", "speakers", "hash"]


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong, as far as that shows without the corpus."""
    corpus_of(config)
    data_root(config)


def run(config: dict[str, Any]) -> None:
    """Prepare the corpus of ``data=``; manifests go to ``DATA_ROOT/manifests/NAME``."""
    corpus, root = corpus_of(config), data_root(config)
    contents = load_corpus(config, corpus, download=True)
    folder = root / "manifests" / corpus.name
    try:
        _write(contents, folder)
    except OSError as error:
        raise UserError(
            f"data_root={root}: {error.strerror}; choose a folder that can be written to"
        ) from None
    say_contents(contents)
    rows = [_row(contents, split) for split in contents.splits]
    output.print(table(f"{corpus.name}: {len(contents.labels)} classes", COLUMNS, rows))
    output.print(f"classes: {', '.join(contents.labels)}")
    console.print(f"manifests: {folder}")


def _write(contents: Contents, folder: Path) -> None:
    """Write a manifest a split, and the list of the files left out with their reasons."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, clips in contents.splits.items():
        write_manifest(folder / f"{split}.json", clips)
    lines = [f"{path}\t{reason}\n" for path, reason in contents.rejected]
    write_atomically(folder / "rejected.txt", "".join(lines).encode())


def _row(contents: Contents, split: str) -> tuple[str, int, str, int | None, str]:
    clips = contents.splits[split]
    speakers = {clip.speaker for clip in clips} - {None}
    hours = sum(clip.duration for clip in clips) / 3600
    return split, len(clips), f"{hours:.2f}", len(speakers) or None, hash_of(contents, split)[:16]
