"""From the ``model_config.yaml`` of NeMo's QuartzNet and MatchboxNet to the description of a model of ours.

NeMo builds far more from such a file than these two networks. So every setting that shapes sound or network is
either taken over or held against the one value that ours stands for, and one not listed here is refused by
its name rather than passed over. What matters in training only (dither, initial weights) is let by.
"""

import math
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from speechsrt.errors import UserError
from speechsrt.export.section import Section

Rounding = Literal["floor", "floor_plus_one", "ceil"]
Node = dict[str, Any]

CLIP_SECONDS = 1.0
"""Length of a keyword's clip: NeMo's file does not tell it, its recipe does."""
FRAMES_MULTIPLE = 32
"""What our recipe pads a clip's frames to a multiple of: a second's 101 become NeMo's 128."""

MEL = {
    "window": "hann",
    "normalize": "per_feature",
    "lowfreq": 0,
    "log": True,
    "log_zero_guard_type": "add",
    "frame_splicing": 1,
    "exact_pad": False,
    "mag_power": 2,
    "mel_norm": "slaney",
}
MFCC = {"window": "hann", "lowfreq": 0, "dct_type": 2, "norm": "ortho", "log": True}
ENCODER = {
    "activation": "relu",
    "normalization_mode": "batch",
    "residual_mode": "add",
    "conv_mask": True,
    "frame_splicing": 1,
    "quantize": False,
}
LAYER = {
    "groups": 1,
    "heads": -1,
    "residual_mode": "add",
    "residual_dense": False,
    "se": False,
    "future_context": -1,
}

FRAMING = {
    "_target_",
    "sample_rate",
    "window_size",
    "window_stride",
    "n_window_size",
    "n_window_stride",
    "n_fft",
    "highfreq",
}
IDLE_IN_MEL = {
    "dither",
    "pad_to",
    "pad_value",
    "rng",
    "nb_augmentation_prob",
    "nb_max_freq",
    "use_torchaudio",
    "stft_conv",
    "stft_exact_pad",
}
"""For training, for padding that the masks take away, or without effect in NeMo itself."""
IDLE_IN_LAYER = {"stride_last", "se_reduction_ratio", "se_context_size", "se_interpolation_mode"}
"""Without effect on a layer as `Layer` and the two networks have it."""


@dataclass(frozen=True)
class Layer:
    """An entry of ``encoder.jasper``: `repeat` convolutions with normalisation, one after another."""

    filters: int
    repeat: int
    kernel: int
    stride: int
    dilation: int
    residual: bool
    separable: bool
    dropout: float


def describe(config: Node, rounding: Rounding | None = None) -> tuple[str, Node]:
    """Return the task of NeMo's model, and the description from which ours is built.

    Args:
        config: what ``model_config.yaml`` holds.
        rounding: of samples to frames in QuartzNet's front end, ``floor`` where left out.

    Raises:
        UserError: the model is neither network, or has a setting that ours lacks.
    """
    config = config["model"] if isinstance(config.get("model"), dict) else config
    front, encoder, decoder = (_part(config, key) for key in ("preprocessor", "encoder", "decoder"))
    targets = [str(part.values.get("_target_")).rpartition(".")[2] for part in (front, encoder, decoder)]
    if targets == ["AudioToMelSpectrogramPreprocessor", "ConvASREncoder", "ConvASRDecoder"]:
        return "ctc", _recogniser(config, front, encoder, decoder, rounding or "floor")
    if targets == ["AudioToMFCCPreprocessor", "ConvASREncoder", "ConvASRDecoderClassification"]:
        if rounding is not None:
            raise UserError(f"rounding={rounding}: of no use for MatchboxNet; leave it out")
        return "keyword", _keyword_model(config, front, encoder, decoder)
    raise UserError(f"neither QuartzNet nor MatchboxNet: it is made of {', '.join(targets)}")


def _part(config: Node, key: str) -> Section:
    """Return a section of the file, also where it is written as NeMo before 1.0 did, as `cls` and `params`."""
    values = config.get(key)
    if isinstance(values, dict) and "cls" in values:
        values = {"_target_": values["cls"]} | (values.get("params") or {})
    return Section(key, values)


