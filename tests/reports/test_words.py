import pytest

from speechsrt.reports.words import MOST_UTTERANCES, words_report
from speechsrt.scoring.words import WordScore

NASTY = '<b>&"'
METRICS = {
    "task": "ctc",
    "data": "librispeech_mini",
    "split": "test",
    "split_hash": "3f2a9c01",
    "seed": 12345,
    "utterances": 104,
    "words": 2021,
    "wer": 0.312,
    "wer_interval": [0.281, 0.345],
    "cer": 0.104,
    "cer_interval": [0.091, 0.118],
    "substitutions": 500,
    "deletions": 100,
    "insertions": 30,
    "trained_weights": 6_713_181,
    "total_weights": 9_213_181,
    "stored_bits": 214_821_792,
    "multiplications_per_second": 335_000_000,
    "additions_per_second": 335_900_000,
    "train_seconds": 431.0,
    "epochs": 15,
    "commit": "0123abc",
}
HISTORY = [
    {"epoch": 0, "step": 10, "train_loss": 5.0, "val_loss": 4.0, "val_wer": 1.2, "val_cer": 0.6, "lr": 0.05},
    {"epoch": 1, "step": 20, "train_loss": 2.5, "val_loss": 2.0, "val_wer": 0.9, "val_cer": 0.4, "lr": 0.05},
]
LAYERS = [
    {"name": f"block1.{NASTY}", "role": "block", "kind": "ternary", "shape": [64, 128], "additions": 819}
]
SCORE = WordScore(
    ["the cat sat", NASTY, "all is right"],
    ["the bat sat down", "", "all is right"],
    ["1.flac", f"{NASTY}.flac", "3.flac"],
)


def test_the_page_says_all_that_was_asked_of_it(tmp_path, read_page):
    words_report(tmp_path / "report.html", METRICS, SCORE, HISTORY, LAYERS, f"words: [{NASTY}]\n")
    page = read_page(tmp_path / "report.html")
    page.check_self_contained()
    assert "b" not in page.tags()
    assert page.inside("h1") == ["Recognition: librispeech_mini, test split"]
    tiles = ["31.2 % [28.1, 34.5]", "10.4 %", "2,021", "104", "6.71 M", "9.21 M", "26.9 MB", "335 M", "336 M"]
    assert page.inside("dd") == tiles
    cells = page.inside("td")
    for text in ("3f2a9c01", "12345", "0123abc", "7.2", "214,821,792", "500", "24.7 %", "1.5 %"):
        assert text in cells
    for text in ("cat", "bat", "down", NASTY, f"block1.{NASTY}", "64x128", "819"):
        assert text in cells
    assert any("10.4 % [9.1, 11.8], counts the spaces" in text for text in page.inside("p"))
    assert page.inside("pre") == [f"words: [{NASTY}]\n"]
    assert len(page.pictures()) == 1


def test_wrong_utterances_are_aligned_worst_first_and_right_ones_left_out(tmp_path, read_page):
    words_report(tmp_path / "report.html", METRICS, SCORE, HISTORY, LAYERS, "")
    page = read_page(tmp_path / "report.html")
    assert page.inside("figcaption") == [
        "how to read it",
        f"{NASTY}.flac · 100.0 %, errors/words 1/1",
        "1.flac · 66.7 %, errors/words 2/3",
    ]
    key = ["right", "right", "substituted", "another", "deleted", "inserted"]
    assert page.inside("span") == [*key, NASTY, "the", "the", "cat", "bat", "sat", "sat", "down"]
    assert any("Of 3 utterances 2 have errors: they are here" in text for text in page.inside("p"))


def test_the_errors_lie_beside_the_page(tmp_path):
    words_report(tmp_path / "report.html", METRICS, SCORE, HISTORY, LAYERS, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["errors.txt", "report.html"]
    assert "heard the bat sat down" in (tmp_path / "errors.txt").read_text(encoding="utf-8")


def test_thousands_of_utterances_show_the_worst_and_list_all(tmp_path, read_page):
    count = 3000
    said = ["one two three four five six seven eight"] * count
    heard = [text.replace("two", "too") if k % 2 else text for k, text in enumerate(said)]
    heard[77] = ""
    score = WordScore(said, heard, [f"clip{k}.flac" for k in range(count)])
    words_report(tmp_path / "report.html", METRICS | score.metrics(), score, HISTORY, LAYERS, "")
    page = read_page(tmp_path / "report.html")
    assert any("1,500 have errors: the worst 50 are here" in text for text in page.inside("p"))
    captions = page.inside("figcaption")[1:]
    assert len(captions) == MOST_UTTERANCES
    assert captions[0].startswith("clip77.flac · 100.0 %")
    assert len(page.source) < 300_000
    assert (tmp_path / "errors.txt").read_text(encoding="utf-8").count("\nclip") == count


@pytest.mark.parametrize("texts", [[], ["all right"]])
def test_a_run_without_training_and_without_mistakes(tmp_path, read_page, texts):
    score = WordScore(texts, texts, ["x.flac"] * len(texts))
    words_report(tmp_path / "report.html", score.metrics(), score, [], [], "")
    page = read_page(tmp_path / "report.html")
    assert page.inside("dd")[0] == "0.0 % [0.0, 100.0]"
    assert page.inside("p").count("None: every word was heard right.") == 2
    assert any("Nothing was trained" in text for text in page.inside("p"))
    assert page.pictures() == []


def test_a_name_that_is_no_unicode_is_written(tmp_path):
    score = WordScore(["a"], ["b"], ["\udcff.flac"])
    words_report(tmp_path / "report.html", {}, score, [], [], "")
    assert "?.flac" in (tmp_path / "errors.txt").read_text(encoding="utf-8")
    assert "?.flac" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_an_absent_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        words_report(tmp_path / "absent" / "report.html", METRICS, SCORE, HISTORY, LAYERS, "")
