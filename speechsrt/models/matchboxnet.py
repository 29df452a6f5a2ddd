"""MatchboxNet-BxRxC, keyword spotting (Majumdar & Ginsburg 2020, arXiv 2004.08531, table 1).

A prologue, B residual blocks of R separable units with C channels and kernels 13, 15, 17, ..., two layers of
epilogue, the mean over all frames, a linear classifier.
"""

from typing import Literal

from torch import Tensor, nn

from speechsrt.errors import UserError
from speechsrt.models.separable import Block
from speechsrt.pointwise.placement import Factory


class MatchboxNet(nn.Module):
    """Frames of features ``(B, T, features)`` to class logits ``(B, classes)``.

    Args:
        make: gives the 1x1s.
        features: channels of the input.
        classes: number of words.
        blocks: B.
        sub_blocks: R.
        channels: C.
        wide: channels of prologue and epilogue.
        residual: ``learned`` links (1x1 and normalisation) or ``identity`` where the widths agree.
        dropout: share of values zeroed after each ReLU in training.

    Raises:
        UserError: a count below 1, a dropout outside [0, 1).
    """

    task = "keyword"

    def __init__(
        self,
        make: Factory,
        features: int,
        classes: int,
        blocks: int = 3,
        sub_blocks: int = 1,
        channels: int = 64,
        wide: int = 128,
        residual: Literal["learned", "identity"] = "learned",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        counts = {"blocks": blocks, "sub_blocks": sub_blocks, "channels": channels, "wide": wide}
        for key, value in counts.items():
            if value < 1:
                raise UserError(f"model.{key}={value}: at least 1")
        if not 0 <= dropout < 1:
            raise UserError(f"model.dropout={dropout}: choose a share from 0 to below 1")
        self.prologue = Block(make, "prologue", "prologue", (features, wide), kernel=11, dropout=dropout)
        self.blocks = nn.ModuleList(
            Block(
                make,
                f"block{i + 1}",
                "block",
                (wide if i == 0 else channels, channels),
                repeat=sub_blocks,
                kernel=13 + 2 * i,
                residual=residual,
                dropout=dropout,
            )
            for i in range(blocks)
        )
        self.epilogue = Block(
            make, "epilogue", "epilogue", (channels, wide), kernel=29, dilation=2, dropout=dropout
        )
        self.last = Block(make, "last", "last", (wide, wide), separable=False, dropout=dropout)
        self.head = nn.Linear(wide, classes)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def embed(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return what the classifier sees of each clip, ``(B, wide)``: the mean over all frames."""
        for block in (self.prologue, *self.blocks, self.epilogue, self.last):
            x, lengths = block(x, lengths)
        return x.mean(dim=1)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the logits ``(B, classes)``.

        Frames beyond `lengths` (B,) are zeroed before each convolution; the mean is over all frames.
        """
        return self.head(self.embed(x, lengths))
