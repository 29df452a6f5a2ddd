"""A trained model projected onto every kind: what is kept, what is told, and how training goes on."""

import copy
import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from killing import KilledError, kill_at
from matplotlib.image import imread
from projecting import LOW, blocks_of, compressed, matrices, rows_of

from speechsrt import config
from speechsrt.commands import compress, train
from speechsrt.export import package
from speechsrt.models.keyword import KeywordModel
from speechsrt.training.history import read_history

# What a kind needs besides its name, where its file leaves it open.
NEEDED = {"low_rank": ["pointwise.rank=2"]}
# Kinds whose matrix is drawn: what is told is the error of its best multiple.
DRAWN = {"ternary", "random_fixed"}
SCORED = "trainer.max_epochs=0"
SOUND = torch.randn(2, 4800, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained run that a test may change."""
    return Path(shutil.copytree(trained, tmp_path / "copied"))


def rewritten(run: Path, rate: float | None = None, **settings: Any) -> Path:
    """A run with another last learning rate, or other settings."""
    if rate is not None:
        head, line = (run / "metrics.csv").read_text().splitlines()
        row = dict(zip(head.split(","), line.split(","), strict=True)) | {"lr": str(rate)}
        (run / "metrics.csv").write_text(f"{head}\n{','.join(row.values())}\n")
    stored = yaml.safe_load((run / "config.yaml").read_text())
    for key, value in settings.items():
        stored[key] |= value
    (run / "config.yaml").write_text(yaml.safe_dump(stored))
    return run


# --- every kind ---


@pytest.fixture(scope="session", params=config.options("pointwise"))
def projected(
    request: pytest.FixtureRequest, trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> SimpleNamespace:
    """The trained run, projected onto a kind and scored."""
    kind, folder = request.param, tmp_path_factory.mktemp("projected") / "run"
    typed = [f"pointwise={kind}", *NEEDED.get(kind, []), SCORED]
    return SimpleNamespace(kind=kind, folder=folder, metrics=compressed(trained, folder, *typed))


def test_a_projected_run_is_whole(projected: SimpleNamespace) -> None:
    for name in ("metrics.json", "model.safetensors", "projected.safetensors", "config.yaml", "report.html"):
        assert (projected.folder / name).stat().st_size > 0
    assert json.loads((projected.folder / "metrics.json").read_text()) == projected.metrics
    assert (projected.metrics["epochs"], projected.metrics["utterances"]) == (0, 2)
    assert imread(projected.folder / "projection.png").shape[0] > 300
    assert not list(projected.folder.glob("*.part"))


def test_the_error_told_is_the_distance_from_the_matrix_before(
    projected: SimpleNamespace, trained: Path
) -> None:
    before, after = matrices(trained), matrices(projected.folder / "projected.safetensors")
    rows = rows_of(projected.folder)
    assert list(rows) == blocks_of(trained)
    for name, row in rows.items():
        near = after[name]
        if projected.kind in DRAWN:
            near = near * (before[name] * near).sum() / near.square().sum()
        error = float(torch.linalg.norm(before[name] - near) / torch.linalg.norm(before[name]))
        assert row["error"] == pytest.approx(error, abs=1e-5)
        assert (row["role"], row["from"], row["to"]) == ("block", "learned", projected.kind)
        assert row["shape"] == list(before[name].shape)


def test_weights_before_and_after_are_told(projected: SimpleNamespace, trained: Path) -> None:
    model = package.load(projected.folder)
    layers = {placed.slot.name: placed.layer for placed in model.placed}
    for name, row in rows_of(projected.folder).items():
        assert row["weights_before"] == math.prod(row["shape"])
        assert row["weights"] == layers[name].cost().trained_weights
        assert row["settings"] == json.loads(json.dumps(layers[name].settings()))
    told = json.loads((trained / "metrics.json").read_text())
    saved = sum(row["weights_before"] - row["weights"] for row in rows_of(projected.folder).values())
    assert told["trained_weights"] - projected.metrics["trained_weights"] == saved


def test_all_other_weights_stay_to_the_bit(projected: SimpleNamespace, trained: Path) -> None:
    model = package.load(trained)
    names = {module: name for name, module in model.named_modules()}
    gone = tuple(f"{names[placed.layer]}." for placed in model.placed if placed.slot.role == "block")
    before = package.read(trained).tensors
    kept = {key: value for key, value in before.items() if not key.startswith(gone)}
    assert len(before) - len(kept) == len(gone) == 3
    for name in ("projected.safetensors", "model.safetensors"):
        after = package.read(projected.folder / name).tensors
        assert all(torch.equal(after[key], value) for key, value in kept.items())
        assert all(key.startswith(gone) for key in after.keys() - kept.keys())


def test_without_training_the_projection_is_what_is_scored(projected: SimpleNamespace) -> None:
    begun = package.load_keywords(projected.folder / "projected.safetensors")
    ended = package.load_keywords(projected.folder)
    with torch.inference_mode():
        assert torch.equal(begun(SOUND), ended(SOUND))
    assert begun.describe() == ended.describe()


def test_a_projection_to_the_same_kind_changes_nothing(trained: Path, tmp_path: Path) -> None:
    metrics = compressed(trained, tmp_path / "run", "pointwise=learned", SCORED)
    before, after = package.load_keywords(trained), package.load_keywords(tmp_path / "run")
    with torch.inference_mode():
        assert torch.equal(before(SOUND), after(SOUND))
    assert metrics["accuracy"] == json.loads((trained / "metrics.json").read_text())["accuracy"]
    assert all(row["error"] == 0 for row in rows_of(tmp_path / "run").values())


def test_one_projection_after_another(projected: SimpleNamespace, tmp_path: Path, planned: Any) -> None:
    settings = planned(projected.folder, *LOW, "pointwise.where=block2.0")
    (row,) = rows_of(Path(settings["run_dir"])).values()
    assert (row["name"], row["from"], row["to"]) == ("block2.0", projected.kind, "low_rank")
    again = package.load_keywords(settings["init_from"])
    kinds = {placed.slot.name: placed.layer.kind for placed in again.placed}
    assert (kinds["block1.0"], kinds["block2.0"]) == (projected.kind, "low_rank")


# --- which layers ---


def test_the_layers_are_those_that_the_first_run_named(planned: Any, copied: Path) -> None:
    rewritten(copied, pointwise={"where": ["last", "epilogue.0"]})
    assert set(rows_of(Path(planned(copied, *LOW)["run_dir"]))) == {"last.0", "epilogue.0"}
    typed = planned(copied, *LOW, "pointwise.where=[residual]")
    assert set(rows_of(Path(typed["run_dir"]))) == {f"block{k}.residual" for k in (1, 2, 3)}


def test_placement_alone_projects_what_it_names(planned: Any, trained: Path) -> None:
    rules = "placement=[{where: block1.0, kind: low_rank, rank: 2}, {where: last, kind: circulant}]"
    rows = rows_of(Path(planned(trained, rules)["run_dir"]))
    assert {name: row["to"] for name, row in rows.items()} == {"block1.0": "low_rank", "last.0": "circulant"}


def test_placement_comes_after_the_kind(planned: Any, trained: Path) -> None:
    rules = "placement=[{where: block1.0, kind: monarch}]"
    rows = rows_of(Path(planned(trained, *LOW, rules)["run_dir"]))
    assert {name: row["to"] for name, row in rows.items()} == {
        "block1.0": "monarch",
        "block2.0": "low_rank",
        "block3.0": "low_rank",
    }


# --- how training goes on ---


@pytest.mark.parametrize(
    ("last", "rate"), [(0.004, 0.012), (0.001, 0.005), (0.0, 0.005), (0.05, 0.05), (0.02, 0.05)]
)
def test_the_rate_is_thrice_the_last_one_within_bounds(
    planned: Any, copied: Path, capsys: pytest.CaptureFixture[str], last: float, rate: float
) -> None:
    settings = planned(rewritten(copied, rate=last), *LOW)
    assert settings["optim"]["lr"] == pytest.approx(rate)
    assert f"optim.lr={rate:g}: the run before ended with {last:g} and began with 0.05" in (
        " ".join(capsys.readouterr().err.split())
    )


@pytest.mark.parametrize(("typed", "rate"), [("optim.lr=0.03", 0.03), ("optim=adamw", 0.001)])
def test_a_rate_that_is_typed_wins(
    planned: Any, copied: Path, capsys: pytest.CaptureFixture[str], typed: str, rate: float
) -> None:
    assert planned(rewritten(copied, rate=0.004), *LOW, typed)["optim"]["lr"] == rate
    assert "the run before" not in capsys.readouterr().err


def test_the_configuration_is_that_of_the_first_run(planned: Any, copied: Path) -> None:
    stored = yaml.safe_load((copied / "config.yaml").read_text())
    settings = planned(copied, *LOW)
    own = {"pointwise", "run_dir", "init_from", "checkpoint", "optim", "typed", "resume", "weight_budget"}
    own |= {"table"}
    assert {k: v for k, v in settings.items() if k not in own} == {
        k: v for k, v in stored.items() if k not in own
    }
    assert settings["batch_size"] == 8
    assert settings["optim"] | {"lr": 0} == stored["optim"] | {"lr": 0}
    assert settings["checkpoint"] is None


def test_what_is_typed_wins(planned: Any, copied: Path) -> None:
    rewritten(copied, schedule={"power": 3.0}, augment={"waveform": waveform(copied, shift_seconds=0.01)})
    typed = ["batch_size=4", "seed=3", "schedule.hold_ratio=0.1", "augment.waveform.speed=[0.9,1.1]"]
    settings = planned(copied, *LOW, *typed)
    assert (settings["batch_size"], settings["seed"]) == (4, 3)
    assert (settings["schedule"]["hold_ratio"], settings["schedule"]["power"]) == (0.1, 3.0)
    found = settings["augment"]["waveform"]
    assert (found["speed"], found["shift_seconds"]) == ([0.9, 1.1], 0.01)
    assert planned(copied, *LOW, "schedule=constant")["schedule"] == {
        "_target_": "speechsrt.training.schedules.Constant"
    }


def waveform(run: Path, **settings: Any) -> dict[str, Any]:
    return yaml.safe_load((run / "config.yaml").read_text())["augment"]["waveform"] | settings


@pytest.mark.parametrize(
    "named", [".", "model.safetensors", "checkpoints/best.ckpt", "checkpoints/last.ckpt"]
)
def test_a_checkpoint_is_a_run_folder_or_a_file_in_it(
    planned: Any, copied: Path, trained: Path, named: str
) -> None:
    settings = planned(rewritten(copied, rate=0.004) / named, *LOW)
    assert settings["batch_size"] == 8
    assert settings["optim"]["lr"] == pytest.approx(0.012)
    begun, before = matrices(Path(settings["init_from"])), matrices(trained)
    left = [name for name in before if name not in blocks_of(trained)]
    assert all(torch.equal(begun[name], before[name]) for name in left)


def test_a_package_away_from_its_run_needs_its_corpus(
    planned: Any, trained: Path, words_folder: Path, tmp_path: Path
) -> None:
    shutil.copy(trained / "model.safetensors", tmp_path / "alone.safetensors")
    typed = ["data=keyword_folder", f"data.root={words_folder}", "data.clip_seconds=0.3"]
    settings = planned(tmp_path / "alone.safetensors", *LOW, *typed)
    assert settings["optim"]["lr"] == 0.05
    assert settings["batch_size"] == 128
    assert set(rows_of(Path(settings["run_dir"]))) == {"block1.0", "block2.0", "block3.0"}


@pytest.mark.parametrize("near", [True, False])
def test_checking_changes_nothing_of_what_was_asked_for(
    trained: Path, words_folder: Path, tmp_path: Path, near: bool
) -> None:
    shutil.copy(trained / "model.safetensors", tmp_path / "alone.safetensors")
    place = trained if near else tmp_path / "alone.safetensors"
    typed = ["data=keyword_folder", f"data.root={words_folder}", "data.clip_seconds=0.3"]
    loaded = config.load([f"checkpoint={place}", f"run_dir={tmp_path / 'run'}", *LOW, *typed])
    before = copy.deepcopy(loaded)
    compress.check(loaded)
    assert loaded == before
    assert not (tmp_path / "run").exists()


def test_an_experiment_brings_its_configuration_anew(planned: Any, copied: Path, words_folder: Path) -> None:
    own = ["data=keyword_folder", f"data.root={words_folder}", "data.clip_seconds=0.3"]
    settings = planned(
        rewritten(copied, rate=0.004), "experiment=ten_words_learned", *LOW, *own, "data.words=null"
    )
    fresh = config.load(["experiment=ten_words_learned"])
    assert settings["optim"] == fresh["optim"]
    assert settings["trainer"] == fresh["trainer"]
    assert set(rows_of(Path(settings["run_dir"]))) == {"block1.0", "block2.0", "block3.0"}


def test_fine_tuning_trains_all_layers(trained: Path, tmp_path: Path) -> None:
    metrics = compressed(trained, tmp_path / "run", *LOW, "trainer.max_epochs=1", "batch_size=4")
    begun = package.read(tmp_path / "run/projected.safetensors").tensors
    ended = package.read(tmp_path / "run").tensors
    assert begun.keys() == ended.keys()
    moved = [name for name in begun if not torch.equal(begun[name], ended[name])]
    assert len(moved) == len(begun)
    assert metrics["epochs"] == 1
    (row,) = read_history(tmp_path / "run/metrics.csv")
    assert int(row["step"]) == 4
    model = package.load(tmp_path / "run")
    assert isinstance(model, KeywordModel)
    assert metrics["trained_weights"] == sum(p.numel() for p in model.parameters())


@pytest.mark.slow
def test_killed_and_resumed_it_ends_with_the_same_bits(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = [*LOW, "trainer.max_epochs=2", "batch_size=4"]
    compressed(trained, tmp_path / "whole", *typed)
    with monkeypatch.context() as patch:
        kill_at(patch, 1, 1)
        with pytest.raises(KilledError):
            compressed(trained, tmp_path / "cut", *typed, "save_minutes=0")
    (tmp_path / "cut/projected.safetensors").unlink()  # what goes on needs its checkpoint alone
    train.run(config.load([f"resume={tmp_path / 'cut'}"]))
    ours, theirs = (
        torch.load(tmp_path / name / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for name in ("whole", "cut")
    )
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    rates = [
        [row["lr"] for row in read_history(tmp_path / name / "metrics.csv")] for name in ("whole", "cut")
    ]
    assert rates[0] == rates[1]


def test_a_rate_of_the_kind_holds_while_fine_tuning(planned: Any, trained: Path) -> None:
    settings = planned(trained, *LOW, "pointwise.rate=0.25")
    begun = package.load(settings["init_from"])
    assert {p.slot.name for p in begun.placed if p.rate == 0.25} == set(blocks_of(trained))
