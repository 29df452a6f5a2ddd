"""``speechsrt prepare``: download or find a corpus, verify it, list its splits, write manifests."""

from pathlib import Path
from typing import Any

from speechsrt.commands.common import console, corpus_of, data_root, load_corpus, output
from speechsrt.commands.scoring import hash_of
from speechsrt.corpora.manifest import write_manifest
from speechsrt.errors import UserError
from speechsrt.reports.files import write_atomically
from speechsrt.reports.tables import table


def run(config: dict[str, Any]) -> None:
    """Prepare the corpus of ``data=``; manifests go to ``DATA_ROOT/manifests/NAME``."""
    corpus = corpus_of(config)
    contents = load_corpus(config, corpus, download=True)
    folder = data_root(config) / "manifests" / corpus.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"data_root={data_root(config)}: {error.strerror}; choose a folder to write to") from None
    rows = []
    for split, clips in contents.splits.items():
        write_manifest(folder / f"{split}.json", clips)
        speakers = {clip.speaker for clip in clips} - {None}
        hours = sum(clip.duration for clip in clips) / 3600
        rows.append((split, len(clips), f"{hours:.2f}", len(speakers) or None, hash_of(contents, clips)[:16]))
    _write_rejected(folder, contents.rejected)
    columns = ["split", "clips", "hours", "speakers", "hash"]
    output.print(table(f"{corpus.name}: {len(contents.labels)} classes", columns, rows))
    output.print(f"classes: {', '.join(contents.labels)}", markup=False)
    console.print(f"manifests: {folder}", markup=False)


def _write_rejected(folder: Path, rejected: list[tuple[str, str]]) -> None:
    lines = [f"{path}\t{reason}\n" for path, reason in rejected]
    write_atomically(folder / "rejected.txt", "".join(lines).encode())
