"""What must be true of a configuration whatever the verb: the kind and the range of the values at its top.

The settings inside a group are checked where they are used, by the constructor they are for.
"""

import inspect
from collections.abc import Sequence
from typing import Any, Literal

from speechsrt.build import check_arguments, describe, fits, suggest
from speechsrt.config.files import groups, options
from speechsrt.errors import UserError

KINDS: dict[str, Any] = {
    "seed": int,
    "run_dir": str | None,
    "data_root": str | None,
    "placement": list,
    "batch_size": int,
    "balance": bool,
    "label_smoothing": float,
    "batch_seconds": float,
    "hold_hours": float,
    "workers": int,
    "compile": bool | Literal["auto"],
    "save_minutes": float,
    "early_stopping": int | None,
    "best_by": Literal["accuracy", "wer", "cer"] | None,
    "init_from": str | None,
    "encoder_rate": float | None,
    "resume": bool | str | None,
    "checkpoint": str | None,
    "split": str,
    "snr": float | None,
    "dry": bool,
    "jobs": int,
    "only": list | None,
    "seeds": list[int] | None,
    "ngram": int | None,
    "ngram_text": str | None,
    "weight_budget": int | None,
    "input": str | None,
    "output": str | None,
    "rounding": Literal["floor", "floor_plus_one", "ceil"] | None,
    "chunk_seconds": float,
    "overlap_seconds": float,
    "threshold": float | None,
    "step_seconds": float | None,
    "smooth_seconds": float | None,
    "refractory_seconds": float | None,
    "false_alarms": float,
    "validation_speech": str | None,
    "test_speech": str | None,
}
RANGES: dict[str, tuple[float, float]] = {
    "seed": (0, 2**32 - 1),
    "batch_size": (1, float("inf")),
    "label_smoothing": (0, 1),
    "batch_seconds": (0.1, float("inf")),
    "hold_hours": (0, float("inf")),
    "workers": (0, 256),
    "save_minutes": (0, float("inf")),
    "early_stopping": (1, float("inf")),
    "encoder_rate": (0, float("inf")),
    "jobs": (1, 256),
    "ngram": (1, 6),
    "weight_budget": (1, float("inf")),
    "chunk_seconds": (1, float("inf")),
    "overlap_seconds": (0, float("inf")),
    "false_alarms": (0, float("inf")),
}


def check(config: dict[str, Any], typed: Sequence[str]) -> None:
    """Raise a UserError for an unknown key, a value of the wrong kind, or one out of its range."""
    known = [*KINDS, *groups()]
    for key in typed:
        if key.partition(".")[0] not in known:
            raise UserError(f"{key}: no such key; {suggest(key, known)}")
    for key in groups():
        if not isinstance(config.get(key, {}), dict):
            raise UserError(f"{key}={config[key]}: expected one of {', '.join(options(key))}")
    for key, kind in KINDS.items():
        if not fits(config[key], kind):
            raise UserError(f"{key}={_written(config[key])}: expected {describe(kind)}")
    for key, (low, high) in RANGES.items():
        if config[key] is not None and not low <= config[key] <= high:
            raise UserError(f"{key}={config[key]}: {_span(low, high)}")
    if any(key.startswith("trainer.") for key in typed):
        _check_trainer(config["trainer"])


def _check_trainer(settings: dict[str, Any]) -> None:
    """Check the arguments of Lightning's Trainer, importing it only where some were typed."""
    from lightning import Trainer

    known = inspect.signature(Trainer).parameters
    for name in settings:
        if name not in known:
            raise UserError(f"trainer.{name}: no argument of Lightning's Trainer; {suggest(name, known)}")
    check_arguments(Trainer, settings, "trainer")


def _written(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _span(low: float, high: float) -> str:
    return f"at least {low:g}" if high == float("inf") else f"choose from {low} to {high}"
