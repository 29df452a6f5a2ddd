"""Fine-tuning on few clips: seven words of Speech Commands teach an encoder, three others are learned anew.

usage: python scripts/few_shot.py [--clips 5,10,20,0] [--draws 5] [--epochs 60] [--kinds learned,ternary]
                               [--runs FOLDER]

For learned and for ternary 1x1s an encoder is trained on seven words. Then, for each number of clips a word
(0 is all) and each draw of them, a model of the three others is trained on these: from the encoder, from the
encoder left as it is, and from nothing. As many other clips choose the epoch, and all test clips score it.
``results/few_shot/*.json`` keep the accuracies; what is there already is skipped.
"""

import argparse
import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from speechsrt import config
from speechsrt.build import build
from speechsrt.commands import train
from speechsrt.corpora.manifest import SPLITS, Clip, Contents
from speechsrt.corpora.stable import stable_integer

ROOT = Path(__file__).parents[1]
SEVEN, THREE = ["down", "no", "off", "on", "stop", "up", "yes"], ["bed", "cat", "happy"]
KINDS = {"learned": [], "ternary": ["pointwise=ternary", "pointwise.where=[block,prologue,epilogue]"]}
WAYS = {"tuned": [], "frozen": ["encoder_rate=0"], "scratch": []}


def listed(words: list[str]) -> str:
    """Return words as an override's list; quotes keep no and on words."""
    return f"data.words=[{','.join(json.dumps(word) for word in words)}]"


def trained(overrides: list[str], folder: Path) -> dict[str, Any]:
    """Train, if that has not been done, in this process since runs are short; return the test's metrics."""
    if not (folder / "metrics.json").is_file():
        train.run(config.load([*overrides, f"run_dir={folder}"]))
    return json.loads((folder / "metrics.json").read_text())


def corpus(words: Sequence[str] | None) -> Contents:
    """Return words of Speech Commands v1 in their splits; all for None."""
    node: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/data/speech_commands_v1.yaml"))
    place = Path(os.environ["SPEECHSRT_DATA"])
    return build(node | {"words": None if words is None else list(words)}, "data").load(place)


def few(contents: Contents, folder: Path, clips: int, draw: int) -> Path:
    """Link so many clips a word, by a draw, into split folders; of the test split all."""

    def order(clip: Clip) -> int:
        return stable_integer(draw, Path(clip.path).name)

    for split in SPLITS:
        for word in THREE:
            own = sorted((c for c in contents.splits[split] if c.label == word), key=order)
            for clip in own if split == "test" or not clips else own[:clips]:
                link = folder / split / word / Path(clip.path).name
                link.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(FileExistsError):
                    link.symlink_to(clip.path)
    return folder


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clips", default="5,10,20,0", help="clips a word; 0 is all")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=60, help="of 20 clips a word and fewer; all have 10")
    parser.add_argument("--kinds", default=",".join(KINDS), help="one alone, to run both side by side")
    parser.add_argument("--runs", type=Path, default=Path("runs/few_shot"))
    typed = parser.parse_args()
    contents = corpus(THREE)
    for kind in typed.kinds.split(","):
        how = KINDS[kind]
        base = (typed.runs / f"base_{kind}").absolute()
        trained(["experiment=ten_words_learned", listed(SEVEN), "trainer.max_epochs=10", *how], base)
        for clips in map(int, typed.clips.split(",")):
            for draw in range(typed.draws if clips else 1):
                words = few(contents, typed.runs / f"words_{clips}_{draw}", clips, draw)
                for way, more in WAYS.items():
                    start = how if way == "scratch" else [f"init_from={base}", *more]
                    epochs = typed.epochs if clips else 10
                    name = f"{kind}_{way}_{clips}_{draw}"
                    learn(name, words, [*start, f"trainer.max_epochs={epochs}", f"seed={draw}"], typed.runs)


def learn(name: str, words: Path, overrides: list[str], runs: Path) -> None:
    """Train on a folder of words, and keep the result."""
    result, folder = ROOT / "results" / "few_shot" / f"{name}.json", runs / name
    if result.is_file():
        return
    metrics = trained(["data=keyword_folder", f"data.root={words.absolute()}", *overrides], folder)
    kept = ("accuracy", "accuracy_interval", "utterances", "trained_weights", "seed", "epochs", "commit")
    kind, way, clips, draw = name.split("_")
    told = {"kind": kind, "way": way, "clips": int(clips), "draw": int(draw)}
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(told | {key: metrics[key] for key in kept}, indent=1) + "\n")
    print(f"{name}: {100 * metrics['accuracy']:.2f} %", flush=True)


if __name__ == "__main__":
    main()
