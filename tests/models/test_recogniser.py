"""A whole recogniser: the same alone and in a batch, described, transcribing."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsrt.errors import UserError
from speechsrt.models.recogniser import Recogniser

FEATURES = {"_target_": "speechsrt.audio.normalised.NormalisedMel", "channels": 16}
NETWORK = {
    "_target_": "speechsrt.models.quartznet.QuartzNet",
    "channels": [8],
    "kernels": [5],
    "sub_blocks": 1,
    "first": 8,
    "wide": 8,
    "last": 16,
}
VOCABULARY = {"_target_": "speechsrt.text.characters.Characters"}


def model(**more: Any) -> Recogniser:
    torch.manual_seed(0)
    return Recogniser(**{"features": FEATURES, "network": NETWORK, "vocabulary": VOCABULARY} | more).eval()


def sound(samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


@given(st.lists(st.integers(1, 20000), min_size=2, max_size=3))
@settings(max_examples=15, deadline=None)
def test_an_utterance_gives_the_same_probabilities_alone_and_in_a_batch(lengths: list[int]) -> None:
    net, rows = model(), [sound(n, seed) for seed, n in enumerate(lengths)]
    batch = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    together, frames = net(batch, torch.tensor(lengths))
    for row, count, log_probs in zip(rows, frames.tolist(), together, strict=True):
        alone, own = net(row[None])
        assert own.tolist() == [count]
        assert count == int(net.frames(torch.tensor(len(row))))
        assert torch.allclose(alone[0], log_probs[:count], atol=1e-3)


def test_a_description_makes_the_same_model_again() -> None:
    net = model(
        rules=[{"where": ["block"], "_target_": "speechsrt.pointwise.ternary.Ternary", "density": 0.5}]
    )
    again = Recogniser(**net.describe())
    again.load_state_dict(net.state_dict())
    assert again.describe() == net.describe()
    assert torch.equal(again.eval()(sound(8000)[None])[0], net(sound(8000)[None])[0])


def test_frames_are_20_milliseconds_apart() -> None:
    assert model().frame_seconds == pytest.approx(0.02)


def test_transcribe_takes_any_rate_and_channels() -> None:
    net = model()
    heard = net.transcribe(torch.stack([sound(24000)] * 2).numpy(), 48000)
    assert heard.text == " ".join(word.text for word in heard.words)
    assert all(0 <= word.start < word.end <= 0.52 for word in heard.words)
    assert all(0 < word.confidence <= 1 for word in heard.words)


def test_a_waveform_without_samples() -> None:
    with pytest.raises(UserError, match="without samples"):
        model().transcribe(torch.zeros(0), 16000)


def test_a_network_for_another_task() -> None:
    with pytest.raises(UserError, match="not a network that recognises sentences"):
        model(network={"_target_": "speechsrt.models.matchboxnet.MatchboxNet"})
