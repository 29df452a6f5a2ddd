"""A keyword model on a sound without end: every few frames, what it hears in the last clip's length.

Each frame of features is computed once and is that of the sound as a whole: reflected where the sound begins
and where it ends, and nowhere else. A window is as many frames as a clip has. So the scores are those of the
whole sound's features cut into windows, however it comes in, and differ from those of clips cut out of the
waveform in the frames at a clip's two ends alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from speechsrt.audio.features import LogMel, reflected
from speechsrt.decoding.spotting import Detection, Operating, Spotter
from speechsrt.errors import UserError

if TYPE_CHECKING:
    from speechsrt.models.keyword import KeywordModel

WINDOWS_AT_A_TIME = 64
SECONDS_AT_A_TIME = 10.0


@dataclass(frozen=True)
class Heard:
    """What was heard in consecutive windows: probabilities ``(N, words)``, and when each ends, ``(N,)`` s."""

    probabilities: Tensor
    ends: Tensor

    def __len__(self) -> int:
        return len(self.ends)


class Stream:
    """What has come of a sound so far, and how far it has been heard.

    A frame needs half a Fourier window of sound behind its centre: so much later than a window's end, and the
    rest of a step at most, the window can be scored (`latency`).

    Args:
        model: on whatever device; it is left in evaluation mode.
        step_seconds: distance of windows, rounded to whole frames.
        temperature: the logits are divided by it.

    Raises:
        UserError: a step that is not a frame at least, or a front end that hears whole utterances.
    """

    def __init__(self, model: "KeywordModel", step_seconds: float, temperature: float = 1.0) -> None:
        if not isinstance(model.features, LogMel):
            raise UserError("checkpoint=: its front end hears whole clips, so no stream can be spotted in")
        self.model, self.features, self.temperature = model.eval(), model.features, temperature
        self.size = self.features.count(model.samples)
        self.step = round(step_seconds * model.sample_rate / self.features.hop)
        if self.step < 1:
            raise UserError(
                f"step_seconds={step_seconds:g}: a frame comes every "
                f"{self.features.hop / model.sample_rate:g} s; write no less"
            )
        self._sound = torch.zeros(0)  # not yet in a frame
        self._last = torch.zeros(0)  # the end of what has come, to be reflected
        self._frames = torch.zeros(0, self.features.channels)  # in windows to come
        self._began, self._windows = False, 0

    @property
    def step_seconds(self) -> float:
        """Distance of windows, whole frames."""
        return self.step * self.features.hop / self.model.sample_rate

    @property
    def latency(self) -> float:
        """Seconds from a sound to the score of the first window that holds all of it, at most."""
        return self.step_seconds + self.features.edge / self.model.sample_rate

    def push(self, sound: Tensor) -> Heard:
        """Hear more ``(samples,)``, at the model's rate; return the windows that are now complete."""
        parts = sound.split(max(1, round(SECONDS_AT_A_TIME * self.model.sample_rate)))
        return joined([self._push(part) for part in parts])

    @torch.inference_mode()
    def _push(self, sound: Tensor) -> Heard:
        edge = self.features.edge
        self._sound = torch.cat([self._sound, sound.float().cpu()])
        self._last = torch.cat([self._last, sound.float().cpu()])[-edge - 1 :]
        if not self._began:
            if len(self._sound) <= edge:
                return self._nothing()
            self._sound = reflected(self._sound[None], edge)[0, : len(self._sound) + edge]
            self._began = True
        return self._scored()

    @torch.inference_mode()
    def finish(self) -> Heard:
        """End the sound; return the windows that its last frames complete. Nothing may come after."""
        if not self._began:  # a sound of a few milliseconds, too short to be reflected
            self._sound = reflected(self._sound[None], self.features.edge)[0]
        else:
            self._sound = torch.cat([self._sound, self._last[:-1].flip(0)])
        return self._scored()

    def _scored(self) -> Heard:
        """Compute the frames that are whole, and score the windows that they fill."""
        count = max(0, (len(self._sound) - self.features.n_fft) // self.features.hop + 1)
        if count:
            device = next(self.model.parameters()).device
            frames = self.features.frames(self._sound[None].to(device))[0].cpu()
            self._frames = torch.cat([self._frames, frames])
            self._sound = self._sound[count * self.features.hop :]
        if len(self._frames) < self.size:
            return self._nothing()
        windows = self._frames.unfold(0, self.size, self.step).transpose(1, 2)
        heard = torch.cat([self._chances(some) for some in windows.split(WINDOWS_AT_A_TIME)])
        self._frames = self._frames[len(windows) * self.step :]
        starts = torch.arange(self._windows, self._windows + len(windows), dtype=torch.double)
        self._windows += len(windows)
        return Heard(heard, starts * self.step_seconds + self.model.clip_seconds)

    def _chances(self, windows: Tensor) -> Tensor:
        device = next(self.model.parameters()).device
        logits = self.model.network(self.features.centred(windows.to(device)))
        return (logits.float() / self.temperature).softmax(1).cpu()

    def _nothing(self) -> Heard:
        return Heard(torch.zeros(0, len(self.model.labels)), torch.zeros(0, dtype=torch.double))


def joined(parts: Sequence[Heard]) -> Heard:
    """Return what was heard piece by piece as one, of one piece at least."""
    return Heard(torch.cat([part.probabilities for part in parts]), torch.cat([part.ends for part in parts]))


def spotted(model: "KeywordModel", operating: Operating, blocks: Iterable[Tensor]) -> Iterator[Detection]:
    """Yield what a model detects in a sound that comes in blocks ``(samples,)`` at its rate.

    Silence follows it, half a clip and the windows of the mean, so that a word at the very end is heard in as
    many windows as any other; silence fills a sound shorter than a clip.
    """
    stream = Stream(model, operating.step_seconds, operating.temperature)
    operating = replace(operating, step_seconds=stream.step_seconds)
    spotter = Spotter(model.labels, operating, model.clip_seconds)
    came = 0
    for block in blocks:
        came += len(block)
        yield from _detected(spotter, stream.push(block))
    behind = round((0.5 * model.clip_seconds + operating.smooth_seconds) * model.sample_rate)
    yield from _detected(spotter, stream.push(torch.zeros(max(behind, model.samples - came))))
    yield from _detected(spotter, stream.finish())


def _detected(spotter: Spotter, heard: Heard) -> Iterator[Detection]:
    return spotter(heard.probabilities.numpy(), heard.ends.numpy())
