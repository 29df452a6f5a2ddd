"""An archive of NeMo's as a model of ours: its configuration described anew, its tensors renamed."""

from dataclasses import dataclass
from pathlib import Path

from speechsrt.errors import UserError
from speechsrt.export.nemo.archive import opened
from speechsrt.export.nemo.settings import Rounding, describe
from speechsrt.export.nemo.tensors import matched
from speechsrt.export.package import MODELS
from speechsrt.models.model import SpeechModel


@dataclass(frozen=True)
class Imported:
    """A model out of an archive, and NeMo's class and release as the archive names them, else None."""

    model: SpeechModel
    target: str | None
    release: str | None


def read(path: str | Path, rounding: Rounding | None = None) -> Imported:
    """Return the model of an archive, in evaluation mode.

    Args:
        path: the ``.nemo`` file.
        rounding: how QuartzNet's front end counts frames (`speechsrt.audio.normalised.NormalisedMel`); as
            NeMo 2.5 and later do where left out.

    Raises:
        UserError: it is no such archive, not of one of the two networks, or holds what ours cannot represent.
    """
    try:
        config, state = opened(Path(path))
        task, description = describe(config, rounding)
        tensors = matched(description, state)
        model: SpeechModel = MODELS[task](**description)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    model.network.load_state_dict(tensors, strict=False)
    named = [str(config[key]) if key in config else None for key in ("target", "nemo_version")]
    return Imported(model.eval(), *named)
