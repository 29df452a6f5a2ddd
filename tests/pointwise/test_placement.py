import pytest
import torch
from torch import nn

from speechsrt.errors import UserError
from speechsrt.models.matchboxnet import MatchboxNet
from speechsrt.pointwise.learned import Learned
from speechsrt.pointwise.low_rank import LowRank
from speechsrt.pointwise.placement import Slot, assemble, place, rebuild, resolve, slots_of
from speechsrt.pointwise.ternary import Ternary

TERNARY = {"_target_": "speechsrt.pointwise.ternary.Ternary"}
LOW_RANK = {"_target_": "speechsrt.pointwise.low_rank.LowRank", "rank": 2}
NAMES = {
    "prologue.0": "prologue",
    "block1.0": "block",
    "block1.1": "block",
    "block1.residual": "residual",
    "block2.0": "block",
    "block2.1": "block",
    "block2.residual": "residual",
    "epilogue.0": "epilogue",
    "last.0": "last",
}


def make(factory):
    return MatchboxNet(factory, 6, 3, blocks=2, sub_blocks=2, channels=8, wide=12)


def kinds(*rules) -> dict[str, type]:
    return {placed.slot.name: type(placed.layer) for placed in assemble(make, rules).placed}


def changed(*rules) -> set[str]:
    return {name for name, kind in kinds(*rules).items() if kind is not Learned}


def test_slots_of_a_matchboxnet():
    slots = slots_of(make)
    assert {slot.name: slot.role for slot in slots} == NAMES
    assert [slot.name for slot in slots] == list(NAMES)
    shapes = {slot.name: (slot.in_channels, slot.out_channels) for slot in slots}
    assert shapes["prologue.0"] == (6, 12)
    assert shapes["block1.0"] == shapes["block1.residual"] == (12, 8)
    assert shapes["last.0"] == (12, 12)


def test_slots_are_told_without_building_or_drawing():
    state = torch.get_rng_state()
    slots_of(make)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_no_rule_names_is_learned():
    assert set(kinds().values()) == {Learned}


@pytest.mark.parametrize("role", sorted(set(NAMES.values())))
def test_a_role(role):
    assert changed(TERNARY | {"where": [role]}) == {name for name, held in NAMES.items() if held == role}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("block1.*", {"block1.0", "block1.1", "block1.residual"}),
        ("block?.0", {"block1.0", "block2.0"}),
        ("*.residual", {"block1.residual", "block2.residual"}),
        ("last.0", {"last.0"}),
        ("*", set(NAMES)),
        ("block[2-9].[01]", {"block2.0", "block2.1"}),
    ],
)
def test_a_glob_on_names(pattern, names):
    assert changed(TERNARY | {"where": [pattern]}) == names
    assert changed(TERNARY | {"where": pattern}) == names


def test_several_places_in_one_rule():
    assert changed(TERNARY | {"where": ["last", "epilogue"]}) == {"last.0", "epilogue.0"}


def test_the_last_match_wins_and_kinds_mix():
    found = kinds(
        TERNARY | {"where": ["*"]}, LOW_RANK | {"where": ["block"]}, TERNARY | {"where": ["block2.1"]}
    )
    assert found["block1.0"] is LowRank
    assert found["block2.1"] is Ternary
    assert found["last.0"] is Ternary


def test_a_later_rule_may_take_a_layer_back():
    learned = {"_target_": "speechsrt.pointwise.learned.Learned", "where": ["block1.0"]}
    assert "block1.0" not in changed(TERNARY | {"where": ["*"]}, learned)


def test_settings_of_rules_reach_their_layers():
    rules = [
        TERNARY | {"where": ["block"], "density": 0.5, "generator": "sobol"},
        LOW_RANK | {"where": ["last"]},
    ]
    layers = {placed.slot.name: placed.layer for placed in assemble(make, rules).placed}
    assert layers["block1.0"].settings()["density"] == 0.5
    assert layers["block1.0"].settings()["generator"] == "sobol"
    assert layers["last.0"].settings() == {"rank": 2}


