from hypothesis import given
from hypothesis import strategies as st

from speechsrt.corpora.stable import assign, stable_fraction, stable_integer

keys = st.sets(st.text(max_size=6), max_size=30)
fractions = st.fixed_dictionaries({"validation": st.floats(0.01, 0.49), "test": st.floats(0.01, 0.49)})


def test_numbers_are_the_same_everywhere():
    assert stable_integer("a", 1) == 0x839E11A421D370BE
    assert 0 <= stable_fraction("a") < 1


@given(keys, fractions)
def test_no_split_is_empty_from_three_keys_on(names: set[str], shares: dict[str, float]):
    chosen = assign(names, shares)
    assert set(chosen) == names
    expected = {"train", "validation", "test"} if len(names) >= 3 else {"train"} if names else set()
    assert set(chosen.values()) == expected


def test_the_shares_are_about_those_asked_for():
    splits = list(assign(map(str, range(10_000)), {"validation": 0.1, "test": 0.2}).values())
    assert 900 < splits.count("validation") < 1100
    assert 1850 < splits.count("test") < 2150


def test_a_key_stays_where_it_is_when_others_are_added():
    shares = {"validation": 0.1, "test": 0.1}
    before, after = assign(map(str, range(100)), shares), assign(map(str, range(200)), shares)
    assert all(after[key] == split for key, split in before.items())
