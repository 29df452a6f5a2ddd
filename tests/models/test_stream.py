"""A stream's scores: those of the whole sound's features cut into windows, however the sound comes in."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from speechsrt.errors import UserError
from speechsrt.models.keyword import KeywordModel
from speechsrt.models.stream import Heard, Stream

NETWORK = {
    "_target_": "speechsrt.models.matchboxnet.MatchboxNet",
    "blocks": 1,
    "sub_blocks": 1,
    "channels": 8,
    "wide": 8,
}


def model(front: str = "Mfcc", clip_seconds: float = 0.3, **features: Any) -> KeywordModel:
    torch.manual_seed(0)
    node = {"_target_": f"speechsrt.audio.features.{front}"} | features
    return KeywordModel(node, NETWORK, ["go", "stop"], clip_seconds).eval()


def sound(samples: int) -> Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(samples))


def streamed(stream: Stream, pieces: list[Tensor]) -> Heard:
    heard = [stream.push(piece) for piece in pieces] + [stream.finish()]
    return Heard(torch.cat([h.probabilities for h in heard]), torch.cat([h.ends for h in heard]))


@torch.inference_mode()
def offline(net: KeywordModel, x: Tensor, step: int) -> Tensor:
    """The features of the whole sound, cut into windows one by one."""
    features = net.features
    frames = features(x[None])[0]
    count, size = features.count(len(x)), features.count(net.samples)
    frames = frames[(len(frames) - count) // 2 :][:count]
    rows = [
        net.network(features.centred(frames[None, start : start + size])).softmax(1)[0]
        for start in range(0, count - size + 1, step)
    ]
    return torch.stack(rows) if rows else torch.zeros(0, 2)


FRONTS: list[tuple[str, dict[str, Any]]] = [
    ("Mfcc", {}),
    ("LogMel", {}),
    ("LogMel", {"hop_seconds": 0.03, "window_seconds": 0.032}),  # hops of nearly a Fourier window
    ("Mfcc", {"sample_rate": 8000, "n_fft": 256, "hop_seconds": 0.02}),
]


@pytest.mark.parametrize(("front", "features"), FRONTS)
@given(st.lists(st.integers(0, 4000), max_size=6), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_streamed_scores_are_those_of_the_whole(
    front: str, features: dict[str, Any], lengths: list[int], step: int
):
    net = model(front, **features)
    x = sound(sum(lengths) + 1)
    pieces = list(x.split([*lengths, 1]))
    heard = streamed(Stream(net, step * net.features.hop / net.sample_rate), pieces)
    expected = offline(net, x, step)
    assert heard.probabilities.shape == expected.shape
    torch.testing.assert_close(heard.probabilities, expected, rtol=0, atol=1e-5)


def test_a_clip_alone_is_heard_as_a_clip():
    net = model()
    x = sound(net.samples)
    heard = streamed(Stream(net, 0.1), [x])
    with torch.inference_mode():
        torch.testing.assert_close(heard.probabilities, net(x[None]).softmax(1))
    assert heard.ends.tolist() == [0.3]


def test_windows_end_a_step_apart():
    heard = streamed(Stream(model(), 0.05), [sound(16000)])
    assert heard.ends.tolist() == pytest.approx([0.3 + 0.05 * k for k in range(15)])


def test_a_window_is_scored_within_the_latency():
    net = model()
    stream, told = Stream(net, 0.05), []
    for number, piece in enumerate(sound(16000).split(10)):
        told += [(number + 1) * 10 / 16000 - end for end in stream.push(piece).ends.tolist()]
    assert len(told) == 14
    assert 0 < max(told) <= stream.latency - 0.05 + 10 / 16000


def test_what_is_kept_does_not_grow():
    stream = Stream(model(), 0.1)
    for piece in sound(160_000).split(1600):
        stream.push(piece)
    assert len(stream._sound) < 512
    assert len(stream._frames) < stream.size + stream.step


def test_a_frame_is_computed_once(monkeypatch: pytest.MonkeyPatch):
    net, made = model(), []
    compute = type(net.features).frames

    def counted(self: Any, x: Tensor) -> Tensor:
        frames = compute(self, x)
        made.append(frames.shape[1])
        return frames

    monkeypatch.setattr(type(net.features), "frames", counted)
    streamed(Stream(net, 0.02), list(sound(32000).split(700)))
    assert sum(made) == net.features.count(32000)


def test_a_long_sound_at_once_is_heard_as_in_pieces(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("speechsrt.models.stream.SECONDS_AT_A_TIME", 0.25)
    x = sound(32000)
    at_once, in_pieces = (streamed(Stream(model(), 0.05), parts) for parts in ([x], list(x.split(1000))))
    torch.testing.assert_close(at_once.probabilities, in_pieces.probabilities, rtol=0, atol=1e-6)


def test_a_long_clip_rests_as_long_as_it_is():
    assert model(clip_seconds=3.0).how.refractory_seconds == 3.0
    assert model(clip_seconds=0.3).how.refractory_seconds == 1.0


def test_mistakes():
    with pytest.raises(UserError, match=r"step_seconds=0\.001: a frame comes every 0\.01 s; write no less"):
        Stream(model(), 0.001)
