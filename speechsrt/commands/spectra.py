"""Pictures of the singular values of a model's layers, for a run folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speechsrt.models.model import SpeechModel
from speechsrt.pointwise.placement import Placed
from speechsrt.pointwise.spectrum import singular_values
from speechsrt.reports import spectra
from speechsrt.reports.files import write_atomically
from speechsrt.reports.page import Paragraph, Picture, Section
from speechsrt.training.history import read_history
from speechsrt.training.spectra import watched

EXPLANATION = (
    "Layers with a penalty on their size or trace norm. The faster their singular values fall, the fewer of "
    "them hold the matrix, and the less a compression to low rank loses."
)


def spectra_sections(folder: Path, model: SpeechModel) -> list[Section]:
    """Write ``spectra.png`` where a run has watched its spectra; return the part of the report about them."""
    history = read_history(folder / "spectra.csv")
    if not history:
        return []
    values = {p.slot.name: singular_values(p.layer.weight()).tolist() for p in watched(model.placed)}
    courses: dict[str, list[float]] = {}
    for row in history:
        courses.setdefault(row["layer"], []).append(float(row["nu"]))
    picture = spectra.spectra(values, courses)
    write_atomically(folder / "spectra.png", picture)
    alt = "Singular values of the layers, and the measure of their rank over the training"
    return [Section("Spectra", [Paragraph(EXPLANATION), Picture(picture, alt)])]


def draw_cut(before: Sequence[Placed], after: Sequence[Placed], errors: Sequence[float]) -> bytes:
    """Return the picture of a projection: singular values, where they were cut, and what was lost."""
    values = {p.slot.name: singular_values(p.layer.weight()).tolist() for p in before}
    ranks: dict[str, Any] = {p.slot.name: p.layer.settings().get("rank") for p in after}
    low = {p.slot.name: ranks[p.slot.name] for p in after if p.layer.kind == "low_rank"}
    return spectra.cut(values, low, {p.slot.name: e for p, e in zip(before, errors, strict=True)})
