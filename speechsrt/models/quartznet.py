"""QuartzNet (Kriman et al. 2019, arXiv 1910.10261), the network of speech recognition, on ``(B, T, C)``.

C1 halves the frames; five groups of residual blocks of separable convolutions with growing kernels, each
group's block repeated; C2 dilated, C3 a plain 1x1; a linear head over characters and the blank.
"""

import torch
from torch import Tensor, nn

from speechsrt.errors import UserError
from speechsrt.models.separable import Block
from speechsrt.pointwise.placement import Factory

STRIDE = 2


class QuartzNet(nn.Module):
    """Frames of features ``(B, T, features)`` to logits ``(B, ceil(T / 2), classes)``.

    Args:
        make: gives the 1x1s.
        features: channels of the input.
        classes: number of tokens, the blank included.
        channels: of each group of blocks.
        kernels: taps of each group's depthwise convolutions, odd numbers.
        repeat: blocks in a group.
        sub_blocks: separable convolutions in a block.
        first: channels of C1.
        first_kernel: taps of C1.
        wide: channels of C2.
        wide_kernel: taps of C2, two frames apart.
        last: channels of C3.
        dropout: share of values zeroed after each ReLU in training.

    Raises:
        UserError: a count below 1, an even kernel, lists of different lengths, a dropout outside [0, 1).
    """

    task = "ctc"
    stride = STRIDE

    def __init__(
        self,
        make: Factory,
        features: int,
        classes: int,
        channels: list[int],
        kernels: list[int],
        repeat: int = 1,
        sub_blocks: int = 5,
        first: int = 256,
        first_kernel: int = 33,
        wide: int = 512,
        wide_kernel: int = 87,
        last: int = 1024,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        counts = {"repeat": repeat, "sub_blocks": sub_blocks, "first": first, "wide": wide, "last": last}
        _check_counts(counts, channels, kernels, [first_kernel, wide_kernel])
        if not 0 <= dropout < 1:
            raise UserError(f"model.dropout={dropout}: choose a share from 0 to below 1")
        self.prologue = Block(
            make,
            "prologue",
            "prologue",
            (features, first),
            kernel=first_kernel,
            stride=STRIDE,
            dropout=dropout,
        )
        widths = [first, *(width for width in channels for _ in range(repeat))]
        taps = [kernel for kernel in kernels for _ in range(repeat)]
        self.blocks = nn.ModuleList(
            Block(
                make,
                f"block{i + 1}",
                "block",
                (widths[i], widths[i + 1]),
                repeat=sub_blocks,
                kernel=kernel,
                residual="learned",
                dropout=dropout,
            )
            for i, kernel in enumerate(taps)
        )
        self.epilogue = Block(
            make, "epilogue", "epilogue", (widths[-1], wide), kernel=wide_kernel, dilation=2, dropout=dropout
        )
        self.last = Block(make, "last", "last", (wide, last), separable=False, dropout=dropout)
        self.head = nn.Linear(last, classes)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def count(self, frames: Tensor) -> Tensor:
        """Return how many output frames so many input frames give."""
        return torch.div(frames + STRIDE - 1, STRIDE, rounding_mode="floor")

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the logits ``(B, T', classes)``; those of an utterance's own frames do not see beyond it."""
        for block in (self.prologue, *self.blocks, self.epilogue, self.last):
            x, lengths = block(x, lengths)
        return self.head(x)


def _check_counts(counts: dict[str, int], channels: list[int], kernels: list[int], more: list[int]) -> None:
    for key, value in counts.items():
        if value < 1:
            raise UserError(f"model.{key}={value}: at least 1")
    if not channels or len(channels) != len(kernels) or min(channels) < 1:
        raise UserError(
            f"model.channels={channels} and model.kernels={kernels}: write as many widths (at least 1) as "
            f"kernels"
        )
    for kernel in (*kernels, *more):
        if kernel < 1 or kernel % 2 == 0:
            raise UserError(f"model: a kernel of {kernel} taps has no middle; choose odd numbers")
