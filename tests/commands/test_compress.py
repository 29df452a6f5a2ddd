"""A trained model projected onto every kind: what is kept, what is told, and how training goes on."""

import copy
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from killing import KilledError, kill_at
from matplotlib.image import imread
from spelling import write_spelling
from torch import Tensor

from speechsrt import config
from speechsrt.commands import compress, train
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.models.keyword import KeywordModel
from speechsrt.training.history import read_history

Refused = Callable[..., str]
# What a kind needs besides its name, where its file leaves it open.
NEEDED = {"low_rank": ["pointwise.rank=2"]}
# Kinds whose matrix is drawn: what is told is the error of its best multiple.
DRAWN = {"ternary", "random_fixed"}
SCORED = "trainer.max_epochs=0"
LOW = ["pointwise=low_rank", "pointwise.rank=2"]
SOUND = torch.randn(2, 4800, generator=torch.Generator().manual_seed(0))


def compressed(checkpoint: Path, folder: Path, *typed: str) -> dict[str, Any]:
    return compress.run(config.load([f"checkpoint={checkpoint}", f"run_dir={folder}", *typed]))


def refusal(checkpoint: Path, folder: Path, *typed: str) -> str:
    with pytest.raises(UserError) as caught:
        compressed(checkpoint, folder, *typed)
    assert not folder.exists()
    return str(caught.value)


def rows_of(folder: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads((folder / "projection.json").read_text())}


def matrices(path: Path) -> dict[str, Tensor]:
    """The dense matrix of every 1x1 of a model."""
    return {p.slot.name: p.layer.weight().detach().double() for p in package.load(path).placed}


def blocks_of(path: Path) -> list[str]:
    return [p.slot.name for p in package.load(path).placed if p.slot.role == "block"]


def values_of(weight: Tensor) -> list[float]:
    return torch.linalg.svdvals(weight).tolist()


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Project, and return the configuration of the training that would follow."""
    monkeypatch.setattr(train, "run", lambda settings: settings)
    monkeypatch.setattr(compress, "draw_cut", lambda *_: b"")  # takes longer than all the rest

    def run(checkpoint: Path, *typed: str) -> dict[str, Any]:
        return compressed(checkpoint, tmp_path / f"planned-{len(list(tmp_path.iterdir()))}", *typed)

    return run


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


# --- ranks ---


@pytest.mark.parametrize("share", [0.3, 0.8, 1.0])
def test_a_share_of_the_squares_chooses_the_rank(planned: Any, trained: Path, share: float) -> None:
    settings = planned(trained, "pointwise=low_rank", f"pointwise.explained_variance={share}")
    before = matrices(trained)
    for name, row in rows_of(Path(settings["run_dir"])).items():
        squares = [value**2 for value in values_of(before[name])]
        rank = next(
            r for r in range(1, len(squares) + 1) if sum(squares[:r]) >= share * sum(squares) * (1 - 1e-12)
        )
        assert row["settings"] == {"rank": rank}
        assert row["error"] == pytest.approx((sum(squares[rank:]) / sum(squares)) ** 0.5, abs=1e-6)


@pytest.mark.parametrize("budget", [48, 63, 64, 100, 1000])
def test_a_budget_of_weights_is_kept_to_and_used(planned: Any, trained: Path, budget: int) -> None:
    settings = planned(trained, "pointwise=low_rank", f"weight_budget={budget}")
    rows = rows_of(Path(settings["run_dir"]))
    ranks = {name: row["settings"]["rank"] for name, row in rows.items()}
    assert len(ranks) == 3
    assert sum(row["weights"] for row in rows.values()) == min(budget - budget % 16, 3 * 64)
    values = {name: values_of(weight) for name, weight in matrices(trained).items() if name in ranks}
    most = 4  # 8 x 8 entries, 16 for a rank: a higher one would hold more weights than the matrix
    taken = [values[name][number] for name, rank in ranks.items() for number in range(1, rank)]
    left = [values[name][number] for name, rank in ranks.items() for number in range(rank, most)]
    assert max(left, default=0.0) <= min(taken, default=math.inf), "the largest values are those kept"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            ["pointwise=low_rank", "weight_budget=47"],
            "weight_budget=47: rank one in each of 3 layers takes 48",
        ),
        ([*LOW, "weight_budget=100"], "weight_budget=100: goes with low_rank without a rank alone (layer "),
        (
            ["pointwise=circulant", "weight_budget=100"],
            "weight_budget=100: goes with low_rank without a rank",
        ),
    ],
)
def test_mistakes_about_a_budget(trained: Path, tmp_path: Path, typed: list[str], message: str) -> None:
    assert refusal(trained, tmp_path / "run", *typed).startswith(message)


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


# --- recognition, in two stages ---

GRU = ["model=deepspeech_gru_small", "data=manifest", "augment=none", "batch_seconds=20", "optim.lr=0.01"]
GRU += ["model.conv_channels=[4,4]", "model.hidden=[24,24]", "model.last=24", "schedule.warmup_steps=5"]
FIRST_STAGE = ["pointwise=low_rank", "pointwise.rank_ratio=1.0", "pointwise.where=[input,recurrent]"]
FIRST_STAGE += ["pointwise.trace_norm=0.02", "trainer.max_epochs=4"]
MATRICES = ["gru1.input", "gru1.recurrent", "gru2.input", "gru2.recurrent"]


@pytest.fixture(scope="session")
def first_stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a small recurrent recogniser, trained under the trace norm at full rank."""
    root = tmp_path_factory.mktemp("stages")
    manifest = write_spelling(root / "spelling", 90)
    train.run(config.load([*GRU, *FIRST_STAGE, f"data.path={manifest}", f"run_dir={root / 'first'}"]))
    return root / "first"


