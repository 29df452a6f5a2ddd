"""A recogniser compressed in two stages, and the ranks that a share or a budget chooses."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from matplotlib.image import imread
from projecting import LOW, compressed, matrices, refusal, rows_of, values_of
from spelling import write_spelling

from speechsrt import config
from speechsrt.commands import train
from speechsrt.export import package
from speechsrt.training.history import read_history

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
