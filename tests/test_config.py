"""What is typed arrives as it was meant, whatever characters are in it, and what a run stored comes back."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt import config
from speechsrt.build import build
from speechsrt.config.derived import derived, stored_beside
from speechsrt.config.typed import parsed, quoted
from speechsrt.errors import UserError

NASTY = [
    "my words",
    "a=b",
    "(old) words",
    "it's",
    'the "new" ones',
    "a,b",
    "字 schöön",
    "50%",
    "[x]",
    "{y}",
    "~x",
    "a\\",
]


@pytest.mark.parametrize("name", NASTY)
def test_a_path_is_taken_as_typed(name: str, tmp_path: Path) -> None:
    loaded = config.load(
        ["data=keyword_folder", f"data.root={tmp_path}/{name}", f"run_dir={tmp_path}/{name}"]
    )
    assert loaded["data"]["root"] == f"{tmp_path}/{name}"
    assert loaded["run_dir"] == f"{tmp_path}/{name}"


@given(st.text(st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"]), min_size=1))
def test_any_path_survives_the_grammar(path: str) -> None:
    if path.lower() in ("null", "true", "false") or path[0] in "'\"":
        return
    assert parsed(quoted(f"run_dir={path}")).value() == path


@pytest.mark.parametrize("name", NASTY)
def test_own_options_stand_beside_the_projects(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / name
    (own / "experiment").mkdir(parents=True)
    (own / "pointwise").mkdir()
    (own / "experiment/product.yaml").write_text("# @package _global_\nbatch_size: 7\n")
    (own / "pointwise/thin.yaml").write_text("defaults: [low_rank]\nrank: 3\n")
    (own / "pointwise/ternary.yaml").write_text("not: the project's\n")
    with pytest.raises(UserError, match="experiment=product: no such option"):
        config.load(["experiment=product"])
    monkeypatch.setenv("SPEECHSRT_CONF", str(own))
    loaded = config.load(["experiment=product", "pointwise=thin"])
    assert (loaded["batch_size"], loaded["pointwise"]["rank"]) == (7, 3)
    assert config.load(["pointwise=ternary"])["pointwise"]["density"] == 0.3
    assert {"product", "ten_words_learned"} <= set(config.options("experiment"))
    assert config.options("pointwise").count("ternary") == 1


def test_own_options_in_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECHSRT_CONF", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"SPEECHSRT_CONF=.*none: no such folder; name one with table/"):
        config.load([])


def test_a_path_in_quotes_is_the_path_inside() -> None:
    assert config.load(["run_dir='a b'"])["run_dir"] == "a b"


def test_a_path_is_null_where_it_says_so() -> None:
    assert config.load(["data_root=null"])["data_root"] is None


def test_paths_that_are_stored_are_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = config.load(["data=keyword_folder", "data.root=words", "data_root=.", "init_from=~/run"])
    assert loaded["data"]["root"] == str(tmp_path / "words")
    assert loaded["data_root"] == str(tmp_path)
    assert loaded["init_from"] == str(Path.home() / "run")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("[yes,no,on,off]", ["yes", "no", "on", "off"]),
        ("[schöön]", ["schöön"]),
        ("[lights on, lights off]", ["lights on", "lights off"]),
        ("['a, b',\"c\"]", ["a, b", "c"]),
        ("[1,null,true]", ["1", "null", "true"]),
        ("[]", []),
    ],
)
def test_words_are_words(typed: str, words: list[str]) -> None:
    assert config.load([f"data.words={typed}"])["data"]["words"] == words


def test_an_argument_of_the_trainer_needs_no_plus() -> None:
    loaded = config.load(["trainer.limit_train_batches=2", "+trainer.max_steps=3"])
    assert (loaded["trainer"]["limit_train_batches"], loaded["trainer"]["max_steps"]) == (2, 3)


def test_a_setting_that_no_file_lists_can_be_added() -> None:
    assert config.load(["+optim.eps=0.1"])["optim"]["eps"] == 0.1


def test_what_was_typed_is_remembered() -> None:
    assert config.load(["data=synthetic", "+optim.eps=0.1"])["typed"] == ["data", "optim.eps"]


def test_values_of_a_group_that_was_not_chosen() -> None:
    with pytest.raises(
        UserError, match=r"data\.root: no key of the data chosen; it goes with data=keyword_folder"
    ):
        config.load(["data.root=here"])


def test_sweeps_are_all_combinations() -> None:
    jobs = list(
        config.sweeps(["seed=0,1", "pointwise=learned,ternary", "data.words=[yes,no]", "batch_size=8"])
    )
    assert len(jobs) == 4
    assert jobs[1] == ["seed=0", "pointwise=ternary", "data.words=[yes,no]", "batch_size=8"]


def test_sweeps_over_ranges_and_lists() -> None:
    assert [job[0] for job in config.sweeps(["seed=range(0,3)"])] == ["seed=0", "seed=1", "seed=2"]
    jobs = list(config.sweeps(["data.words=[yes,no],[up,down]"]))
    assert [config.load(job)["data"]["words"] for job in jobs] == [["yes", "no"], ["up", "down"]]


def test_a_comma_separates_paths_in_a_sweep() -> None:
    assert list(config.sweeps(["checkpoint=a,b c"])) == [["checkpoint=a"], ["checkpoint=b c"]]
    assert list(config.sweeps(["checkpoint='a,b'"])) == [["checkpoint='a,b'"]]


@pytest.mark.parametrize("where", ["block", "[block]"])
def test_one_place_stands_for_a_list_of_it(where: str) -> None:
    loaded = config.load(["pointwise=ternary", f"pointwise.where={where}"])
    assert config.rules(loaded)[0]["where"] == ["block"]


def test_rules_are_the_short_form_then_the_placement() -> None:
    loaded = config.load(["placement=[{where: last, kind: ternary, density: 0.5}]"])
    short, long = config.rules(loaded)
    assert short["_target_"].endswith("Learned")
    assert (long["where"], long["density"], long["generator"]) == (["last"], 0.5, "stratified")


@pytest.mark.slow
def test_every_option_of_every_group_composes() -> None:
    for group in config.groups():
        for option in config.options(group):
            assert config.load([f"{group}={option}"])


@pytest.mark.slow
@pytest.mark.parametrize("model", config.options("model"))
def test_every_schedule_fits_every_model(model: str) -> None:
    for schedule in config.options("schedule"):
        build(config.load([f"model={model}", f"schedule={schedule}"])["schedule"], "schedule")


# --- a run that begins where another ended ---

FRESH: dict[str, Any] = {
    "seed": 0,
    "batch_size": 128,
    "weight_budget": 7,
    "run_dir": "new",
    "checkpoint": "old/model.safetensors",
    "pointwise": {"_target_": "LowRank", "rank": 2},
    "placement": [],
    "optim": {"_target_": "NovoGrad", "lr": 0.05, "betas": [0.95, 0.5]},
    "augment": {"waveform": {"speed": None, "shift": 0.0}, "spectrogram": {"rectangles": 0}},
    "since": 3,
}
STORED: dict[str, Any] = {
    "seed": 4,
    "batch_size": 8,
    "weight_budget": None,
    "run_dir": "old",
    "checkpoint": None,
    "init_from": "older",
    "pointwise": {"_target_": "Learned"},
    "placement": [{"where": "last", "kind": "circulant"}],
    "optim": {"_target_": "AdamW", "lr": 0.003, "weight_decay": 0.1},
    "augment": {"waveform": {"speed": [0.9, 1.1], "shift": 0.1}, "spectrogram": {"rectangles": 5}},
    "gone": 1,
}
OWN = ("weight_budget", "run_dir", "checkpoint", "pointwise", "placement")


def laid(*typed: str, stored: dict[str, Any] = STORED, **fresh: Any) -> dict[str, Any]:
    """What is derived, with neither side changed."""
    new, before = FRESH | fresh | {"typed": list(typed)}, deepcopy(stored)
    asked = deepcopy(new)
    result = derived(new, stored)
    assert (new, stored) == (asked, before)
    return result


def test_nothing_typed_takes_everything_over_but_what_is_a_runs_own() -> None:
    expected = {key: FRESH[key] if key in OWN else STORED.get(key, FRESH[key]) for key in FRESH}
    assert laid() == expected | {"typed": []}


@pytest.mark.parametrize("key", [*OWN, "typed"])
def test_what_is_a_runs_own_is_never_taken_over(key: str) -> None:
    assert laid("seed")[key] == (FRESH | {"typed": ["seed"]})[key]


def test_a_typed_key_wins_alone() -> None:
    assert laid("seed") == laid() | {"seed": 0, "typed": ["seed"]}


def test_a_typed_group_is_the_fresh_ones_as_a_whole() -> None:
    assert laid("optim")["optim"] == FRESH["optim"]
    assert laid("optim", "optim.lr")["optim"] == FRESH["optim"]


def test_a_typed_key_of_a_group_changes_it_alone() -> None:
    assert laid("optim.lr")["optim"] == STORED["optim"] | {"lr": 0.05}
    assert laid("optim.lr", "optim.betas")["optim"] == STORED["optim"] | {"lr": 0.05, "betas": [0.95, 0.5]}


def test_keys_at_any_depth() -> None:
    found = laid("augment.waveform.speed", "augment.spectrogram.rectangles")["augment"]
    assert found == {"waveform": {"speed": None, "shift": 0.1}, "spectrogram": {"rectangles": 0}}
    found = laid("augment.waveform")["augment"]
    assert found == {"waveform": FRESH["augment"]["waveform"], "spectrogram": {"rectangles": 5}}
    found = laid("augment.waveform", "augment.waveform.shift")["augment"]
    assert found["waveform"] == FRESH["augment"]["waveform"]


@pytest.mark.parametrize("augment", [{}, {"waveform": None}, None, 3])
def test_a_typed_key_wins_where_the_run_before_had_no_such_group(augment: Any) -> None:
    found = laid("augment.waveform.speed", stored=STORED | {"augment": augment})["augment"]
    assert found["waveform"]["speed"] is FRESH["augment"]["waveform"]["speed"]


def test_a_key_whose_name_begins_as_another_is_another() -> None:
    assert laid("batch_size_more")["batch_size"] == 8
    assert laid("optimum.lr")["optim"] == STORED["optim"]


def test_an_experiment_takes_nothing_over() -> None:
    assert laid("experiment") == FRESH | {"typed": ["experiment"]}


@pytest.mark.parametrize("inside", ["model.safetensors", "checkpoints/best.ckpt"])
def test_a_configuration_lies_beside_a_package_or_above_a_checkpoint(tmp_path: Path, inside: str) -> None:
    (tmp_path / "config.yaml").write_text("seed: 3\ndata:\n  rate: 8000\n  double: ${data.rate}\n")
    assert stored_beside(tmp_path / inside) == {"seed": 3, "data": {"rate": 8000, "double": 8000}}


def test_no_configuration_beside_a_file_that_is_in_no_run(tmp_path: Path) -> None:
    assert stored_beside(tmp_path / "a/b/model.safetensors") is None
