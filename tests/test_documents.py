"""Every speechsrt command of README and docs runs, on small stand-ins for the corpora and with few epochs."""

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from omegaconf import OmegaConf
from spelling import FIVE_BLOCKS, TINY_GRU, TINY_NET, saying, spoken, write_librispeech, write_spelling

from speechsrt import config
from speechsrt.build import build
from speechsrt.cli import main
from speechsrt.commands import benchmark
from speechsrt.pointwise.placement import assemble

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    *(
        f"docs/{page}.md"
        for page in (
            "quickstart",
            "training",
            "pointwise",
            "recognition",
            "compress",
            "results",
            "corpora",
            "detectors",
            "tables",
        )
    ),
]
SHRINK = ["trainer.max_epochs=1", "batch_size=16", "model.channels=16", "model.wide=32"]
SYNTHETIC = ["data.words=[yes,no]", "data.clips_per_word=4", "data.held_out_clips_per_word=2"]
SENTENCES = ("model=quartznet", "experiment=mini", "init_from=")
FEW_TOKENS = ["text.size=24"]


def blocks(page: str, language: str = r"\w*") -> list[str]:
    """Return the code blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[list[str]]:
    """Return the speechsrt commands of a page's code blocks, as a shell would split them."""
    lines = "".join(blocks(page)).replace("\\\n", " ").splitlines()
    return [
        shlex.split(line, comments=True)[1:]
        for line in lines
        if line.startswith("speechsrt ") and "[group=" not in line
    ]


def write_clip(path: Path, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * rng.standard_normal(4000), 16000)


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with own words, and a data root with a few clips of every Speech Commands word."""
    rng = np.random.default_rng(0)
    for version, name in (("0.01", "speech_commands_v1"), ("0.02", "speech_commands_v2")):
        vocabulary = OmegaConf.load(ROOT / f"conf/data/{name}.yaml").vocabulary
        folder = tmp_path / "DATA/SpeechCommands" / f"speech_commands_v{version}"
        listed: dict[str, list[str]] = {"validation": [], "testing": []}
        for word in vocabulary:
            for number, split in enumerate(("train", "train", "validation", "testing")):
                write_clip(folder / word / f"s{number}_nohash_0.wav", rng)
                if split in listed:
                    listed[split].append(f"{word}/s{number}_nohash_0.wav")
        for split, paths in listed.items():
            (folder / f"{split}_list.txt").write_text("\n".join(paths))
        (folder / "_background_noise_").mkdir()
        soundfile.write(folder / "_background_noise_" / "hiss.wav", 0.1 * rng.standard_normal(320000), 16000)
        test_set = tmp_path / "DATA/SpeechCommands" / f"speech_commands_test_set_v{version}"
        for word in (
            "yes",
            "no",
            "up",
            "down",
            "left",
            "right",
            "on",
            "off",
            "stop",
            "go",
            "_unknown_",
            "_silence_",
        ):
            write_clip(test_set / word / "a.wav", rng)
    for folder in ("my words", "recordings"):
        for word in ("lights on", "lights off"):
            for number in range(5):
                write_clip(tmp_path / folder / word / f"{number}.wav", rng)
    write_clip(tmp_path / "clip.wav", rng)
    write_sentences(tmp_path, rng)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPEECHSRT_DATA", str(tmp_path / "DATA"))
    monkeypatch.setattr(benchmark, "BATCH_SIZES", (1,))
    monkeypatch.setattr(benchmark, "SECONDS_A_SIZE", 0.0)
    return tmp_path


def write_sentences(folder: Path, rng: np.random.Generator) -> None:
    """Write a LibriSpeech below ``DATA``, own recordings with their manifests, and a text."""
    write_librispeech(folder / "DATA")
    manifest = write_spelling(folder, 24).read_text()
    for name in ("mine", "theirs", "talks"):
        (folder / f"{name}.json").write_text(manifest)
    (folder / "talks").mkdir()
    for place in ("talk.flac", "talks/monday.flac"):
        soundfile.write(folder / place, spoken(saying(rng, 12), rng), 16000)
    for name in ("books.txt", "train-clean-100.txt"):
        (folder / name).write_text("".join(f"{saying(rng, 6)}\n" for _ in range(20)))


def shrunk(command: list[str]) -> list[str]:
    """Return a command with few epochs and small nets; what it says itself about them is left out."""
    verb, rest = command[0], [word for word in command[1:] if not word.startswith("trainer.m")]
    few = FEW_TOKENS if {"text=bpe", "text=unigram"} & set(rest) else []
    if verb == "prepare":
        return [*command, *few, *(() if said(rest, "data=") else SYNTHETIC)]
    if verb == "table":  # its runs are those of tests/commands/test_table.py
        return [*command, *(() if "dry=true" in rest else ["dry=true"]), "seeds=[0]"]
    if verb == "compress":
        return [verb, *rest, *(word for word in command if word == "trainer.max_epochs=0")]
    if verb != "train" or said(rest, "resume=", "--help"):
        return command
    if "data=keyword_folder" in rest:
        spoken_few = SYNTHETIC[1:] if "data.synthesise=true" in rest else []
        return [verb, *rest, *(SHRINK[:2] if said(rest, "init_from=") else SHRINK), *spoken_few]
    if said(rest, "model=deepspeech"):
        return [verb, *rest, SHRINK[0], *TINY_GRU]
    if said(rest, *SENTENCES):
        small = TINY_NET[:1] if said(rest, "init_from=") else TINY_NET
        small = [*small, *FIVE_BLOCKS] if said(rest, "experiment=mini") else small
        return [verb, *rest, SHRINK[0], *small, *few]
    if said(rest, "data=", "experiment=", "data.root") and "data=synthetic" not in rest:
        return [verb, *rest, *SHRINK]
    return [verb, *rest, *SHRINK, *(SYNTHETIC[1:] if said(rest, "data.words") else SYNTHETIC)]


def said(words: list[str], *beginnings: str) -> bool:
    """Say whether a word begins with one of these."""
    return any(word.startswith(beginnings) for word in words)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(page: str, stand_ins: Path) -> None:
    found = commands(page)
    assert found
    trained = False
    for command in found:
        if "checkpoint=runs/mine" in command and not trained and not (stand_ins / "runs/mine").exists():
            main(["train", "data=keyword_folder", "data.root=my words", "run_dir=runs/mine", *SHRINK])
        main(shrunk(command))
        trained = True
    names: dict[str, Any] = {"waveform": np.zeros(16000, np.float32), "sample_rate": 16000}
    for block in blocks(page, "python"):
        if "speechsrt" in block:
            exec(block, names)


@pytest.mark.parametrize("name", config.options("experiment"))
def test_every_experiment_composes(name: str) -> None:
    assert config.load([f"experiment={name}"])["data"]["name"]


@pytest.mark.slow
def test_the_sizes_of_the_models() -> None:
    text = (ROOT / "docs/recognition.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(model=quartznet.+?)` \|.+? \|.+? \| ([\d,]+) \|", text, re.MULTILINE)
    assert len(rows) == 8
    for overrides, trained in rows:
        settings = config.load(shlex.split(overrides))
        node = settings["model"]
        with torch.device("meta"):
            found = assemble(
                lambda make, node=node: build(node, "model", make=make, features=64, classes=29),
                config.rules(settings),
            )
        weights = sum(p.numel() for p in found.network.parameters() if p.requires_grad)
        assert f"{weights:,}" == trained, overrides