def _recogniser(config: Node, front: Section, encoder: Section, decoder: Section, rounding: Rounding) -> Node:
    if config.get("tokenizer") is not None:
        raise UserError("tokenizer: its tokens are pieces of words; only models of characters can be read")
    features = _mel(front, rounding)
    _check_rate(config, features)
    network = _quartznet(_layers(encoder, features["channels"]))
    _check_decoder(decoder, network["last"], {"add_blank": True}, {"vocabulary"})
    section, key = (
        (decoder, "vocabulary") if "vocabulary" in decoder else (Section("model", config), "labels")
    )
    characters = section.texts(key)
    if longer := next((text for text in characters if len(text) != 1), None):
        raise UserError(
            f"{section.place}.{key}: {longer!r} is not one character; only characters can be read"
        )
    node = {"_target_": "speechsrt.text.characters.Characters", "characters": "".join(characters)}
    return {"features": features, "network": network, "vocabulary": node}


def _keyword_model(config: Node, front: Section, encoder: Section, decoder: Section) -> Node:
    features = _mfcc(front)
    _check_rate(config, features)
    clip_seconds, features["pad_multiple"] = _padded(_part(config, "crop_or_pad_augment"), features)
    network = _matchboxnet(_layers(encoder, features["channels"]))
    _check_decoder(decoder, network["wide"], {"pooling_type": "avg"}, {"return_logits"})
    labels = Section("model", config).texts("labels")
    return {"features": features, "network": network, "labels": labels, "clip_seconds": clip_seconds}


def _check_rate(config: Node, features: Node) -> None:
    rate = config.get("sample_rate", features["sample_rate"])
    if rate != features["sample_rate"]:
        raise UserError(f"sample_rate={rate}: the front end is for {features['sample_rate']}")


def _check_decoder(decoder: Section, width: int, fixed: Node, others: set[str]) -> None:
    decoder.hold(fixed, others | {"_target_", "feat_in", "num_classes", "init_mode"})
    if "feat_in" in decoder and decoder.whole("feat_in") != width:
        raise decoder.refused("feat_in", f"the encoder ends in {width} channels")


def _mel(front: Section, rounding: Rounding) -> Node:
    front.hold(MEL, FRAMING | IDLE_IN_MEL | {"features", "preemph", "log_zero_guard_value"})
    plain = "preemph" in front.values and "preemph" not in front
    return {
        "_target_": "speechsrt.audio.normalised.NormalisedMel",
        "channels": front.whole("features", 64),
        **_framing(front),
        "preemphasis": 0.0 if plain else front.number("preemph", 0.97),
        "log_offset": front.number("log_zero_guard_value", 2.0**-24),
        "rounding": rounding,
    }


def _mfcc(front: Section) -> Node:
    front.hold(MFCC, FRAMING | {"n_mels", "n_mfcc"})
    channels = front.whole("n_mels", 64)
    if front.whole("n_mfcc", 64) != channels:
        raise front.refused("n_mfcc", f"only as many as n_mels, {channels}, can be represented here")
    return {"_target_": "speechsrt.audio.features.Mfcc", "channels": channels, **_framing(front)}


def _framing(front: Section) -> Node:
    """Return the settings that both front ends have. NeMo cuts off what of a window is no whole sample."""
    rate = front.whole("sample_rate", 16000)
    if "highfreq" in front and front.number("highfreq", 0.0) != rate / 2:
        raise front.refused("highfreq", f"only half the sample rate, {rate / 2:g}, can be represented here")
    window, hop = (
        _samples(front, *length, rate) for length in (("window_size", 0.02), ("window_stride", 0.01))
    )
    n_fft = front.whole("n_fft") if "n_fft" in front else 2 ** math.ceil(math.log2(window))
    return {"sample_rate": rate, "window_seconds": window / rate, "hop_seconds": hop / rate, "n_fft": n_fft}


def _samples(front: Section, key: str, default: float, rate: int) -> int:
    """Return a length in samples, which a file tells in seconds or, with an ``n_`` before its name, in samples."""
    if key in front.values and key not in front:
        return front.whole(f"n_{key}")
    samples = int(front.number(key, default) * rate)
    if not 0 < samples <= rate:
        raise front.refused(key, "expected a part of a second")
    return samples


