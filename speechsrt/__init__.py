"""speechsrt: speech training with interchangeable 1x1 layers.

``speechsrt.load(path).predict(waveform, sample_rate)`` is all an application needs.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from speechsrt.models.keyword import KeywordModel

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(path: "str | Path") -> "KeywordModel":
    """Return the model of a run folder, a ``model.safetensors`` or a ``.ckpt``, ready to predict.

    Raises:
        speechsrt.errors.UserError: there is no such file, or it is not one of ours.
    """
    from speechsrt.export import package

    return package.load(path)
