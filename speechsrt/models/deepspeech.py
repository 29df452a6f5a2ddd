"""Deep Speech 2 as a forward network (Kliegl et al. 2017, arXiv 1710.09026, section 3), on ``(B, T, C)``.

Convolutions over time and frequency, forward GRU layers with grouped matrices, a fully connected layer, a
linear head over characters and the blank (Amodei et al. 2016, arXiv 1512.02595, section 3).
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from speechsrt.errors import UserError
from speechsrt.models.filters import Filters
from speechsrt.models.recurrent import Gru
from speechsrt.models.separable import Norm, masked
from speechsrt.pointwise.placement import Factory

CLIP = 20.0  # min(max(x, 0), 20), section 3.1 of Deep Speech 2


class DeepSpeechGru(nn.Module):
    """Frames of features ``(B, T, features)`` to logits ``(B, ceil(T / stride), classes)``.

    Args:
        make: gives the matrices of the GRU layers and of the fully connected one.
        features: channels of the input, neighbouring bands of frequency.
        classes: number of tokens, the blank included.
        conv_channels: filters of each convolution.
        conv_kernels: their taps over ``[time, frequency]``, odd numbers.
        conv_strides: their steps over ``[time, frequency]``.
        hidden: width of each GRU layer.
        last: width of the fully connected layer.
        dropout: share of its values zeroed in training.

    Raises:
        UserError: a count below 1, an even kernel, lists of different lengths, a dropout outside [0, 1).
    """

    task = "ctc"

    def __init__(
        self,
        make: Factory,
        features: int,
        classes: int,
        conv_channels: list[int],
        conv_kernels: list[list[int]],
        conv_strides: list[list[int]],
        hidden: list[int],
        last: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check_convolutions(conv_channels, conv_kernels, conv_strides)
        _check_widths(hidden, last, dropout)
        self.stride = math.prod(stride[0] for stride in conv_strides)
        filters = [1, *conv_channels]
        self.convolutions = nn.ModuleList(
            Convolution((filters[i], filters[i + 1]), (kernel[0], kernel[1]), (stride[0], stride[1]))
            for i, (kernel, stride) in enumerate(zip(conv_kernels, conv_strides, strict=True))
        )
        for _, step in conv_strides:
            features = -(-features // step)
        widths = [features * conv_channels[-1], *hidden]
        self.recurrent = nn.ModuleList(
            Gru(make, f"gru{i + 1}", widths[i], width) for i, width in enumerate(hidden)
        )
        self.last = make("last.0", "last", hidden[-1], last)
        self.norm = Norm(last)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(last, classes)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def count(self, frames: Tensor) -> Tensor:
        """Return how many output frames so many input frames give."""
        return _shortened(frames, self.stride)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the convolutions; a compiler would unroll the recurrence, frame by frame."""
        for convolution in self.convolutions:
            convolution.compile(*args, **kwargs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the logits ``(B, T', classes)``; those of an utterance's own frames do not see beyond it."""
        image = x[..., None]
        for convolution in self.convolutions:
            image, lengths = convolution(image, lengths)
        x = image.flatten(2)
        for layer in self.recurrent:
            x = layer(x)
        return self.head(self.dropout(clipped(self.norm(self.last(x)))))


class Convolution(nn.Module):
    """Filters over time and frequency, normalised and clipped; zeros beyond all four edges.

    Maps ``(B, T, F, C_in)`` to ``(B, ceil(T / s), ceil(F / s'), C_out)``.

    Args:
        channels: C_in and C_out.
        kernel: taps over time and frequency, odd numbers.
        stride: steps s and s'.
    """

    def __init__(self, channels: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int]) -> None:
        super().__init__()
        self.filters = Filters(channels, kernel, stride)
        self.norm = Norm(channels[1])

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Convolve; `lengths` (B,) counts each clip's valid frames, before and after."""
        y = self.filters(masked(x.flatten(2), lengths).view(x.shape))
        normed = self.norm(y.flatten(1, 2)).view(y.shape)
        return clipped(normed), None if lengths is None else _shortened(lengths, self.filters.stride[0])


def clipped(x: Tensor) -> Tensor:
    """Return ``min(max(x, 0), 20)``."""
    return x.clamp(0.0, CLIP)


def _shortened(frames: Tensor, stride: int) -> Tensor:
    return torch.div(frames + stride - 1, stride, rounding_mode="floor")


def _check_convolutions(channels: list[int], kernels: list[list[int]], strides: list[list[int]]) -> None:
    if not channels or not len(channels) == len(kernels) == len(strides):
        raise UserError(
            f"model.conv_channels={channels}, model.conv_kernels={kernels} and model.conv_strides={strides}: "
            f"write as many of each, at least one"
        )
    if min(channels) < 1:
        raise UserError(f"model.conv_channels={channels}: at least 1 each")
    if any(len(kernel) != 2 or min(kernel) < 1 or not all(taps % 2 for taps in kernel) for kernel in kernels):
        raise UserError(f"model.conv_kernels={kernels}: write [time, frequency] for each, odd numbers")
    if any(len(stride) != 2 or min(stride) < 1 for stride in strides):
        raise UserError(f"model.conv_strides={strides}: write [time, frequency] for each, at least 1")


def _check_widths(hidden: list[int], last: int, dropout: float) -> None:
    if not hidden or min(hidden) < 1:
        raise UserError(f"model.hidden={hidden}: write the width of each recurrent layer, at least 1")
    if last < 1:
        raise UserError(f"model.last={last}: at least 1")
    if not 0 <= dropout < 1:
        raise UserError(f"model.dropout={dropout}: choose a share from 0 to below 1")