def test_the_layers_told_are_those_that_run():
    built = assemble(make, [TERNARY | {"where": ["block"]}])
    inside = [module for module in built.network.modules() if isinstance(module, Learned | Ternary)]
    assert {id(module) for module in inside} == {id(placed.layer) for placed in built.placed}
    assert built.network(torch.randn(2, 5, 6)).shape == (2, 3)


def test_a_rebuilt_network_has_the_same_layers_without_the_rules():
    built = assemble(make, [TERNARY | {"where": ["block"], "seed": 4}, LOW_RANK | {"where": ["last"]}])
    stored = {
        p.slot.name: {"_target_": f"{type(p.layer).__module__}.{type(p.layer).__name__}"} | p.layer.settings()
        for p in built.placed
    }
    again = rebuild(make, stored)
    again.network.load_state_dict(built.network.state_dict())
    x = torch.randn(2, 5, 6)
    assert torch.equal(again.network.eval()(x), built.network.eval()(x))


def test_with_identity_links_only_the_link_that_changes_widths_stays():
    def identity(factory):
        return MatchboxNet(factory, 6, 3, blocks=3, channels=8, wide=12, residual="identity")

    assert [slot.name for slot in slots_of(identity) if slot.role == "residual"] == ["block1.residual"]

    def level(factory):
        return MatchboxNet(factory, 6, 3, blocks=3, channels=12, wide=12, residual="identity")

    with pytest.raises(
        UserError, match=r"where=residual: matches no layer.*roles: prologue, block, epilogue, last"
    ):
        assemble(level, [TERNARY | {"where": ["residual"]}])


@pytest.mark.parametrize("where", [["nowhere"], ["block", "nowhere"], "nowhere"])
def test_a_place_that_is_not_there_lists_roles_and_names(where):
    with pytest.raises(UserError) as caught:
        assemble(make, [TERNARY | {"where": where}])
    message = str(caught.value)
    assert message.startswith("pointwise.where=nowhere: matches no layer of this network")
    assert "roles: prologue, block, residual, epilogue, last" in message
    assert all(name in message for name in NAMES)


def test_a_rule_without_a_place():
    with pytest.raises(UserError, match=r"pointwise\.where=\[\]: matches no layer"):
        assemble(make, [TERNARY | {"where": []}])


def test_an_impossible_setting_names_the_layer():
    with pytest.raises(UserError, match=r"density=0\.01: .*without inputs.*\(layer prologue\.0\)"):
        assemble(make, [TERNARY | {"where": ["prologue"], "density": 0.01}])
    with pytest.raises(
        UserError, match=r"rank=99: a 8 x 12 layer takes a rank from 1 to 8 \(layer block1\.0\)"
    ):
        assemble(make, [LOW_RANK | {"where": ["block"], "rank": 99}])


def test_settings_are_checked():
    with pytest.raises(UserError, match=r"pointwise\.densty: no such setting; did you mean density\?"):
        assemble(make, [TERNARY | {"where": ["block"], "densty": 0.1}])
    with pytest.raises(
        UserError, match=r"pointwise\.generator=dice: expected one of hash, stratified, sobol"
    ):
        assemble(make, [TERNARY | {"where": ["block"], "generator": "dice"}])


def test_a_class_that_is_no_kind():
    with pytest.raises(UserError, match=r"MatchboxNet: no kind of 1x1 layer \(layer block1\.0\)"):
        place(Slot("block1.0", "block", 4, 4), {"_target_": "speechsrt.models.matchboxnet.MatchboxNet"})


def test_a_stored_model_that_lacks_a_layer():
    with pytest.raises(UserError, match=r"describes no layer prologue\.0"):
        rebuild(make, {})


def test_a_network_without_1x1s():
    built = assemble(lambda factory: nn.Identity(), [])
    assert built.placed == []
    assert resolve([], []) == {}
    with pytest.raises(UserError, match="matches no layer"):
        resolve([], [TERNARY | {"where": ["block"]}])
