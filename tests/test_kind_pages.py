"""Every kind of 1x1 has its page, and what it says is so: picture, settings, counts, errors, commands."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

from speechsrt import config
from speechsrt.build import build, locate
from speechsrt.config import conf_dir
from speechsrt.pointwise.base import Pointwise
from speechsrt.pointwise.placement import Slot, assemble, kind_of

KINDS = config.options("pointwise")
PAGES = Path(__file__).parents[1] / "docs" / "kinds"
NUMBER = r" ([\d,]+) \|"
every_kind = pytest.mark.parametrize("kind", KINDS)


def page(kind: str) -> str:
    return (PAGES / f"{kind}.md").read_text(encoding="utf-8")


def file_of(kind: str) -> dict[str, Any]:
    """What ``conf/pointwise`` says of a kind."""
    return yaml.safe_load((conf_dir() / "pointwise" / f"{kind}.yaml").read_text())


def class_of(kind: str) -> type[Pointwise]:
    return locate(file_of(kind)["_target_"])


def settings_in(words: str) -> dict[str, Any]:
    """Settings as a page writes them: `rank=8`; default or nothing in backticks for none."""
    return {name: yaml.safe_load(value) for name, value in re.findall(r"`(\w+)=([\w.]+)`", words)}


def commands(text: str) -> list[list[str]]:
    """The speechsrt commands of a page's code blocks, as a shell would split them."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("speechsrt ")]


COMMANDS = [(kind, command) for kind in KINDS for command in commands(page(kind))]


def test_there_is_a_page_a_kind():
    assert sorted(path.stem for path in PAGES.glob("*.md")) == sorted([*KINDS, "README"])


def test_the_overview_names_them_all():
    linked = re.findall(r"^\| \[`(\w+)`\]\(\1\.md\)", page("README"), re.MULTILINE)
    assert sorted(linked) == sorted(KINDS)


@every_kind
def test_a_picture_is_shown_and_small(kind):
    assert f"](../pictures/kinds/{kind}.png)" in page(kind)
    path = PAGES.parent / "pictures" / "kinds" / f"{kind}.png"
    assert path.stat().st_size < 25_000
    with Image.open(path) as picture:
        assert picture.size == (320, 320)


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\((?!http)([^)#]*)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


@every_kind
def test_the_settings_are_those_of_the_file(kind):
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", page(kind), re.MULTILINE)
    listed = {name: yaml.safe_load(value) for name, value in rows}
    assert listed == {name: value for name, value in file_of(kind).items() if name != "_target_"}


@every_kind
def test_the_counts_are_those_of_the_code(kind):
    rows = re.findall(
        rf"^\| (\d+) x (\d+) \| (.+?) \|{NUMBER} ([\d.]+ %) \|{NUMBER * 3}$", page(kind), re.MULTILINE
    )
    assert {(int(row[0]), int(row[1])) for row in rows} == {(64, 64), (128, 64), (512, 512)}
    for out, ins, words, trained, share, bits, multiplications, additions in rows:
        torch.manual_seed(0)
        layer = class_of(kind)(int(ins), int(out), **settings_in(words))
        layer.after_step(1, 1)
        cost = layer.cost()
        assert trained == f"{cost.trained_weights:,}"
        assert share == f"{100 * cost.trained_weights / (int(out) * int(ins)):.3g} %"
        assert bits == f"{cost.stored_bits:,}"
        assert multiplications == f"{cost.multiplications:,}"
        assert additions == f"{cost.additions:,}"


def projected(kind: str, words: str) -> tuple[Pointwise, float]:
    """A Gaussian matrix on a kind, and the error."""
    torch.manual_seed(0)
    return class_of(kind).from_dense(torch.randn(64, 64), **settings_in(words))


@every_kind
def test_the_errors_are_those_of_the_code(kind):
    line = re.search(r"^Error of a Gaussian 64 x 64 matrix: (.+?)\.$", page(kind), re.MULTILINE)
    assert line is not None
    told = re.findall(r"\*\*([\d.]+)\*\* \((.+?)\)", line[1])
    assert told
    for error, words in told:
        assert projected(kind, words)[1] == pytest.approx(float(error), abs=6e-4), words


def test_the_errors_of_the_overview():
    rows = re.findall(
        r"^\| `(\w+)` \| (.+?) \| ([\d.]+ %) \| .+? \| ([\d.]+) \|$", page("README"), re.MULTILINE
    )
    assert {row[0] for row in rows} == set(KINDS)
    for kind, words, share, error in rows:
        layer, found = projected(kind, words)
        assert found == pytest.approx(float(error), abs=6e-4), kind
        assert share == f"{100 * layer.cost().trained_weights / 4096:.3g} %"


@every_kind
def test_a_page_trains_its_kind(kind):
    assert ["train", f"pointwise={kind}"] in [command[:2] for command in commands(page(kind))]


@pytest.mark.parametrize(("kind", "command"), COMMANDS, ids=lambda value: str(value)[:60])
def test_commands_build_what_they_say(kind, command):
    verb, *overrides = command
    settings = config.load(overrides)
    rules = config.rules(settings)
    if verb == "compress":
        assert settings["checkpoint"].startswith("runs/")
        for rule in rules:
            kind_of(Slot("block1.0", "block", 64, 64), rule)
        return
    assert verb == "train"

    def make(factory):
        return build(settings["model"], "model", make=factory, features=64, classes=29)

    placed = assemble(make, rules).placed
    named = set(re.findall(r"\w+", " ".join(overrides))) & set(KINDS)
    assert {found.layer.kind for found in placed} - {"learned"} == named - {"learned"}
    assert named
