"""The rows of a table: how each is made, with which seeds, and a hash of what that means.

A table is a file of ``conf/table`` (docs/tables.md). A row is a ``speechsrt train`` command, or one that
``compress``es or ``evaluate``s what another row has left, of the same table or of another.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from speechsrt import config
from speechsrt.build import suggest
from speechsrt.commands.table_checks import ROW, check_file, check_links
from speechsrt.errors import UserError

RECIPE = (
    *("data", "negatives", "features", "augment", "model", "placement", "pointwise", "text"),
    *("optim", "schedule", "trainer", "batch_size", "balance", "label_smoothing", "batch_seconds"),
    *("early_stopping", "best_by", "encoder_rate", "weight_budget", "decoder", "split", "snr"),
)
"""Keys of the configuration that a result depends on; the seed is told beside them."""
MACHINE = ("accelerator", "devices", "num_nodes", "strategy")
"""Keys of the trainer that it does not depend on."""


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        name: what its files are called.
        label: what a reader sees.
        verb: ``train``, ``compress`` or ``evaluate``.
        overrides: what is typed behind the verb; None where all that is known was published.
        start: ``ROW`` or ``TABLE/ROW``, whose run it begins with.
        seeds: each of which it runs with.
        published: figures of others, with their source.
        about: what else the table says of it, for columns and plots.
    """

    name: str
    label: str
    verb: str = "train"
    overrides: tuple[str, ...] | None = None
    start: str | None = None
    seeds: tuple[int, ...] = ()
    published: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table as its file has it; see `table_of` for the keys."""

    name: str
    about: str
    needs: str
    rows: dict[str, Row]
    columns: list[str]
    plots: list[dict[str, Any]]
    compare: list[list[str]]
    hours: float | None


@dataclass(frozen=True)
class Run:
    """A row with one seed."""

    table: Table
    row: Row
    seed: int

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.row.name}-s{self.seed}"

    @cached_property
    def hash(self) -> str:
        """Twelve hexadecimal digits that change with the recipe, not with the machine."""
        before = self.before
        assert self.row.overrides is not None
        try:
            return recipe_hash(self.row.verb, self.row.overrides, before.hash if before else None)
        except UserError as error:
            raise UserError(f"table={self.table.name}: {self.row.name}: {error}") from None

    @property
    def before(self) -> "Run | None":
        """The run that it begins with."""
        if self.row.start is None:
            return None
        table, row = origin(self.table, self.row)
        if self.seed not in row.seeds:
            raise UserError(
                f"table={self.table.name}: {self.name} begins with {row.name}, which has no such seed"
            )
        return Run(table, row, self.seed)

    @property
    def model(self) -> dict[str, Any]:
        """The node of the network that it trains, or that the run has which it begins with."""
        before = self.before
        if self.row.verb != "train" and before is not None:
            return before.model
        assert self.row.overrides is not None
        return _model(self.row.overrides)

    def folder(self, runs: Path) -> Path:
        """Return its run folder: another recipe has another one."""
        return runs / self.table.name / f"{self.name}-{self.hash[:6]}"

    def result(self, output: Path) -> Path:
        """Return the file of its result."""
        return output / self.table.name / f"{self.name}.json"

    def command(self, runs: Path) -> list[str]:
        """Return verb and overrides."""
        assert self.row.overrides is not None
        before = self.before
        key = "init_from" if self.row.verb == "train" else "checkpoint"
        start = [f"{key}={before.folder(runs)}"] if before else []
        seed = [] if self.row.verb == "evaluate" else [f"seed={self.seed}"]
        return [self.row.verb, *start, *self.row.overrides, *seed]


def table_of(node: Mapping[str, Any]) -> Table:
    """Return the table of a file of ``conf/table``.

    Keys: ``name`` of the file; ``about``; ``needs``, what a full run takes; ``hours`` of sound in an epoch;
    ``common`` overrides of all rows that train; ``seeds``, else 0; ``rows``; ``grid``, of whose values every
    combination is a row; ``columns``; ``plots``; ``compare``, pairs of rows. A row has ``label``,
    ``overrides``, ``verb``, ``from``, ``seeds``, ``published`` and whatever else columns and plots tell.

    Raises:
        UserError: what `speechsrt.commands.table_checks` finds.
    """
    name = str(node.get("name"))
    node = {key: value for key, value in node.items() if value is not None}
    check_file(name, node)
    common, seeds = _flat(node.get("common", [])), node.get("seeds", [0])
    listed = {**node.get("rows", {}), **dict(_combinations(node.get("grid", {})))}
    rows = {str(key): _row(str(key), about, common, seeds) for key, about in listed.items()}
    check_links(name, rows, node.get("compare", []))
    told = (node.get("about", ""), node.get("needs", ""), rows, node.get("columns", []))
    return Table(name, *told, node.get("plots", []), node.get("compare", []), node.get("hours"))


def runs_of(table: Table) -> list[Run]:
    """Return all runs: those of every row with the first seed before any with the next."""
    seeds = sorted({seed for row in table.rows.values() for seed in row.seeds})
    rows = [row for row in table.rows.values() if row.overrides is not None]
    return [Run(table, row, seed) for seed in seeds for row in rows if seed in row.seeds]


def beginnings(run: Run) -> list[Run]:
    """Return the run that one begins with, and those that these begin with.

    Raises:
        UserError: they begin with one another.
    """
    found, begun = [run], run.before
    while begun is not None:
        found.append(begun)
        if (begun.table.name, begun.row.name) in [(r.table.name, r.row.name) for r in found[:-1]]:
            names = " begins with ".join(f"{r.table.name}/{r.row.name}" for r in found)
            raise UserError(f"table={run.table.name}: {names}: a circle")
        begun = begun.before
    return found[1:]


def origin(table: Table, row: Row) -> tuple[Table, Row]:
    """Return the row that another begins with, and its table."""
    assert row.start is not None
    other, _, name = row.start.rpartition("/")
    home = named(other) if other and other != table.name else table
    if name not in home.rows:
        raise UserError(f"table={home.name}: has no row {name}; {suggest(name, home.rows)}")
    if home.rows[name].overrides is None:
        raise UserError(f"table={table.name}: {row.name} begins with {name}, which others published")
    return home, home.rows[name]


@cache
def named(name: str) -> Table:
    """Return a table by its name, as its file has it."""
    return table_of(config.load([f"table={name}"])["table"])


@cache
def _model(overrides: tuple[str, ...]) -> dict[str, Any]:
    return config.load(overrides)["model"]


@cache
def recipe_hash(verb: str, overrides: tuple[str, ...], before: str | None = None) -> str:
    """Return the hash of what a row's result depends on: its resolved settings, and those it begins with.

    Settings that are null are left out, so that a new option which is off changes nothing.
    """
    settings = config.load(overrides)
    recipe = {key: settings[key] for key in RECIPE} | {"verb": verb, "from": before}
    recipe["trainer"] = {key: value for key, value in settings["trainer"].items() if key not in MACHINE}
    text = json.dumps(_without_nulls(recipe), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _row(name: str, node: Mapping[str, Any], common: list[str], seeds: list[int]) -> Row:
    verb, overrides = node.get("verb", "train"), node.get("overrides")
    if overrides is not None:
        overrides = (*(common if verb == "train" else ()), *_flat(overrides))
    return Row(
        name,
        str(node.get("label", name.replace("_", " "))),
        verb,
        overrides,
        node.get("from"),
        tuple(node.get("seeds", seeds)),
        node.get("published") or {},
        {key: value for key, value in node.items() if key not in ROW},
    )


def _combinations(grid: Mapping[str, list[Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for values in itertools.product(*grid.values()) if grid else ():
        overrides = [f"{key}={value}" for key, value in zip(grid, values, strict=True)]
        about = {key.rpartition(".")[2]: value for key, value in zip(grid, values, strict=True)}
        yield "_".join(map(str, values)), {"overrides": overrides, **about}


def _flat(overrides: list[Any]) -> list[str]:
    """Return overrides one by one; an entry may be a list of them, which an interpolation names."""
    parts = [entry if isinstance(entry, list) else [entry] for entry in overrides]
    return [str(entry) for part in parts for entry in part]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
