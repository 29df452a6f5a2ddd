"""From NeMo's configurations to ours: what is taken over, what is refused, and how it is said."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nemo_files import ABSENT, MATCHBOXNET, QUARTZNET, changed, config_of, set_value

from speechsrt.config import load
from speechsrt.errors import UserError
from speechsrt.export import nemo
from speechsrt.export.nemo.settings import describe
from speechsrt.export.nemo.tensors import COUNTERS, names, skeleton

MODULES = "nemo.collections.asr.modules"
LETTERS = [" ", *"abcdefghijklmnopqrstuvwxyz", "'"]


def layer(filters: int, kernel: int, **more: Any) -> dict[str, Any]:
    plain = {
        "repeat": 1,
        "stride": [1],
        "dilation": [1],
        "dropout": 0.0,
        "residual": False,
        "separable": True,
    }
    return {"filters": filters, "kernel": [kernel]} | plain | more


def quartznet(node: dict[str, Any]) -> dict[str, Any]:
    """NeMo's configuration of a QuartzNet that has our settings."""
    jasper = [layer(node["first"], node["first_kernel"], stride=[2])]
    for filters, kernel in zip(node["channels"], node["kernels"], strict=True):
        jasper += [layer(filters, kernel, repeat=node["sub_blocks"], residual=True)] * node["repeat"]
    jasper += [layer(node["wide"], node["wide_kernel"], dilation=[2])]
    jasper += [layer(node["last"], 1, separable=False)]
    return {
        "preprocessor": {"_target_": f"{MODULES}.AudioToMelSpectrogramPreprocessor"},
        "encoder": {"_target_": f"{MODULES}.ConvASREncoder", "feat_in": 64, "activation": "relu"}
        | {"jasper": jasper},
        "decoder": {"_target_": f"{MODULES}.ConvASRDecoder", "feat_in": node["last"], "num_classes": 28}
        | {"vocabulary": LETTERS},
    }


def of_recipe(model: str) -> dict[str, Any]:
    return load([f"model={model}"])["model"]


# --- what is taken over ---


@pytest.mark.parametrize(
    ("model", "weights"),
    [("quartznet_5x5", 6_713_181), ("quartznet_10x5", 12_818_781), ("quartznet_15x5", 18_924_381)],
)
def test_the_published_networks_have_the_published_number_of_weights(model: str, weights: int):
    task, description = describe(quartznet(of_recipe(model)))
    assert task == "ctc"
    assert description["network"] == of_recipe(model)
    network = skeleton(description)
    assert sum(weight.numel() for weight in network.parameters()) == weights
    assert all(weight.is_meta for weight in network.parameters())


def test_the_front_ends_are_those_of_our_recipes():
    for path, recipe in ((QUARTZNET, "normalised_mel"), (MATCHBOXNET, "mfcc")):
        _, description = describe(config_of(path))
        assert description["features"] == load([f"features={recipe}"])["features"]


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(0, 9).map(lambda n: 2 * n + 1)), min_size=1, max_size=4
    ),
    *[st.integers(1, 4)] * 3,
)
def test_any_quartznet_of_ours_in_nemos_words_is_itself(shapes, repeat: int, sub_blocks: int, width: int):
    node = of_quartznet([w for w, _ in shapes], [k for _, k in shapes], repeat, sub_blocks, width)
    _, description = describe(quartznet(node))
    read = description["network"]
    assert _unrolled(read) == _unrolled(node)
    assert {key: read[key] for key in node if key not in ("channels", "kernels", "repeat")} == {
        key: node[key] for key in node if key not in ("channels", "kernels", "repeat")
    }


def of_quartznet(
    channels: list[int], kernels: list[int], repeat: int, sub_blocks: int, width: int
) -> dict[str, Any]:
    ends = {"first": width, "first_kernel": 33, "wide": width + 1, "wide_kernel": 87, "last": width + 2}
    blocks = {"channels": channels, "kernels": kernels, "repeat": repeat, "sub_blocks": sub_blocks}
    return {"_target_": "speechsrt.models.quartznet.QuartzNet", **blocks, **ends, "dropout": 0.0}


def _unrolled(node: dict[str, Any]) -> list[tuple[int, int]]:
    pairs = zip(node["channels"], node["kernels"], strict=True)
    return [pair for pair in pairs for _ in range(node["repeat"])]