@pytest.mark.slow
def test_the_first_stage_is_watched(first_stage: Path) -> None:
    lines = read_history(first_stage / "spectra.csv")
    assert [(int(line["epoch"]), line["layer"]) for line in lines] == [
        (epoch, name) for epoch in range(4) for name in MATRICES
    ]
    assert imread(first_stage / "spectra.png").shape[0] > 300
    values = matrices(first_stage / "checkpoints/last.ckpt")
    for line in lines[-4:]:
        own = values_of(values[line["layer"]])
        size = sum(value**2 for value in own) ** 0.5
        assert float(line["trace_norm"]) == pytest.approx(sum(own), rel=1e-4)
        assert float(line["nu"]) == pytest.approx((sum(own) / size - 1) / (len(own) ** 0.5 - 1), abs=1e-4)
    norms = [sum(float(line["trace_norm"]) for line in lines[k : k + 4]) for k in range(0, 16, 4)]
    assert norms[-1] < norms[0], "the penalty is at work"


@pytest.mark.slow
def test_the_second_stage_keeps_nine_tenths_of_every_matrix(first_stage: Path, tmp_path: Path) -> None:
    share = ["pointwise=low_rank", "pointwise.explained_variance=0.9", "trainer.max_epochs=1"]
    metrics = compressed(first_stage, tmp_path / "second", *share)
    before, rows = matrices(first_stage), rows_of(tmp_path / "second")
    assert {name: row["role"] for name, row in rows.items()} == {
        name: name.partition(".")[2] for name in MATRICES
    }
    for name, row in rows.items():
        squares = [value**2 for value in values_of(before[name])]
        rank = row["settings"]["rank"]
        assert sum(squares[: rank - 1]) < 0.9 * sum(squares) <= sum(squares[:rank]) * (1 + 1e-9)
        assert row["error"] == pytest.approx((sum(squares[rank:]) / sum(squares)) ** 0.5, abs=1e-5)
        assert row["weights"] == rank * sum(row["shape"]) < row["weights_before"]
        assert row["settings"] == {"rank": rank}, "of the trace norm nothing is left"
    told = json.loads((first_stage / "metrics.json").read_text())
    saved = sum(row["weights_before"] - row["weights"] for row in rows.values())
    assert told["trained_weights"] - metrics["trained_weights"] == saved
    assert metrics["task"] == "ctc"
    assert math.isfinite(metrics["wer"])
    assert not (tmp_path / "second/spectra.csv").exists()
    model = package.load_recogniser(tmp_path / "second")
    assert {p.slot.name: p.layer.kind for p in model.placed} == dict.fromkeys(MATRICES, "low_rank") | {
        "last.0": "learned"
    }
    last = float(read_history(first_stage / "metrics.csv")[-1]["lr"])
    stored = yaml.safe_load((tmp_path / "second/config.yaml").read_text())
    assert stored["optim"]["lr"] == pytest.approx(min(0.01, max(3 * last, 0.001)))


