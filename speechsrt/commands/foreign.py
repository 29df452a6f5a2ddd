"""Keys that one task alone has use for: typed for the other they are told, not passed over."""

from typing import Any

from speechsrt.errors import UserError
from speechsrt.models.model import TASKS

REMEDIES = {
    "keyword": {
        "batch_seconds": "write batch_size=",
        "hold_hours": "clips are always held in memory",
        "workers": "clips are always held in memory",
        "text": "its words are its classes",
        "decoder": "its words are its classes",
    },
    "ctc": {
        "batch_size": "utterances are counted in seconds: write batch_seconds=",
        "balance": "sentences have no classes",
        "label_smoothing": "the CTC loss has no such target",
        "snr": "only keywords are scored in noise",
    },
}
"""Of each task: keys that only the other uses, and what to write instead."""


def check_typed(task: str, config: dict[str, Any]) -> None:
    """Raise a UserError for a key typed that a task would pass over."""
    for key in config["typed"]:
        if remedy := REMEDIES[task].get(key.partition(".")[0]):
            raise UserError(f"{key}: of no use to a model that {TASKS[task]}; {remedy}")
