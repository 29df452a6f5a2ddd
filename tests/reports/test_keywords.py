import numpy as np
import pytest

from speechsrt.reports.keywords import keyword_report
from speechsrt.scoring.keywords import KeywordScore

NASTY = '<b>&"'
METRICS = {
    "task": "keyword",
    "data": "speech_commands_v1",
    "split": "test",
    "split_hash": "3f2a9c01",
    "seed": 12345,
    "utterances": 5,
    "accuracy": 0.974,
    "accuracy_interval": [0.967, 0.98],
    "macro_accuracy": 0.961,
    "trained_weights": 41_914,
    "total_weights": 77_214,
    "stored_bits": 1_341_248,
    "multiplications_per_second": 7_412_300,
    "additions_per_second": 7_900_123,
    "train_seconds": 431.0,
    "epochs": 15,
    "commit": "0123abc",
}
HISTORY = [
    {"epoch": 0, "step": 10, "train_loss": 2.5, "lr": 0.05},
    {"epoch": 0, "step": 10, "val_loss": 2.0, "val_accuracy": 0.5},
]
LAYERS = [
    {
        "name": f"block1.{NASTY}",
        "role": "block",
        "kind": "ternary",
        "shape": [64, 128],
        "trained_weights": 0,
        "stored_bits": 192,
        "multiplications": 0,
        "additions": 819,
    }
]


class StandIn:
    """A scored split in its plainest form."""

    def __init__(
        self, labels: list[str], confusion: list[list[int]], wrong: list[tuple[str, str, str, float]]
    ):
        self.labels, self.confusion, self._wrong = labels, np.array(confusion), wrong

    def per_word(self) -> list[tuple[str, int, float | None, float | None]]:
        return [(word, int(self.confusion[k].sum()), None, 0.5) for k, word in enumerate(self.labels)]

    def mistakes(self, n: int = 20) -> list[tuple[str, str, str, float]]:
        return self._wrong[:n]


@pytest.fixture
def score() -> StandIn:
    return StandIn([NASTY, "no"], [[2, 1], [0, 2]], [(f"{NASTY}/1.wav", NASTY, "no", 0.987)])


def test_the_page_says_all_that_was_asked_of_it(tmp_path, read_page, score):
    keyword_report(tmp_path / "report.html", METRICS, score, HISTORY, LAYERS, f"words: [{NASTY}]\n")
    page = read_page(tmp_path / "report.html")
    page.check_self_contained()
    assert "b" not in page.tags()
    assert page.inside("h1") == ["Keywords: speech_commands_v1, test split"]
    tiles = ["97.4 % [96.7, 98.0]", "96.1 %", "5", "41.9 K", "77.2 K", "168 KB", "7.41 M", "7.90 M"]
    assert page.inside("dd") == tiles
    cells = page.inside("td")
    for text in ("3f2a9c01", "12345", "0123abc", "7.2", "41,914", "1,341,248", "7,412,300"):
        assert text in cells
    for text in (NASTY, f"{NASTY}/1.wav", "98.7 %", f"block1.{NASTY}", "64x128", "819"):
        assert text in cells
    assert page.inside("pre") == [f"words: [{NASTY}]\n"]
    assert len(page.pictures()) == 2


def test_the_picture_lies_beside_the_page(tmp_path, read_page, score):
    keyword_report(tmp_path / "report.html", METRICS, score, HISTORY, LAYERS, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["confusion.png", "report.html"]
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_without_training_and_without_mistakes(tmp_path, read_page):
    keyword_report(tmp_path / "report.html", {"accuracy": 1.0}, StandIn(["one"], [[1]], []), [], [], "")
    page = read_page(tmp_path / "report.html")
    assert page.inside("dd")[0] == "100.0 %"
    assert "None: every clip was heard right." in page.inside("p")
    assert any("Nothing was trained" in text for text in page.inside("p"))
    assert len(page.pictures()) == 1


def test_a_real_score_fits(tmp_path, read_page):
    score = KeywordScore(
        ("yes", "no"), np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), ["a.wav", "b.wav"]
    )
    keyword_report(tmp_path / "report.html", METRICS | score.metrics(), score, HISTORY, LAYERS, "")
    page = read_page(tmp_path / "report.html")
    assert page.inside("dd")[:3] == ["50.0 % [9.5, 90.5]", "50.0 %", "2"]
    assert "b.wav" in page.inside("td")


def test_an_absent_folder_is_an_error(tmp_path, score):
    with pytest.raises(FileNotFoundError):
        keyword_report(tmp_path / "absent" / "report.html", METRICS, score, HISTORY, LAYERS, "")
