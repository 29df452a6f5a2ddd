"""What is typed arrives as it was meant, whatever characters are in it, and what a run stored comes back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt import config
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


def test_every_option_of_every_group_composes() -> None:
    for group in config.groups():
        for option in config.options(group):
            assert config.load([f"{group}={option}"])
