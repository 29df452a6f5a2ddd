"""Where a corpus lies, what is in it, and the clips of a split in memory."""

import os
from pathlib import Path
from typing import Any

from speechsrt.build import build
from speechsrt.commands.screen import progress, say, say_rejected
from speechsrt.corpora.base import Corpus
from speechsrt.corpora.manifest import Clip, Contents, split_hash
from speechsrt.errors import UserError
from speechsrt.loading.resident import ResidentClips, read_clips


def data_root(config: dict[str, Any]) -> Path:
    """Return the folder of the corpora: ``data_root=``, ``$SPEECHSRT_DATA``, or the user's cache.

    Raises:
        UserError: a file is in the way.
    """
    chosen = config["data_root"] or os.environ.get("SPEECHSRT_DATA")
    if not chosen:
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "speechsrt"
    root = Path(chosen).expanduser()
    if root.exists() and not root.is_dir():
        raise UserError(f"data_root={root}: is a file; write the folder that holds the corpora")
    return root


def corpus_of(config: dict[str, Any]) -> Corpus:
    """Build the corpus that ``data=`` names, with the negatives of ``negatives=``."""
    return build(config["negatives"], "negatives").around(config["data"])


def load_corpus(config: dict[str, Any], corpus: Corpus, download: bool = False) -> Contents:
    """Find a corpus or, where allowed, download or synthesise it."""
    with progress() as report:
        return corpus.load(data_root(config), download=download, progress=report)


def say_contents(contents: Contents) -> None:
    """Tell what is to be known of a corpus, and which of its files were left out."""
    say(contents.notes)
    say_rejected(contents.rejected)


def split_of(contents: Contents, split: str, corpus: Corpus) -> list[Clip]:
    """Return the clips of a named split.

    Raises:
        UserError: there is no such split, or it is empty.
    """
    if split not in contents.splits:
        raise UserError(f"split={split}: {corpus.name} has {', '.join(contents.splits)}")
    if not contents.splits[split]:
        raise _empty(corpus, split)
    return contents.splits[split]


def read_split(
    contents: Contents, split: str, corpus: Corpus, labels: tuple[str, ...]
) -> tuple[ResidentClips, list[tuple[str, str]]]:
    """Read a split into memory; return it with the files that cannot be decoded, where these are left out.

    Raises:
        UserError: no clip is left; a file of an official corpus cannot be decoded.
    """
    rejected: list[tuple[str, str]] | None = [] if corpus.lenient else None
    listed = split_of(contents, split, corpus)
    with progress() as report:
        clips = read_clips(listed, labels, corpus.sample_rate, corpus.clip_seconds, report, rejected)
    if not len(clips):
        raise _empty(corpus, split)
    return clips, rejected or []


def hash_of(contents: Contents, split: str) -> str:
    """Return the hash of a split, the same wherever the corpus lies."""
    folders = {os.path.dirname(clip.path) for clips in contents.splits.values() for clip in clips}
    common = os.path.commonpath(folders) if folders else ""
    return split_hash(contents.splits[split], os.path.dirname(common) if len(folders) == 1 else common)


def _empty(corpus: Corpus, split: str) -> UserError:
    remedy = "every word needs at least three clips"
    if corpus.task == "ctc":
        remedy = "name parts or a manifest for it (docs/corpora.md)"
    return UserError(f"data={corpus.name}: its {split} split holds no clips; {remedy}")
