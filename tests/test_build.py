from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.build import build, check_arguments, describe, fits, locate, suggest
from speechsrt.errors import UserError
from speechsrt.pointwise.ternary import Ternary

TERNARY = "speechsrt.pointwise.ternary.Ternary"


def test_a_node_becomes_an_object():
    made = build({"_target_": TERNARY, "in_channels": 4, "density": 0.5}, "pointwise", out_channels=6)
    assert isinstance(made, Ternary)
    assert (made.in_channels, made.out_channels, made.density) == (4, 6, 0.5)


def test_further_arguments_win():
    assert (
        build({"_target_": TERNARY, "in_channels": 4, "out_channels": 4}, "x", in_channels=8).in_channels == 8
    )


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "torch.load",
        "speechsrt.cli.main",
        "speechsrt.build.build",
        "speechsrt.pointwise",
        "speechsrt.pointwise_elsewhere.X",
        "Ternary",
        "",
        ".",
        "speechsrt",
    ],
)
def test_only_classes_of_our_own_packages_can_be_named(target):
    with pytest.raises(UserError, match=r"only classes of speechsrt\.audio, .* can be named here"):
        locate(target)


@pytest.mark.parametrize(
    "target",
    [
        "speechsrt.pointwise.ternary.np",  # a module
        "speechsrt.pointwise.ternary.torch",  # a module again
        "speechsrt.pointwise.ternary.Tensor",  # a class of somebody else's
        "speechsrt.pointwise.ternary.Pointwise",  # ours, but from another module
        "speechsrt.pointwise.ternary.Nothing",
        "speechsrt.pointwise.ternary.__name__",
    ],
)
def test_only_classes_defined_in_the_very_module(target):
    with pytest.raises(UserError, match=r"speechsrt\.pointwise\.ternary defines no class"):
        locate(target)


@pytest.mark.parametrize(
    "module", ["speechsrt.pointwise.nowhere", "speechsrt.audio.", "speechsrt.models.a.b"]
)
def test_a_module_that_is_not_there(module):
    with pytest.raises(UserError, match="there is no module"):
        locate(f"{module}.X")


def test_a_node_without_a_target():
    with pytest.raises(UserError, match=r"model\._target_: this setting is needed"):
        build({}, "model")


def test_a_setting_that_does_not_exist():
    with pytest.raises(UserError, match=r"pointwise\.densty: no such setting; did you mean density\?"):
        build({"_target_": TERNARY, "densty": 0.5}, "pointwise")


def test_a_setting_that_is_needed():
    with pytest.raises(UserError, match=r"pointwise\.in_channels: this setting is needed"):
        build({"_target_": TERNARY}, "pointwise")


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("density", "much", "a number"),
        ("density", True, "a number"),
        ("density", None, "a number"),
        ("in_channels", 4.0, "a whole number"),
        ("in_channels", True, "a whole number"),
        ("generator", "dice", "one of hash, stratified, sobol"),
        ("generator", ["hash"], "one of hash, stratified, sobol"),
    ],
)
def test_a_value_of_another_type(key, value, wanted):
    node = {"_target_": TERNARY, "in_channels": 4, "out_channels": 4} | {key: value}
    with pytest.raises(UserError) as caught:
        build(node, "pointwise")
    assert str(caught.value) == f"pointwise.{key}={value}: expected {wanted}"


def test_arguments_of_a_function_are_checked_alike():
    def function(lr: float, betas: list[float] | None = None) -> None: ...

    check_arguments(function, {"lr": 1, "betas": [0.9]}, "optim")
    check_arguments(function, {"lr": 1.5, "betas": None}, "optim")
    with pytest.raises(UserError, match=r"optim\.betas=\['x'\]: expected a list or null"):
        check_arguments(function, {"lr": 1, "betas": ["x"]}, "optim")
    with pytest.raises(UserError, match=r"optim\.lr: this setting is needed"):
        check_arguments(function, {}, "optim")


@pytest.mark.parametrize(
    ("value", "hint", "answer"),
    [
        (1, int, True),
        (1, float, True),
        (1.0, int, False),
        (True, int, False),
        (True, bool, True),
        ("a", str, True),
        (None, None, True),
        (None, int | None, True),
        ("a", int | None, False),
        ([], list[float], True),
        ([1, 2.5], list[float], True),
        ([1, "a"], list[float], False),
        ((1, 2), list[float], False),
        ({"a": 1}, dict[str, int], True),
        ({"a": "b"}, dict[str, int], False),
        ({1: 1}, dict[str, int], False),
        ("yes", Literal["yes", "no"], True),
        ("maybe", Literal["yes", "no"], False),
    ],
)
def test_fits(value, hint, answer):
    assert fits(value, hint) is answer


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_everything_fits_any(value):
    assert fits(value, Any)


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int, "a whole number"),
        (float | None, "a number or null"),
        (list[str], "a list"),
        (dict[str, int], "a mapping"),
        (bool, "true or false"),
        (Literal["a", "b"], "one of a, b"),
        (Ternary, "Ternary"),
    ],
)
def test_describe(hint, words):
    assert describe(hint) == words


def test_suggest():
    assert suggest("ternry", ["learned", "ternary"]) == "did you mean ternary?"
    assert suggest("zzz", ["b", "a"]) == "choose from a, b"
    assert suggest("zzz", []) == "there is none here; leave it out"
