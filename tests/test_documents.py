"""Every speechsrt command of README and docs runs, on small stand-ins for the corpora and with few epochs."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from omegaconf import OmegaConf

from speechsrt import config
from speechsrt.cli import main

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    *(f"docs/{page}.md" for page in ("quickstart", "training", "pointwise", "results", "corpora")),
]
SHRINK = ["trainer.max_epochs=1", "batch_size=16", "model.channels=16", "model.wide=32"]
SYNTHETIC = ["data.words=[yes,no]", "data.clips_per_word=4", "data.held_out_clips_per_word=2"]


def commands(page: str) -> list[list[str]]:
    """Return the speechsrt commands of a page's code blocks, as a shell would split them."""
    blocks = re.findall(
        r"^```\w*\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
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
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPEECHSRT_DATA", str(tmp_path / "DATA"))
    return tmp_path


def shrunk(command: list[str]) -> list[str]:
    """Return a command with few epochs and small nets; what it says itself about them is left out."""
    verb, rest = command[0], [word for word in command[1:] if not word.startswith("trainer.m")]
    chosen = next((word.partition("=")[2] for word in rest if word.startswith("data=")), "")
    plain = not chosen and not any(
        word.startswith(("experiment=", "checkpoint=", "resume=", "data.root")) for word in rest
    )
    if verb != "train" or any(word.startswith(("resume=", "--help")) for word in rest):
        return command if not (verb == "prepare" and plain) else [*command, *SYNTHETIC]
    if not plain and chosen != "synthetic":
        return [verb, *rest, *SHRINK]
    spoken = SYNTHETIC[1:] if any(word.startswith("data.words") for word in rest) else SYNTHETIC
    return [verb, *rest, *SHRINK, *spoken]


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


@pytest.mark.parametrize("name", config.options("experiment"))
def test_every_experiment_composes(name: str) -> None:
    assert config.load([f"experiment={name}"])["data"]["name"]
