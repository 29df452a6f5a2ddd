"""speechsrt: speech training with interchangeable 1x1 layers.

``speechsrt.load(path)`` is all an application needs: a keyword model has ``.predict(waveform, sample_rate)``,
a recogniser ``.transcribe(waveform, sample_rate)``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(path: "str | Path") -> Any:
    """Return the model of a run folder, a ``model.safetensors`` or a ``.ckpt``, ready for use.

    It is a `speechsrt.models.keyword.KeywordModel` or a `speechsrt.models.recogniser.Recogniser`.

    Raises:
        speechsrt.errors.UserError: there is no such file, or it is not one of ours.
    """
    from speechsrt.export import package

    return package.load(path)
