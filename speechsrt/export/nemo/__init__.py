"""Reading NVIDIA NeMo's ``.nemo`` archives of QuartzNet and MatchboxNet."""

from speechsrt.export.nemo.model import Imported, read

__all__ = ["Imported", "read"]
