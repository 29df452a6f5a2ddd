import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import speechsrt
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.models.keyword import KeywordModel
from speechsrt.pointwise.ternary import Ternary

FEATURES = {"_target_": "speechsrt.audio.features.Mfcc", "channels": 8}
NETWORK = {"_target_": "speechsrt.models.matchboxnet.MatchboxNet", "blocks": 1, "channels": 4, "wide": 8}
RULES = [
    {"_target_": "speechsrt.pointwise.ternary.Ternary", "where": ["block"], "density": 0.5, "seed": 3},
    {"_target_": "speechsrt.pointwise.low_rank.LowRank", "where": ["last"], "rank_ratio": 0.5},
]
SOUND = torch.randn(2, 8000, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model() -> KeywordModel:
    torch.manual_seed(0)
    made = KeywordModel(FEATURES, NETWORK, ["no", "schöön", "yes"], 0.5, RULES)
    made(SOUND)  # so that the statistics are not those of the start
    return made.eval()


@pytest.fixture
def path(model: KeywordModel, tmp_path: Path) -> Path:
    package.save(model, tmp_path / "model.safetensors", {"accuracy": 0.5})
    return tmp_path / "model.safetensors"


def header_of(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["speechsrt"])


def changed(path: Path, **header: Any) -> Path:
    """The package with entries of its header replaced; the value None removes one."""
    described = {key: value for key, value in (header_of(path) | header).items() if value is not None}
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    save_file(tensors, path, {"speechsrt": json.dumps(described)})
    return path


def checkpoint_of(model: KeywordModel, path: Path) -> Path:
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save(
        {"speechsrt": {"model": model.describe()}, "state_dict": state | {"other": torch.ones(1)}}, path
    )
    return path


# --- round trips ---


def test_a_package_gives_the_same_model(model, path):
    again = package.load(path)
    assert not again.training
    assert again.describe() == model.describe()
    assert torch.equal(again(SOUND), model(SOUND))
    assert speechsrt.load(str(path)).predict(SOUND[0], 16000) == model.predict(SOUND[0], 16000)


def test_ternary_layers_are_drawn_again_bit_by_bit(model, path):
    ours = {p.slot.name: p.layer for p in model.placed}
    for placed in package.load(path).placed:
        assert torch.equal(placed.layer.weight(), ours[placed.slot.name].weight())
    stored = header_of(path)["model"]["layers"]["block1.0"]
    assert isinstance(ours["block1.0"], Ternary)
    assert stored == {"_target_": "speechsrt.pointwise.ternary.Ternary"} | ours["block1.0"].settings()


def test_a_checkpoint_gives_the_same_model(model, tmp_path):
    again = package.load(checkpoint_of(model, tmp_path / "last.ckpt"))
    assert torch.equal(again(SOUND), model(SOUND))


def test_a_run_folder_means_its_package_else_its_best_checkpoint(model, path, tmp_path):
    assert package.find(tmp_path) == path
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    best = checkpoint_of(model, tmp_path / "run" / "checkpoints" / "best.ckpt")
    assert package.find(tmp_path / "run") == best
    assert torch.equal(package.load(tmp_path / "run")(SOUND), model(SOUND))


def test_saving_twice_gives_the_same_bytes_and_leaves_nothing_behind(model, path, tmp_path):
    before = path.read_bytes()
    package.save(model, path, {"accuracy": 0.5})
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]


# --- what is in the file ---


def test_the_header_tells_all_and_the_tensors_are_the_trained_ones(model, path):
    header = header_of(path)
    assert (header["format"], header["task"], header["about"]) == (1, "keyword", {"accuracy": 0.5})
    assert header["model"] == model.describe()
    with safe_open(path, "pt") as file:
        names = set(file.keys())
        size = sum(len(file.get_tensor(name).numpy().tobytes()) for name in names)
    assert not any("num_batches_tracked" in name or name.startswith("features") for name in names)
    assert not any("block1" in name and "pointwise" in name for name in names)
    trained = {name for name, parameter in model.named_parameters()}
    assert trained < names
    assert all("running" in name for name in names - trained)
    assert package.stored_bits(model, model.placed) == 8 * size


def test_letters_of_any_language_stay_readable_in_the_file(path):
    assert "schöön".encode() in path.read_bytes()


# --- packed layers ---

PACKED_RULES = [
    {
        "_target_": "speechsrt.pointwise.pruned.Pruned",
        "where": ["block", "last"],
        "method": "csp",
        "sparsity": 0.75,
    },
    {"_target_": "speechsrt.pointwise.ternary_learned.TernaryLearned", "where": ["residual"]},
]


