"""The vocabulary of a run: characters as they are, subwords learned from the training split's text.

What is learned is kept beside the corpus's manifests under a name that tells kind, size and text, so that
``prepare`` makes it once and every run on the same text has the same tokens.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from speechsrt.corpora.manifest import Contents
from speechsrt.models.model import target_of
from speechsrt.reports.files import write_atomically
from speechsrt.text.characters import Characters
from speechsrt.text.subwords import Subwords
from speechsrt.text.vocabulary import Vocabulary

SHOWN_CHARACTERS = 20
PRIVATE_USE = 0xE000
"""Where the characters begin that no text holds."""


def node_before(config: dict[str, Any]) -> dict[str, Any]:
    """Return the vocabulary's node, or where it is to be learned one of as many tokens to stand for it."""
    if not _is_learned(config):
        return config["text"]
    letters = Characters().tokens
    others = map(chr, range(PRIVATE_USE, PRIVATE_USE + max(0, config["text"]["size"] - len(letters))))
    return {"_target_": target_of(Characters()), "characters": "".join([*letters, *others])}


def node_of(config: dict[str, Any], name: str, contents: Contents, root: Path) -> dict[str, Any]:
    """Return the vocabulary's node, learned from the training split where it is one of subwords."""
    if not _is_learned(config):
        return config["text"]
    kind, size = config["text"]["kind"], config["text"]["size"]
    sentences = [clip.label for clip in contents.splits["train"]]
    digest = hashlib.sha256("\n".join(sentences).encode()).hexdigest()[:16]
    path = root / "manifests" / name / f"{kind}-{size}-{digest}.txt"
    if path.is_file():
        subwords = Subwords(path.read_text(encoding="ascii"))
    else:
        subwords = Subwords.train(sentences, size, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, str(subwords.settings()["model"]).encode())
    return {"_target_": target_of(subwords)} | subwords.settings()


def lacking_notes(split: str, texts: Iterable[str], vocabulary: Vocabulary) -> list[str]:
    """Return what to say of characters that a vocabulary lacks: nothing where it has all."""
    counts = Counter(character for text in texts for character in vocabulary.lacking(text))
    if not counts:
        return []
    listed = ", ".join(f"{character!r} {count}" for character, count in counts.most_common(SHOWN_CHARACTERS))
    more = f" and {len(counts) - SHOWN_CHARACTERS} others" if len(counts) > SHOWN_CHARACTERS else ""
    return [
        f"text: the vocabulary lacks {len(counts)} characters of the {split} split, dropped in "
        f"{sum(counts.values())} places: {listed}{more}"
    ]


def _is_learned(config: dict[str, Any]) -> bool:
    return "kind" in config["text"]