def _padded(section: Section, features: Node) -> tuple[float, int]:
    """Return a clip's seconds, and of what number a multiple of frames is as many as NeMo fills it up to."""
    length = section.whole("audio_length")
    if length < 2:
        raise section.refused("audio_length", "too short for any word")
    hop = features["hop_seconds"]
    seconds = min(CLIP_SECONDS, (length - 1) * hop)
    frames = int(seconds / hop + 1e-6) + 1
    as_usual = -(-frames // FRAMES_MULTIPLE) * FRAMES_MULTIPLE == length
    return seconds, FRAMES_MULTIPLE if as_usual else length


def _layers(encoder: Section, channels: int) -> list[Layer]:
    encoder.hold(ENCODER, {"_target_", "feat_in", "jasper", "init_mode", "norm_groups"})
    if encoder.whole("feat_in") != channels:
        raise encoder.refused("feat_in", f"the front end gives {channels} channels")
    entries = encoder.values.get("jasper")
    if not isinstance(entries, list) or len(entries) < 4:
        raise UserError("encoder.jasper: expected a list of four layers or more")
    return [_layer(Section(f"encoder.jasper[{number}]", entry)) for number, entry in enumerate(entries)]


def _layer(section: Section) -> Layer:
    read = {"filters", "repeat", "kernel", "kernel_size_factor", "stride", "dilation"}
    section.hold(LAYER, read | {"residual", "separable", "dropout"} | IDLE_IN_LAYER)
    kernel = max(1, int(section.whole("kernel") * section.number("kernel_size_factor", 1.0)))
    return Layer(
        filters=section.whole("filters"),
        repeat=section.whole("repeat"),
        kernel=kernel + 1 - kernel % 2,
        stride=section.whole("stride"),
        dilation=section.whole("dilation"),
        residual=section.flag("residual", True),
        separable=section.flag("separable", False),
        dropout=section.number("dropout", 0.0),
    )


def _quartznet(layers: list[Layer]) -> Node:
    first, *blocks, wide, last = layers
    plain = {"repeat": 1, "residual": False, "dropout": first.dropout}
    wanted = [{"stride": 2, "dilation": 1, "separable": True, **plain}]
    wanted += [
        {"repeat": blocks[0].repeat, "stride": 1, "dilation": 1, "residual": True, "separable": True}
        | {"dropout": first.dropout}
        for _ in blocks
    ]
    wanted.append({"stride": 1, "dilation": 2, "separable": True, **plain})
    wanted.append({"stride": 1, "dilation": 1, "separable": False, "kernel": 1, **plain})
    _match("QuartzNet", layers, wanted)
    groups = [(shape, len(list(same))) for shape, same in groupby((b.filters, b.kernel) for b in blocks)]
    repeat = math.gcd(*(count for _, count in groups))
    shapes = [shape for shape, count in groups for _ in range(count // repeat)]
    return {
        "_target_": "speechsrt.models.quartznet.QuartzNet",
        "channels": [filters for filters, _ in shapes],
        "kernels": [kernel for _, kernel in shapes],
        "repeat": repeat,
        "sub_blocks": blocks[0].repeat,
        "first": first.filters,
        "first_kernel": first.kernel,
        "wide": wide.filters,
        "wide_kernel": wide.kernel,
        "last": last.filters,
        "dropout": first.dropout,
    }


def _matchboxnet(layers: list[Layer]) -> Node:
    first, *blocks, _, _ = layers
    everywhere = {"stride": 1, "dropout": first.dropout}
    plain = {"filters": first.filters, "repeat": 1, "residual": False, **everywhere}
    block = {"filters": blocks[0].filters, "repeat": blocks[0].repeat, "residual": True, **everywhere}
    wanted = [{"kernel": 11, "dilation": 1, "separable": True, **plain}]
    wanted += [
        {"kernel": 13 + 2 * number, "dilation": 1, "separable": True, **block}
        for number in range(len(blocks))
    ]
    wanted.append({"kernel": 29, "dilation": 2, "separable": True, **plain})
    wanted.append({"kernel": 1, "dilation": 1, "separable": False, **plain})
    _match("MatchboxNet", layers, wanted)
    return {
        "_target_": "speechsrt.models.matchboxnet.MatchboxNet",
        "blocks": len(blocks),
        "sub_blocks": blocks[0].repeat,
        "channels": blocks[0].filters,
        "wide": first.filters,
        "dropout": first.dropout,
    }


def _match(network: str, layers: list[Layer], wanted: list[Node]) -> None:
    """Raise a UserError for the first setting of a layer that a network does not have there."""
    for number, (layer, settings) in enumerate(zip(layers, wanted, strict=True)):
        for key, value in settings.items():
            if getattr(layer, key) != value:
                raise UserError(
                    f"encoder.jasper[{number}].{key}={getattr(layer, key)}: {network} has {value} there"
                )