def packed_model(rules: list[dict[str, Any]]) -> KeywordModel:
    torch.manual_seed(0)
    made = KeywordModel(FEATURES, NETWORK, ["no", "yes"], 0.5, rules)
    for placed in made.placed:
        placed.layer.after_step(10, 10)
    made(SOUND)
    return made.eval()


@pytest.fixture
def packed_path(tmp_path: Path) -> Path:
    package.save(packed_model(PACKED_RULES), tmp_path / "packed.safetensors")
    return tmp_path / "packed.safetensors"


def test_packed_layers_make_a_file_of_format_2_that_gives_the_same_model(packed_path):
    model = packed_model(PACKED_RULES)
    header = header_of(packed_path)
    assert header["format"] == 2
    assert {(about["layer"], *about["shape"]) for about in header["packed"].values()} == {
        (p.slot.name, p.slot.out_channels, p.slot.in_channels)
        for p in model.placed
        if p.slot.role in ("block", "last", "residual")
    }
    again = package.load(packed_path)
    assert again.describe() == model.describe()
    assert torch.equal(again(SOUND), model(SOUND))
    assert all(placed.layer.settled for placed in again.placed)


def test_a_package_of_a_package_is_the_same_file(packed_path, tmp_path):
    package.save(package.load(packed_path), tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == packed_path.read_bytes()


def test_packed_weights_stand_for_the_state_of_their_layers(packed_path):
    model = packed_model(PACKED_RULES)
    with safe_open(packed_path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    names = {module: name for name, module in model.named_modules()}
    for placed in model.placed:
        prefix = f"{names[placed.layer]}."
        stored = {name.removeprefix(prefix) for name in tensors if name.startswith(prefix)}
        expected = {f"packed.{name}" for name in placed.layer.pack() or ()} or set(placed.layer.state_dict())
        assert stored == expected
    bits = 8 * sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    assert package.stored_bits(model, model.placed) == bits


def test_a_checkpoint_holds_layers_unpacked(tmp_path):
    model = packed_model(PACKED_RULES)
    again = package.load(checkpoint_of(model, tmp_path / "last.ckpt"))
    assert torch.equal(again(SOUND), model(SOUND))


@pytest.mark.parametrize("rules", [[], RULES, [PACKED_RULES[0] | {"where": ["block"]}]])
def test_the_format_is_as_old_as_the_layers_allow(tmp_path, rules):
    package.save(packed_model(rules), tmp_path / "model.safetensors")
    header = header_of(tmp_path / "model.safetensors")
    packs = any(rule["_target_"].endswith("Pruned") for rule in rules)
    assert header["format"] == (2 if packs else 1)
    assert ("packed" in header) == packs


def packed_names(path: Path) -> list[str]:
    with safe_open(path, "pt") as file:
        names: list[str] = file.keys()
    return sorted(name for name in names if ".packed." in name)


DAMAGES = {
    "missing": lambda tensor: None,
    "empty": lambda tensor: tensor[:0],
    "one number": lambda tensor: tensor[:1],
    "shorter": lambda tensor: tensor[:-1],
    "longer": lambda tensor: torch.cat([tensor, tensor]),
    "another shape": lambda tensor: tensor[None],
    "scalar": lambda tensor: tensor[0].clone(),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["block1.0 present", "block1.0 values", "block1.residual scale"])
def test_packed_weights_that_are_damaged(packed_path, kind, damage):
    layer, tensor = kind.split()
    about = header_of(packed_path)["packed"]
    module = next(name for name, own in about.items() if own["layer"] == layer)
    with safe_open(packed_path, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    name = f"{module}.packed.{tensor}"
    damaged = DAMAGES[damage](tensors.pop(name))
    save_file(tensors if damaged is None else tensors | {name: damaged}, packed_path, metadata)
    with pytest.raises(UserError, match=rf"safetensors: the packed weights of layer {layer} are damaged"):
        package.load(packed_path)


@pytest.mark.parametrize(
    "about",
    [
        {},
        {"layer": "block1.0"},
        {"layer": "block1.0", "shape": [4]},
        {"layer": "block1.0", "shape": 3},
        {"layer": "nowhere", "shape": [4, 4]},
        7,
    ],
)
def test_a_header_that_does_not_tell_what_is_packed(packed_path, about):
    module = next(iter(header_of(packed_path)["packed"]))
    with pytest.raises(UserError, match=r"packed\.safetensors: .* damaged"):
        package.load(changed(packed_path, packed={module: about}))


@pytest.mark.parametrize("packed", [[], ["network"], 7, "x"])
def test_a_header_whose_packed_is_no_mapping(packed_path, packed):
    with pytest.raises(UserError, match=r"packed\.safetensors: "):
        package.load(changed(packed_path, packed=packed))


def test_a_packed_layer_of_another_shape(packed_path):
    header = header_of(packed_path)
    module, about = next(iter(header["packed"].items()))
    about["shape"] = [about["shape"][0] * 2, about["shape"][1]]
    with pytest.raises(UserError, match=r"packed\.safetensors: "):
        package.load(changed(packed_path, packed=header["packed"] | {module: about}))


# --- mistakes ---


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"nowhere: no such run folder, \.ckpt or model\.safetensors"):
        package.load(tmp_path / "nowhere")


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(UserError, match=r"a folder without model\.safetensors; name a finished run's folder"):
        package.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x00" * 100, b"\xff" * 9])
def test_a_file_of_another_kind(tmp_path, content):
    (tmp_path / "notes.txt").write_bytes(content)
    with pytest.raises(UserError, match=r"notes\.txt: not a readable safetensors file"):
        package.load(tmp_path / "notes.txt")


def test_a_package_cut_short(path):
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="not a readable safetensors file"):
        package.load(path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_somebody_elses_safetensors(tmp_path, metadata):
    save_file({"weight": torch.ones(2)}, tmp_path / "other.safetensors", metadata)
    with pytest.raises(UserError, match=r"but not one of ours \(no speechsrt header\)"):
        package.load(tmp_path / "other.safetensors")


def test_a_newer_format(path):
    with pytest.raises(UserError, match="package format 3; this release reads up to 2"):
        package.load(changed(path, format=3))


@pytest.mark.parametrize("header", [{"format": "new"}, {"format": None}, {"model": None}])
def test_a_damaged_header(path, header):
    with pytest.raises(UserError, match="its speechsrt header is damaged"):
        package.load(changed(path, **header))


@pytest.mark.parametrize("text", ["", "{", "[]", "7"])
def test_a_header_that_is_no_description(tmp_path, text):
    save_file({"weight": torch.ones(2)}, tmp_path / "odd.safetensors", {"speechsrt": text})
    with pytest.raises(UserError, match="its speechsrt header is damaged"):
        package.load(tmp_path / "odd.safetensors")


def test_a_newer_ternary_generator(path):
    described = header_of(path)["model"]
    described["layers"]["block1.0"]["version"] = 2
    with pytest.raises(UserError, match="ternary generator version 2: this release draws version 1"):
        package.load(changed(path, model=described))


def test_a_header_cannot_name_code_outside_the_package(path):
    described = header_of(path)["model"]
    described["features"] = {"_target_": "os.system", "command": "true"}
    with pytest.raises(UserError, match="only classes of speechsrt"):
        package.load(changed(path, model=described))


@pytest.mark.parametrize("damage", ["missing", "unexpected", "shape"])
def test_tensors_that_do_not_fit(path, damage):
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    name = "network.head.bias"
    if damage == "missing":
        del tensors[name]
    elif damage == "unexpected":
        name = "network.tail"
        tensors[name] = torch.ones(1)
    else:
        tensors[name] = torch.ones(7)
    save_file(tensors, path, metadata)
    with pytest.raises(UserError, match=rf"tensors do not fit the model described \({name}\)"):
        package.load(path)


@pytest.mark.parametrize("content", [{}, {"state_dict": {}}, {"speechsrt": {"model": {}}}, [1, 2], 7])
def test_somebody_elses_checkpoint(tmp_path, content):
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match=r"other\.ckpt: not a checkpoint of speechsrt \((Key|Type)Error\)"):
        package.load(tmp_path / "other.ckpt")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04."])
def test_a_checkpoint_that_is_no_archive(tmp_path, content):
    (tmp_path / "other.ckpt").write_bytes(content)
    with pytest.raises(UserError, match=r"other\.ckpt: not a checkpoint of speechsrt"):
        package.load(tmp_path / "other.ckpt")


class Bomb:
    """An object whose pickle, where it is obeyed, makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("archive", [True, False])
def test_a_checkpoint_cannot_run_code(tmp_path, archive):
    mark, file = tmp_path / "mark", tmp_path / "evil.ckpt"
    content = {"speechsrt": {"model": {}}, "state_dict": {"model.x": Bomb(mark)}}
    if archive:
        torch.save(content, file)
    else:
        file.write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match=r"evil\.ckpt: not a checkpoint of speechsrt"):
        package.load(file)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists(), "the bomb would not have gone off anyhow"
