"""The kind that CONTRIBUTING.md adds is one: its two files, as they stand there, pass what each must."""

import importlib.util
import inspect
import re
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
from omegaconf import OmegaConf

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NAME = "speechsrt.pointwise.banded"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return dedent(found[1])


def kind_tests() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kind_tests", ROOT / "tests/pointwise/test_kinds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rule(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What its YAML says, with its module in place."""
    module = ModuleType(NAME)
    monkeypatch.setitem(sys.modules, NAME, module)
    exec(block("python"), module.__dict__)
    settings = OmegaConf.to_container(OmegaConf.create(block("yaml")))
    assert isinstance(settings, dict)
    return {str(key): value for key, value in settings.items()}


TESTS = kind_tests()
GENERIC = [
    name
    for name, function in inspect.getmembers(TESTS, inspect.isfunction)
    if name.startswith("test_") and list(inspect.signature(function).parameters) == ["rule"]
    if name != "test_a_kind_fits_a_usual_width_and_is_named_after_its_file"  # its YAML is not in conf/
]


@pytest.mark.parametrize("name", GENERIC)
def test_the_twelfth_kind_is_a_kind(rule: dict[str, Any], name: str) -> None:
    getattr(TESTS, name)(rule)


def test_it_is_tested_as_widely_as_the_others() -> None:
    assert len(GENERIC) >= 10


@pytest.mark.parametrize("depth", [4, 20])
def test_it_keeps_the_scale(rule: dict[str, Any], depth: int) -> None:
    TESTS.test_activations_keep_their_scale_at_any_depth(rule, depth)
    TESTS.test_activations_keep_their_scale_at_the_start(rule, 64, 128)
