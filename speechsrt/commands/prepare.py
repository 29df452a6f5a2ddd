"""``speechsrt prepare``: download or find a corpus, verify it, list its splits, write manifests.

For sentences it also learns what goes with the text: subwords, and a language model of words.
"""

from pathlib import Path
from typing import Any

from speechsrt.build import build
from speechsrt.commands.corpus import corpus_of, data_root, hash_of, load_corpus, say_contents
from speechsrt.commands.screen import console, output, say
from speechsrt.commands.vocabulary import lacking_notes, node_of
from speechsrt.corpora.alignable import unalignable
from speechsrt.corpora.base import Corpus
from speechsrt.corpora.manifest import Contents, write_manifest
from speechsrt.errors import UserError
from speechsrt.reports.files import write_atomically
from speechsrt.reports.tables import table
from speechsrt.text.ngram import write_arpa
from speechsrt.text.normalise import normalise

COLUMNS = ["split", "clips", "hours", "speakers", "hash"]


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong, as far as that shows without the corpus."""
    corpus = corpus_of(config)
    data_root(config)
    for key in ("text", "ngram", "ngram_text"):
        if corpus.task != "ctc" and any(typed.partition(".")[0] == key for typed in config["typed"]):
            raise UserError(f"{key}: data={corpus.name} holds single words; leave it out")
    if config["ngram_text"] is not None and config["ngram"] is None:
        raise UserError("ngram_text: a language model needs an order as well; add ngram=3 or the like")


def run(config: dict[str, Any]) -> None:
    """Prepare the corpus of ``data=``; manifests go to ``DATA_ROOT/manifests/NAME``."""
    check(config)
    corpus, root = corpus_of(config), data_root(config)
    contents = load_corpus(config, corpus, download=True)
    folder = root / "manifests" / corpus.name
    try:
        notes = _learn(config, corpus, contents, folder) if corpus.task == "ctc" else []
        _write(contents, folder, "text" if corpus.task == "ctc" else "command")
    except OSError as error:
        raise UserError(
            f"data_root={root}: {error.strerror}; choose a folder that can be written to"
        ) from None
    say_contents(contents)
    say(notes)
    rows = [_row(contents, split) for split in contents.splits]
    classes = f": {len(contents.labels)} classes" if contents.labels else ""
    output.print(table(f"{corpus.name}{classes}", COLUMNS, rows))
    if contents.labels:
        output.print(f"classes: {', '.join(contents.labels)}")
    console.print(f"manifests: {folder}")


def _learn(config: dict[str, Any], corpus: Corpus, contents: Contents, folder: Path) -> list[str]:
    """Settle vocabulary and language model, leave out what CTC cannot align, and return what to say."""
    vocabulary = build(node_of(config, corpus.name, contents, folder.parent.parent), "text")
    frame_seconds = config["data"]["frame_seconds"]
    notes = []
    for split, clips in contents.splits.items():
        found = unalignable(clips, vocabulary.encode, lambda seconds: int(seconds / frame_seconds + 1e-6))
        if split == "train":
            short = {id(clip) for clip, _ in found}
            contents.splits[split] = [clip for clip in clips if id(clip) not in short]
            contents.rejected += [(clip.path, reason) for clip, reason in found]
        fate = "left out" if split == "train" else "kept: a test leaves nothing out"
        if found:
            notes.append(f"{split}: CTC cannot align {len(found)} utterances, {fate}")
        notes += lacking_notes(split, [clip.label for clip in clips], vocabulary)
    notes.append(f"text: {len(vocabulary.tokens)} tokens and the blank")
    return notes + _language_model(config, contents, folder)


def _language_model(config: dict[str, Any], contents: Contents, folder: Path) -> list[str]:
    if config["ngram"] is None:
        return []
    path = folder / f"words-{config['ngram']}gram.arpa"
    sentences = [clip.label for clip in contents.splits["train"]]
    if config["ngram_text"] is not None:
        sentences = read_text(Path(config["ngram_text"]))
    folder.mkdir(parents=True, exist_ok=True)
    write_arpa(path, sentences, config["ngram"])
    return [f"language model: {path}, of {len(sentences):,} sentences"]


def read_text(path: Path) -> list[str]:
    """Return the normalised lines of a text; an utterance's name before its words is left out.

    Names are first words that hold digits and a hyphen, as in ``103-1240-0000``.

    Raises:
        UserError: there is no such text, or it is not one.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UserError(f"ngram_text={path}: {reason}; name a text of one sentence a line") from None
    found = [sentence for line in lines if (sentence := normalise(_unnamed(line)))]
    if not found:
        raise UserError(f"ngram_text={path}: holds no words; name a text of one sentence a line")
    return found


def _unnamed(line: str) -> str:
    first, _, rest = line.partition(" ")
    return rest if "-" in first and first.replace("-", "").isdigit() else line


def _write(contents: Contents, folder: Path, key: str) -> None:
    """Write a manifest a split, and the list of the files left out with their reasons."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, clips in contents.splits.items():
        write_manifest(folder / f"{split}.json", clips, key)
    lines = [f"{path}\t{reason}\n" for path, reason in contents.rejected]
    write_atomically(folder / "rejected.txt", "".join(lines).encode())


def _row(contents: Contents, split: str) -> tuple[str, int, str, int | None, str]:
    clips = contents.splits[split]
    speakers = {clip.speaker for clip in clips} - {None}
    hours = sum(clip.duration for clip in clips) / 3600
    return split, len(clips), f"{hours:.2f}", len(speakers) or None, hash_of(contents, split)[:16]