@pytest.mark.parametrize("path", [QUARTZNET, MATCHBOXNET])
def test_every_tensor_of_ours_has_one_of_nemos(path: Path):
    network = skeleton(describe(config_of(path))[1])
    table = names(network)
    assert set(table) == {name for name in network.state_dict() if not name.endswith(COUNTERS)}
    assert len(set(table.values())) == len(table)


TAKEN = {
    "preprocessor.preemph": (None, "preemphasis", 0.0),
    "preprocessor.log_zero_guard_value": (1e-5, "log_offset", 1e-5),
    "preprocessor.window_size": (0.025, "window_seconds", 0.025),
    "preprocessor.window_stride": (0.0125, "hop_seconds", 0.0125),
    "preprocessor.n_fft": (None, "n_fft", 512),
    "preprocessor.pad_to": (0, "n_fft", 512),
    "preprocessor.dither": (0.0, "rounding", "floor"),
    "preprocessor.highfreq": (8000, "sample_rate", 16000),
}


@pytest.mark.parametrize("place", TAKEN)
def test_settings_of_the_front_end_that_are_taken_over(place: str):
    value, key, expected = TAKEN[place]
    _, description = describe(set_value(config_of(QUARTZNET), place, value))
    assert description["features"][key] == expected


def test_a_window_in_samples():
    config = config_of(QUARTZNET)
    config["preprocessor"] |= {"window_size": None, "n_window_size": 400, "n_fft": None}
    features = describe(config)[1]["features"]
    assert (features["window_seconds"], features["n_fft"]) == (0.025, 512)


@pytest.mark.parametrize("rounding", ["floor", "floor_plus_one", "ceil"])
def test_the_rounding_of_older_releases(rounding):
    assert describe(config_of(QUARTZNET), rounding)[1]["features"]["rounding"] == rounding


def test_kernels_follow_their_factor():
    config = config_of(QUARTZNET)
    for entry in config["encoder"]["jasper"]:
        entry["kernel_size_factor"] = 0.5
    node = describe(config)[1]["network"]
    assert (node["first_kernel"], node["kernels"], node["wide_kernel"]) == (17, [17, 19, 25, 31, 37], 43)


def test_layers_written_without_lists():
    config = config_of(QUARTZNET)
    for entry in config["encoder"]["jasper"]:
        entry |= {key: entry[key][0] for key in ("kernel", "stride", "dilation")}
    assert describe(config) == describe(config_of(QUARTZNET))


@pytest.mark.parametrize("path", [QUARTZNET, MATCHBOXNET])
def test_a_configuration_as_it_was_before_1_0(path: Path):
    config = config_of(path)
    for key in ("preprocessor", "encoder", "decoder", "crop_or_pad_augment"):
        if key in config:
            config[key] = {"cls": config[key].pop("_target_"), "params": config[key]}
    assert describe(config) == describe(config_of(path))


def test_the_vocabulary_is_the_decoders_else_the_labels():
    config = config_of(QUARTZNET)
    config["labels"] = list("xyz")
    assert describe(config)[1]["vocabulary"]["characters"] == "".join(LETTERS)
    del config["decoder"]["vocabulary"]
    assert describe(config)[1]["vocabulary"]["characters"] == "xyz"


@pytest.mark.parametrize(
    ("length", "seconds", "multiple"), [(128, 1.0, 32), (101, 1.0, 101), (140, 1.0, 140), (64, 0.63, 32)]
)
def test_clips_are_filled_up_as_nemo_does(length: int, seconds: float, multiple: int, tmp_path: Path):
    path = changed(MATCHBOXNET, tmp_path, {"crop_or_pad_augment.audio_length": length})
    model = nemo.read(path).model
    description = model.describe()
    assert description["clip_seconds"] == seconds
    assert description["features"]["pad_multiple"] == multiple
    assert model.hear(torch.zeros(1, round(16000 * seconds))).shape == (1, length, 64)


# --- what is refused ---