@pytest.mark.slow
def test_a_recogniser_away_from_its_run_needs_a_recipe(first_stage: Path, tmp_path: Path) -> None:
    shutil.copy(first_stage / "model.safetensors", tmp_path / "alone.safetensors")
    line = refusal(tmp_path / "alone.safetensors", tmp_path / "run", *LOW)
    assert line.startswith("checkpoint=: lies in no run folder, so nothing tells how to train a model that")
    assert line.endswith("write model=quartznet_small or the like")


@pytest.mark.slow
def test_with_a_recipe_its_network_is_kept(planned: Any, first_stage: Path, tmp_path: Path) -> None:
    shutil.copy(first_stage / "model.safetensors", tmp_path / "alone.safetensors")
    manifest = f"data.path={first_stage.parent / 'spelling/all.json'}"
    own = ["model=deepspeech_gru_small", "data=manifest", manifest, "pointwise.where=[recurrent]"]
    settings = planned(tmp_path / "alone.safetensors", *LOW, *own)
    assert settings["optim"]["lr"] == 0.003
    assert set(rows_of(Path(settings["run_dir"]))) == {"gru1.recurrent", "gru2.recurrent"}
    assert package.load_recogniser(settings["init_from"]).network_node["hidden"] == [24, 24]


# --- mistakes ---


def test_no_checkpoint(refused: Refused) -> None:
    line = refused("compress", *LOW)
    assert line == "checkpoint=: name a run folder, a .ckpt or a model.safetensors to compress"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ([], "pointwise=: say what to project onto, such as pointwise=low_rank pointwise.rank=8"),
        ([*LOW, "model.channels=4"], "model.channels: compress keeps the network and its front end; leave"),
        ([*LOW, "features=mfcc"], "features: compress keeps the network and its front end; leave it out"),
        ([*LOW, "features.n_fft=1024"], "features.n_fft: compress keeps the network and its front end"),
        ([*LOW, "model=matchboxnet_3x2x64"], "model: compress keeps the network and its front end"),
        (["placement=[]"], "placement=[]: names no layer to project; write rules, or pointwise="),
        (["pointwise=lowrank"], "pointwise=lowrank: no such option; did you mean low_rank?"),
        ([*LOW, "init_from=x"], "init_from: compress does not use it; write checkpoint="),
        ([*LOW, "pointwise.where=[nowhere]"], "pointwise.where=nowhere: matches no layer of this network"),
        (["pointwise=low_rank"], "pointwise.rank: give either rank or rank_ratio"),
        ([*LOW, "pointwise.rate=0"], "pointwise.rate=0: a factor on the learning rate, above 0"),
    ],
)
def test_mistakes_on_the_command_line(
    refused: Refused, trained: Path, tmp_path: Path, typed: list[str], message: str
) -> None:
    line = refused("compress", f"checkpoint={trained}", f"run_dir={tmp_path / 'run'}", *typed)
    assert line.startswith(message)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            ["pointwise=low_rank", "pointwise.rank=9"],
            "pointwise.rank=9: a 8 x 8 layer takes a rank from 1 to 8",
        ),
        (["pointwise=toeplitz", "pointwise.rank=9"], "takes a displacement rank from 1 to 8"),
        (["pointwise=monarch", "pointwise.blocks=3"], "pointwise.blocks=3: a 8 x 8 layer takes 1, 2, 4, 8"),
    ],
)
def test_what_a_layer_cannot_have_is_told_with_its_name(
    refused: Refused, trained: Path, tmp_path: Path, typed: list[str], message: str
) -> None:
    line = refused("compress", f"checkpoint={trained}", f"run_dir={tmp_path / 'run'}", *typed)
    assert message in line
    assert line.endswith("(layer block1.0)")
    assert not (tmp_path / "run").exists()


def test_a_run_folder_that_is_taken(refused: Refused, trained: Path) -> None:
    line = refused("compress", f"checkpoint={trained}", f"run_dir={trained}", *LOW)
    assert "already holds a run" in line


def test_a_checkpoint_that_is_not_there(refused: Refused, tmp_path: Path) -> None:
    line = refused("compress", f"checkpoint={tmp_path}/none", f"run_dir={tmp_path / 'run'}", *LOW)
    assert line.endswith("none: no such run folder, .ckpt or model.safetensors")


def test_what_only_compress_understands(refused_training: Refused) -> None:
    line = refused_training("pointwise=low_rank", "pointwise.explained_variance=0.9")
    assert line.startswith("pointwise.explained_variance=0.9: needs a trained matrix, see compress")
    line = refused_training("pointwise=low_rank", "weight_budget=100")
    assert line == "weight_budget: train does not use it; it goes with compress"
