"""BC-ResNet, keyword spotting in few weights (Kim and others 2021, arXiv 2106.04140, section 3 and table 1).

Blocks filter an image over frequency, then their mean over frequency along time, and add the second to the
first in every band ("broadcasted residual"). All is channels last, ``(B, T, F, C)``.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from speechsrt.errors import UserError
from speechsrt.models.band_norm import BandNorm
from speechsrt.models.filters import Filters
from speechsrt.models.separable import Depthwise
from speechsrt.pointwise.placement import Factory

BANDS = 5
"""Groups of bands that are normalised apart, and bands of the last image of 40."""
STAGES = ((2, 8.0, 1), (2, 12.0, 2), (4, 16.0, 2), (4, 20.0, 1))
"""Of each stage: blocks, channels at size 1, and step over frequency; the n-th is dilated 2^n over time."""


class BcResNet(nn.Module):
    """Frames of features ``(B, T, features)`` to class logits ``(B, classes)``.

    Args:
        make: gives the 1x1s, of the roles ``block`` (``stageN.B``), ``transition`` (``stageN.0.transition``)
            and ``last`` (``last.0``).
        features: channels of the input, neighbouring bands of frequency, a multiple of 40.
        classes: number of words.
        size: factor on all channels: 1, 1.5, 2, 3, 6, 8 in the paper.
        dropout: share of a block's channels zeroed in training, before they are broadcast.

    Raises:
        UserError: other features, a size without channels, a dropout outside [0, 1).
    """

    task = "keyword"

    def __init__(
        self, make: Factory, features: int, classes: int, size: float = 1.0, dropout: float = 0.1
    ) -> None:
        super().__init__()
        if features % (8 * BANDS):
            raise UserError(
                f"features.channels={features}: BC-ResNet halves them thrice, in {BANDS} groups; "
                f"choose a multiple of {8 * BANDS}"
            )
        if not 0.125 <= size <= 64:
            raise UserError(f"model.size={size}: choose from 0.125 to 64")
        if not 0 <= dropout < 1:
            raise UserError(f"model.dropout={dropout}: choose a share from 0 to below 1")
        width, wide = int(16 * size), int(32 * size)
        self.stem = Filters((1, width), (5, 5), (1, 2))
        self.stem_norm = BandNorm(width)
        self.stages: list[nn.Module] = []
        for n, (count, channels, step) in enumerate(STAGES, 1):
            widths = (width, int(channels * size))
            stage = stage_of(make, f"stage{n}", widths, count, step, 2 ** (n - 1), dropout)
            self.add_module(f"stage{n}", stage)
            self.stages.append(stage)
            width = widths[1]
        self.tail = Filters((width, width), (5, 5), padding=(2, 0), groups=width)
        self.last = make("last.0", "last", width, wide)
        self.last_norm = BandNorm(wide)
        self.head = nn.Linear(wide, classes)
        _as_pytorch_does(self)

    def embed(self, x: Tensor) -> Tensor:
        """Return what the classifier sees of each clip, ``(B, 32 size)``: the mean over all frames."""
        image = F.relu(self.stem_norm(self.stem(x[..., None])))
        for stage in self.stages:
            image = stage(image)
        return F.relu(self.last_norm(self.last(self.tail(image)))).mean(dim=(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits ``(B, classes)``."""
        return self.head(self.embed(x))


def stage_of(
    make: Factory, name: str, widths: tuple[int, int], count: int, step: int, dilation: int, dropout: float
) -> nn.Sequential:
    """Return blocks one after another, the first of which brings the new width and steps over frequency."""
    first = Block(make, f"{name}.0", widths, step, dilation, True, dropout)
    rest = ((widths[1], widths[1]) for _ in range(1, count))
    blocks = (Block(make, f"{name}.{k}", same, 1, dilation, False, dropout) for k, same in enumerate(rest, 1))
    return nn.Sequential(first, *blocks)


class Block(nn.Module):
    """A broadcasted residual block, ``(B, T, F, C_in)`` to ``(B, T, ceil(F / step), C_out)``.

    Args:
        make: gives the 1x1s.
        name: that of its 1x1; ``NAME.transition`` is that of the one to a new width.
        widths: channels in and out.
        step: over frequency.
        dilation: over time.
        transition: the first of a stage: a 1x1 to the new width, and no link around the block.
        dropout: share of channels zeroed in training.
    """

    def __init__(
        self,
        make: Factory,
        name: str,
        widths: tuple[int, int],
        step: int,
        dilation: int,
        transition: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        out = widths[1]
        self.transition = make(f"{name}.transition", "transition", *widths) if transition else None
        self.transition_norm = BandNorm(out) if transition else None
        self.over_frequency = Filters((out, out), (1, 3), (1, step), groups=out)
        self.band_norm = BandNorm(out, BANDS)
        self.over_time = Depthwise(out, 3, dilation)
        self.norm = BandNorm(out)
        self.pointwise = make(name, "block", out, out)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """Filter; see the class for shapes."""
        y = x
        if self.transition is not None and self.transition_norm is not None:
            y = F.relu(self.transition_norm(self.transition(x)))
        y = self.band_norm(self.over_frequency(y))
        along = F.silu(self.norm(self.over_time(y.sum(2) / y.shape[2])))
        y = y + self._dropped(self.pointwise(along))[:, :, None]
        return F.relu(y if self.transition is not None else y + x)

    def _dropped(self, x: Tensor) -> Tensor:
        """Zero whole channels of ``(B, T, C)`` in training."""
        if not self.training or not self.dropout:
            return x
        return x * F.dropout(x.new_ones(x.shape[0], 1, x.shape[2]), self.dropout)


def _as_pytorch_does(network: nn.Module) -> None:
    """Begin as the authors' code does, with PyTorch's own start of convolutions."""
    for module in network.modules():
        if isinstance(module, Filters | Depthwise):
            nn.init.kaiming_uniform_(module.weight, a=5**0.5)