WRONG: list[tuple[Path, str, Any, str]] = [
    (QUARTZNET, "preprocessor", ABSENT, "preprocessor: expected a mapping of settings"),
    (QUARTZNET, "encoder", [1], "encoder: expected a mapping of settings"),
    (
        QUARTZNET,
        "decoder._target_",
        f"{MODULES}.RNNTDecoder",
        "neither QuartzNet nor MatchboxNet: made of AudioToMelSpectrogramPreprocessor, ConvASREncoder, RNNT",
    ),
    (
        QUARTZNET,
        "encoder._target_",
        ABSENT,
        "neither QuartzNet nor MatchboxNet: made of AudioToMelSpectrogramPreprocessor, None, ConvASRDecoder",
    ),
    (
        QUARTZNET,
        "tokenizer",
        {"type": "bpe"},
        "tokenizer: its tokens are pieces of words; only models of characters",
    ),
    (QUARTZNET, "sample_rate", 8000, "sample_rate=8000: its front end is for 16000"),
    (
        QUARTZNET,
        "preprocessor.window",
        "hamming",
        "preprocessor.window=hamming: only hann can be represented here",
    ),
    (
        QUARTZNET,
        "preprocessor.normalize",
        None,
        "preprocessor.normalize=null: only per_feature can be represented",
    ),
    (
        QUARTZNET,
        "preprocessor.frame_splicing",
        3,
        "preprocessor.frame_splicing=3: only 1 can be represented here",
    ),
    (
        QUARTZNET,
        "preprocessor.exact_pad",
        True,
        "preprocessor.exact_pad=true: only false can be represented here",
    ),
    (QUARTZNET, "preprocessor.lowfreq", 60, "preprocessor.lowfreq=60: only 0 can be represented here"),
    (
        QUARTZNET,
        "preprocessor.highfreq",
        7600,
        "preprocessor.highfreq=7600: only half the sample rate, 8000, can be",
    ),
    (
        QUARTZNET,
        "preprocessor.features",
        "many",
        "preprocessor.features=many: expected a whole number from 1 to",
    ),
    (QUARTZNET, "preprocessor.features", 80, "encoder.feat_in=64: its front end gives 80 channels"),
    (
        QUARTZNET,
        "preprocessor.preemph",
        "much",
        "preprocessor.preemph=much: expected a number from 0 to 1,048,576",
    ),
    (
        QUARTZNET,
        "preprocessor.log_zero_guard_value",
        "tiny",
        "preprocessor.log_zero_guard_value=tiny: expected a number",
    ),
    (QUARTZNET, "preprocessor.window_size", 30, "preprocessor.window_size=30: expected a part of a second"),
    (QUARTZNET, "preprocessor.n_fft", 256, "features: hop and window are 160 and 320 samples at 16000 Hz"),
    (QUARTZNET, "preprocessor.surprise", 1, "preprocessor.surprise=1: a setting that is not known here"),
    (QUARTZNET, "encoder.conv_mask", False, "encoder.conv_mask=false: only true can be represented here"),
    (QUARTZNET, "encoder.activation", "swish", "encoder.activation=swish: only relu can be represented here"),
    (QUARTZNET, "encoder.normalization_mode", "layer", "encoder.normalization_mode=layer: only batch can be"),
    (QUARTZNET, "encoder.feat_in", ABSENT, "encoder.feat_in: is not there; expected a whole number"),
    (QUARTZNET, "encoder.jasper", [], "encoder.jasper: expected a list of 4 layers or more"),
    (QUARTZNET, "encoder.jasper.2", 3, "encoder.jasper[2]: expected a mapping of settings"),
    (QUARTZNET, "encoder.jasper.3.se", True, "encoder.jasper[3].se=true: only false can be represented here"),
    (QUARTZNET, "encoder.jasper.3.groups", 2, "encoder.jasper[3].groups=2: only 1 can be represented here"),
    (QUARTZNET, "encoder.jasper.3.future_context", 4, "encoder.jasper[3].future_context=4: only -1 can be"),
    (QUARTZNET, "encoder.jasper.3.surprise", "x" * 99, "encoder.jasper[3].surprise=xxxx"),
    (QUARTZNET, "encoder.jasper.0.stride", [1], "encoder.jasper[0].stride=1: QuartzNet has 2 there"),
    (QUARTZNET, "encoder.jasper.3.stride", [2], "encoder.jasper[3].stride=2: QuartzNet has 1 there"),
    (QUARTZNET, "encoder.jasper.3.repeat", 3, "encoder.jasper[3].repeat=3: QuartzNet has 2 there"),
    (
        QUARTZNET,
        "encoder.jasper.3.repeat",
        0,
        "encoder.jasper[3].repeat=0: expected a whole number from 1 to",
    ),
    (
        QUARTZNET,
        "encoder.jasper.3.residual",
        False,
        "encoder.jasper[3].residual=false: QuartzNet has true there",
    ),
    (QUARTZNET, "encoder.jasper.3.residual", "yes", "encoder.jasper[3].residual=yes: expected true or false"),
    (QUARTZNET, "encoder.jasper.3.dropout", 0.2, "encoder.jasper[3].dropout=0.2: QuartzNet has 0.0 there"),
    (QUARTZNET, "encoder.jasper.6.dilation", [1], "encoder.jasper[6].dilation=1: QuartzNet has 2 there"),
    (
        QUARTZNET,
        "encoder.jasper.7.separable",
        True,
        "encoder.jasper[7].separable=true: QuartzNet has false there",
    ),
    (QUARTZNET, "decoder.feat_in", 64, "decoder.feat_in=64: its encoder ends in 32 channels"),
    (QUARTZNET, "decoder.add_blank", False, "decoder.add_blank=false: only true can be represented here"),
    (QUARTZNET, "decoder.vocabulary", [], "decoder.vocabulary=[]: expected a list of texts"),
    (
        QUARTZNET,
        "decoder.vocabulary.2",
        True,
        "decoder.vocabulary[2]=true: expected a text; put it in quotes",
    ),
    (QUARTZNET, "decoder.vocabulary.2", "a", "decoder.vocabulary[2]='a': is there twice"),
    (
        QUARTZNET,
        "decoder.vocabulary.2",
        "the",
        "its vocabulary has 'the'; only single characters can be read",
    ),
    (
        MATCHBOXNET,
        "preprocessor.n_mfcc",
        40,
        "preprocessor.n_mfcc=40: only as many as n_mels, 64, can be represented",
    ),
    (MATCHBOXNET, "preprocessor.log", False, "preprocessor.log=false: only true can be represented here"),
    (MATCHBOXNET, "crop_or_pad_augment", None, "crop_or_pad_augment: expected a mapping of settings"),
    (
        MATCHBOXNET,
        "crop_or_pad_augment.audio_length",
        1,
        "crop_or_pad_augment.audio_length=1: too short for a word",
    ),
    (MATCHBOXNET, "encoder.jasper.2.kernel", [13], "encoder.jasper[2].kernel=13: MatchboxNet has 15 there"),
    (MATCHBOXNET, "encoder.jasper.2.filters", 20, "encoder.jasper[2].filters=20: MatchboxNet has 16 there"),
    (MATCHBOXNET, "encoder.jasper.5.filters", 64, "encoder.jasper[5].filters=64: MatchboxNet has 32 there"),
    (
        MATCHBOXNET,
        "decoder.pooling_type",
        "max",
        "decoder.pooling_type=max: only avg can be represented here",
    ),
    (MATCHBOXNET, "labels", ABSENT, "model.labels: is not there; expected a list of texts"),
    (MATCHBOXNET, "labels.1", False, "model.labels[1]=false: expected a text; put it in quotes"),
    (MATCHBOXNET, "labels.1", "yes", "model.labels[4]='yes': is there twice"),
]


@pytest.mark.parametrize(("source", "place", "value", "message"), WRONG)
def test_what_ours_cannot_represent(source: Path, place: str, value: Any, message: str, tmp_path: Path):
    path = changed(source, tmp_path, {place: value})
    with pytest.raises(UserError) as caught:
        nemo.read(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_rounding_that_a_keyword_model_has_no_use_for():
    with pytest.raises(UserError, match=r"^rounding=ceil: of no use for MatchboxNet; leave it out$"):
        describe(config_of(MATCHBOXNET), "ceil")


def test_a_long_value_is_cut_short(tmp_path: Path):
    path = changed(QUARTZNET, tmp_path, {"preprocessor.window": "x" * 999})
    with pytest.raises(UserError) as caught:
        nemo.read(path)
    assert f"window={'x' * 77}...: only hann" in str(caught.value)
