"""``speechsrt import_nemo``: a QuartzNet or MatchboxNet out of a ``.nemo`` file as a package of ours."""

import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from speechsrt.commands.screen import output, say
from speechsrt.errors import UserError
from speechsrt.export import nemo, package
from speechsrt.models.model import SpeechModel
from speechsrt.models.recogniser import Recogniser
from speechsrt.reports.tables import Row, table

KEYS = ("input", "output", "rounding")
SUFFIX = ".safetensors"
SAME_FEATURES = (2, 5)
"""The first release whose mel front end counts frames as ours does and continues the sound with zeros."""


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong, as far as that shows without reading the file."""
    for key in config["typed"]:
        if key not in KEYS:
            raise UserError(f"{key}: import_nemo does not use it; it takes {', '.join(KEYS)}")
    if config["input"] is None:
        raise UserError("input=: name the .nemo file to import")
    if config["output"] is None:
        raise UserError(f"output=: name the package to write, a folder or a file that ends in {SUFFIX}")
    if (path := package_path(config["output"])).exists():
        raise UserError(f"output={config['output']}: {path} is there already; choose another or remove it")


def run(config: dict[str, Any]) -> None:
    """Read the file, write the package and tell what it holds."""
    check(config)
    source, path = Path(config["input"]).expanduser(), package_path(config["output"])
    imported = nemo.read(source, config["rounding"])
    about = {"file": source.name, "class": imported.target, "nemo_version": imported.release}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        package.save(imported.model, path, {"imported": about})
    except (OSError, SafetensorError) as error:
        raise UserError(f"output={config['output']}: cannot be written ({error}); choose another") from None
    if config["rounding"] is None:
        say(notes(imported))
    output.print(table(source.name, ["", ""], rows(imported)))
    output.print(f"package: {path}")


def package_path(named: str) -> Path:
    """Return the file that ``output=`` means: itself, or ``model.safetensors`` in a folder of that name."""
    path = Path(named).expanduser()
    return path if path.suffix == SUFFIX else path / f"model{SUFFIX}"


def rows(imported: nemo.Imported) -> list[Row]:
    """Return what is told of a model."""
    model = imported.model
    node = model.network_node
    settings = ", ".join(f"{key}={value}" for key, value in node.items() if key != "_target_")
    made_by = f"{imported.target or 'a class it does not name'}, NeMo {imported.release or 'unknown'}"
    return [
        ("written by", made_by),
        ("network", node["_target_"].rpartition(".")[2]),
        ("its settings", settings),
        ("weights", f"{sum(weight.numel() for weight in model.parameters()):,}"),
        ("front end", f"{type(model.features).__name__}, {model.sample_rate:,} Hz"),
        _meaning(model),
    ]


def notes(imported: nemo.Imported) -> list[str]:
    """Return what to say of a recogniser whose release of NeMo computed other features than ours."""
    numbers = re.findall(r"\d+", imported.release or "")[:2]
    if not isinstance(imported.model, Recogniser) or not numbers or tuple(map(int, numbers)) >= SAME_FEATURES:
        return []
    return [
        f"NeMo {imported.release} counted frames as rounding=floor_plus_one does, and reflected the sound at "
        f"its ends; the model is read as NeMo 2.5 and later read it (docs/nemo.md)"
    ]


def _meaning(model: SpeechModel) -> tuple[str, str]:
    if isinstance(model, Recogniser):
        tokens = model.vocabulary.tokens
        return "vocabulary", f"{len(tokens)} characters: {''.join(tokens)!r}"
    labels = model.describe()["labels"]
    return "words", f"{len(labels)}: {', '.join(labels)}"
