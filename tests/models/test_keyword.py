import json

import numpy as np
import pytest
import torch

from speechsrt.errors import UserError
from speechsrt.models.keyword import KeywordModel, fitted
from speechsrt.models.model import target_of
from speechsrt.pointwise.generators import layer_seed
from speechsrt.pointwise.learned import Learned
from speechsrt.pointwise.ternary import Ternary

FEATURES = {"_target_": "speechsrt.audio.features.Mfcc", "channels": 8}
NETWORK = {"_target_": "speechsrt.models.matchboxnet.MatchboxNet", "blocks": 1, "channels": 4, "wide": 8}
RULES = [{"_target_": "speechsrt.pointwise.ternary.Ternary", "where": ["block"], "density": 0.5, "seed": 2}]
LABELS = ["no", "yes", "schöön"]


def model(**changes) -> KeywordModel:
    torch.manual_seed(0)
    arguments = {
        "features": FEATURES,
        "network": NETWORK,
        "labels": LABELS,
        "clip_seconds": 0.5,
        "rules": RULES,
    }
    return KeywordModel(**arguments | changes).eval()


def test_from_waveforms_to_logits():
    built = model()
    assert (built.sample_rate, built.samples) == (16000, 8000)
    assert built(torch.randn(2, 8000)).shape == (2, 3)


def test_a_description_is_plain_and_rebuilds_the_model():
    built = model()
    again = KeywordModel(**json.loads(json.dumps(built.describe())))
    assert again.describe() == built.describe()
    again.load_state_dict(built.state_dict())
    x = torch.randn(2, 8000)
    assert torch.equal(again.eval()(x), built(x))


def test_a_description_holds_the_very_seed_of_each_ternary_layer():
    layers = model().describe()["layers"]
    assert layers["block1.0"]["seed"] == layer_seed(2, "block1.0")
    assert layers["block1.0"]["generator"] == "stratified"
    assert layers["last.0"] == {"_target_": "speechsrt.pointwise.learned.Learned"}


def test_layers_by_role():
    assert {p.slot.role: type(p.layer) for p in model().placed}["block"] is Ternary
    assert {p.slot.role: type(p.layer) for p in model().placed}["last"] is Learned


def test_a_prediction_names_the_likeliest_word():
    built = model()
    sound = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    heard = built.predict(sound, 16000)
    assert list(heard.probabilities) == LABELS
    assert sum(heard.probabilities.values()) == pytest.approx(1)
    assert heard.probability == max(heard.probabilities.values()) == heard.probabilities[heard.word]


def test_a_prediction_does_not_depend_on_mode_or_channels():
    built = model()
    sound = torch.randn(8000)
    expected = built.predict(sound, 16000)
    assert built.train().predict(sound, 16000) == expected
    assert built.predict(sound.expand(2, -1), 16000).probability == pytest.approx(expected.probability)
    assert built.predict(sound.double().numpy(), 16000).word == expected.word


@pytest.mark.parametrize("samples", [1, 100, 4000, 16000, 50000])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_any_rate_and_length(samples, rate):
    heard = model().predict(torch.randn(samples), rate)
    assert sum(heard.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_a_sound_of_another_rate_is_resampled():
    """A tone sounds the same to the model whatever rate it comes at."""
    tones = {rate: torch.sin(2 * torch.pi * 440 * torch.arange(rate // 2) / rate) for rate in (16000, 48000)}
    one, other = (model().predict(tone, rate) for rate, tone in tones.items())
    assert one.probability == pytest.approx(other.probability, abs=0.02)


def test_fitted_takes_the_middle_or_fills_up():
    assert fitted(torch.arange(7), 3).tolist() == [2, 3, 4]
    assert fitted(torch.arange(6), 3).tolist() == [1, 2, 3]
    assert fitted(torch.arange(3), 3).tolist() == [0, 1, 2]
    assert fitted(torch.arange(1, 3), 4).tolist() == [1, 2, 0, 0]
    assert fitted(torch.arange(0), 2).tolist() == [0, 0]


def test_a_network_for_another_task():
    with pytest.raises(UserError, match="not a network that spots keywords"):
        model(network={"_target_": "speechsrt.models.separable.Depthwise"})


def test_target_of():
    assert target_of(Learned(1, 1)) == "speechsrt.pointwise.learned.Learned"
