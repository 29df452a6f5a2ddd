"""What docs/pointwise.md says is so: its commands, its numbers, its matrices, its C and its example."""

import ctypes
import hashlib
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechsrt import config
from speechsrt.build import build
from speechsrt.pointwise.base import FLOAT_BITS, Cost, Pointwise, relative_error
from speechsrt.pointwise.generators import GENERATORS, layer_seed
from speechsrt.pointwise.placement import assemble

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pointwise.md").read_text()
GOLDEN = json.loads((ROOT / "tests" / "golden" / "ternary.json").read_text())["cases"]
KINDS = config.options("pointwise")
COMMANDS = re.findall(r"^speechsrt train (.+)$", PAGE, re.MULTILINE)
COUNTS = re.findall(
    r"^\| `(\w+)`(?:, (\w+) ([\d.]+))? \| ([\d,]+) \| ([\d.]+ %) \| ([\d,]+) \| ([\d,]+) \|$",
    PAGE,
    re.MULTILINE,
)


def placed(overrides: list[str]) -> dict[str, Any]:
    """The layers that a command builds."""
    settings = config.load(overrides)

    def make(factory):
        return build(settings["model"], "model", make=factory, features=64, classes=30)

    return {found.slot.name: found for found in assemble(make, config.rules(settings)).placed}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_build_what_they_say(command):
    kinds = {found.layer.kind for found in placed(shlex.split(command)).values()}
    assert kinds - {"learned"} == set(re.findall(r"\w+", command)) & set(KINDS) - {"learned"}


def test_there_are_commands():
    assert len(COMMANDS) == 9


@pytest.mark.parametrize(
    ("table", "overrides"), [(0, []), (1, ["model=deepspeech_gru", "data=librispeech_mini"])]
)
def test_the_table_of_layers(table, overrides):
    text = PAGE.split("| name | role | out x in | what it is |")[1 + table]
    listed: dict[str, tuple[str, str]] = {}
    for names, role, shape in re.findall(r"^\| (`.+?`) \| `(\w+)` \| (\d+ x \d+) \|", text, re.MULTILINE):
        listed |= dict.fromkeys(re.findall(r"`([\w.]+)`", names), (role, shape))
    assert listed == {
        name: (found.slot.role, f"{found.slot.out_channels} x {found.slot.in_channels}")
        for name, found in placed(overrides).items()
    }


def test_the_share_of_the_layers():
    assert sum(found.layer.cost().trained_weights for found in placed([]).values()) == 65_536


def test_the_tables_of_kinds():
    assert re.findall(r"^\| \[`(\w+)`\]\(kinds/\1.md\)", PAGE, re.MULTILINE) == [kind for kind, *_ in COUNTS]
    assert sorted(kind for kind, *_ in COUNTS) == sorted(KINDS)


@pytest.mark.parametrize("row", COUNTS, ids=lambda row: row[0])
def test_the_counts_of_a_layer(row):
    kind, setting, value, *numbers = row
    torch.manual_seed(0)
    overrides = [f"pointwise={kind}", *([f"pointwise.{setting}={value}"] if setting else [])]
    layer = placed([*overrides, "pointwise.where=[block2.0]"])["block2.0"].layer
    layer.after_step(1, 1)
    cost = layer.cost()
    share = f"{100 * cost.trained_weights / 4096:.3g} %"
    assert numbers == [
        f"{cost.trained_weights:,}",
        share,
        f"{cost.multiplications:,}",
        f"{cost.additions:,}",
    ]


def test_the_matrices():
    lines = re.findall(r"^(\w+) (\d+) x (\d+), density ([\d.]+) +([-+0 ]+)$", PAGE, re.MULTILINE)
    assert len(lines) == 4
    for generator, outs, ins, density, rows in lines:
        matrix = GENERATORS[generator](0, int(outs), int(ins), float(density))
        assert ["".join("-0+"[entry + 1] for entry in row) for row in matrix] == rows.split()


def test_the_seed_and_the_number_of_golden_matrices():
    assert f"that is {layer_seed(0, 'block1.0')}." in PAGE
    assert f"pins {len(GOLDEN)} matrices" in PAGE


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_c_code_draws_the_golden_matrices(tmp_path):
    found = re.search(r"```c\n(.*?)```", PAGE, re.DOTALL)
    assert found
    (tmp_path / "ternary.c").write_text(found[1])
    command = [
        "cc",
        "-std=c99",
        "-Wall",
        "-Werror",
        "-O1",
        "-shared",
        "-fPIC",
        "ternary.c",
        "-o",
        "ternary.so",
        "-lm",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    library = ctypes.CDLL(str(tmp_path / "ternary.so"))
    for case in GOLDEN:
        matrix = np.zeros((case["out"], case["in"]), np.int8)
        draw = getattr(library, case["generator"])
        draw.argtypes = [ctypes.c_uint64] * 3 + [ctypes.c_double, ctypes.c_void_p]
        draw(int(case["seed"]), case["out"], case["in"], case["density"], matrix.ctypes.data)
        assert hashlib.sha256(matrix.tobytes()).hexdigest() == case["sha256"], case


def test_the_example_of_a_new_kind():
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found
    names: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "Tensor": Tensor, "Any": Any, "Self": Self}
    names |= {
        "Pointwise": Pointwise,
        "Cost": Cost,
        "FLOAT_BITS": FLOAT_BITS,
        "relative_error": relative_error,
    }
    exec(found[1], names)
    for shape in [(1, 1), (3, 5), (5, 3)]:
        layer, error = names["Gain"].from_dense(torch.randn(*shape), start=2.0)
        x = torch.randn(2, 4, shape[1])
        torch.testing.assert_close(layer(x), x @ layer.weight().T)
        assert layer.cost().stored_bits == 32 * sum(p.numel() for p in layer.parameters())
        assert 0 <= error <= 1
