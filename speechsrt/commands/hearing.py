"""A keyword model on a long track: what it scores there, with the times at which words were said."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from speechsrt.commands.screen import progress
from speechsrt.corpora.tracks import Piece
from speechsrt.decoding.spotting import Operating
from speechsrt.loading.tracks import Track
from speechsrt.models.keyword import KeywordModel
from speechsrt.models.stream import Stream, joined
from speechsrt.scoring.detector import Tracked, tracked


def hear(
    model: KeywordModel,
    how: Operating,
    pieces: Sequence[Piece],
    what: str,
    rejected: list[tuple[str, str]],
    noise: torch.Tensor | None = None,
    snr: float = 0.0,
) -> Tracked:
    """Hear a track of pieces (`speechsrt.corpora.tracks.in_a_row`), over noise if there is any.

    Args:
        model: on whatever device.
        how: step, smoothing, rest and temperature; the threshold is not used.
        pieces: what the track is made of.
        what: what the progress line calls it.
        rejected: takes the files that cannot be decoded, with the reason; they are left out.
        noise: ``(samples,)`` at the model's rate.
        snr: decibels; not used without noise.
    """
    track = Track(pieces, model.sample_rate, rejected, noise, snr)
    stream = Stream(model, how.step_seconds, how.temperature)
    how = replace(how, step_seconds=stream.step_seconds)
    with progress() as report:
        parts = []
        for number, sound in enumerate(track, 1):
            parts.append(stream.push(sound))
            report(f"hearing {what}", number, len(pieces))
    heard = joined([*parts, stream.finish()])
    scores, ends = heard.probabilities.double().numpy(), heard.ends.numpy()
    return tracked(scores, ends, model.labels, how, track.said, track.hours)
