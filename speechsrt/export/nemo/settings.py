"""From a ``model_config.yaml`` of NeMo's to the description of a QuartzNet or MatchboxNet of ours.

NeMo builds far more from such a file than these two networks. So every setting that shapes sound or network
is either taken over or held against the one value that ours stands for, and one not listed is refused by its
name rather than passed over. What matters in training only (dither, initial weights) is let by.
"""

import math
from typing import Any, Literal

from speechsrt.errors import UserError
from speechsrt.export.nemo.layers import matchboxnet, quartznet, read_layers
from speechsrt.export.nemo.section import Section

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
MFCC_LOG_OFFSET = 1e-6
"""Torchaudio's, which NeMo uses there; its files do not tell it."""
FRAMING = {"_target_", "sample_rate", "n_fft", "highfreq"} | {
    f"{unit}window_{what}" for unit in ("", "n_") for what in ("size", "stride")
}
WITHOUT_EFFECT = {
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
"""Of the mel front end: for training, for padding that masks take away, or no longer heeded by NeMo."""


def describe(config: Node, rounding: Rounding | None = None) -> tuple[str, Node]:
    """Return the task of NeMo's model, and the description from which ours is built.

    Args:
        config: what ``model_config.yaml`` holds.
        rounding: of samples to frames in QuartzNet's front end, ``floor`` where left out.

    Raises:
        UserError: the model is neither network, or has a setting that ours lacks.
    """
    front, encoder, decoder = (_part(config, key) for key in ("preprocessor", "encoder", "decoder"))
    targets = [str(part.values.get("_target_")).rpartition(".")[2] for part in (front, encoder, decoder)]
    if targets == ["AudioToMelSpectrogramPreprocessor", "ConvASREncoder", "ConvASRDecoder"]:
        return "ctc", _recogniser(config, front, encoder, decoder, rounding or "floor")
    if targets == ["AudioToMFCCPreprocessor", "ConvASREncoder", "ConvASRDecoderClassification"]:
        if rounding is not None:
            raise UserError(f"rounding={rounding}: of no use for MatchboxNet; leave it out")
        return "keyword", _keyword_model(config, front, encoder, decoder)
    raise UserError(f"neither QuartzNet nor MatchboxNet: made of {', '.join(targets)}")


def _part(config: Node, key: str) -> Section:
    """Return a section of the file; what NeMo before 1.0 wrote as ``cls`` and ``params`` as later ones do."""
    values = config.get(key)
    if isinstance(values, dict) and "cls" in values:
        values = {"_target_": values["cls"]} | (values.get("params") or {})
    return Section(key, values)


def _recogniser(config: Node, front: Section, encoder: Section, decoder: Section, rounding: Rounding) -> Node:
    if config.get("tokenizer") is not None:
        raise UserError("tokenizer: its tokens are pieces of words; only models of characters can be read")
    features = _mel(front, rounding)
    _check_rate(config, features)
    network = quartznet(read_layers(encoder, features["channels"]))
    _check_decoder(decoder, network["last"], {"add_blank": True}, {"vocabulary"})
    characters = (
        decoder.texts("vocabulary") if "vocabulary" in decoder else Section("model", config).texts("labels")
    )
    if longer := next((text for text in characters if len(text) != 1), None):
        raise UserError(f"its vocabulary has {longer!r}; only single characters can be read")
    node = {"_target_": "speechsrt.text.characters.Characters", "characters": "".join(characters)}
    return {"features": features, "network": network, "vocabulary": node}


def _keyword_model(config: Node, front: Section, encoder: Section, decoder: Section) -> Node:
    features = _mfcc(front)
    _check_rate(config, features)
    clip_seconds, features["pad_multiple"] = _padding(_part(config, "crop_or_pad_augment"), features)
    network = matchboxnet(read_layers(encoder, features["channels"]))
    _check_decoder(decoder, network["wide"], {"pooling_type": "avg"}, {"return_logits"})
    labels = Section("model", config).texts("labels")
    return {"features": features, "network": network, "labels": labels, "clip_seconds": clip_seconds}


def _check_rate(config: Node, features: Node) -> None:
    rate = config.get("sample_rate", features["sample_rate"])
    if rate != features["sample_rate"]:
        raise UserError(f"sample_rate={rate}: its front end is for {features['sample_rate']}")


def _check_decoder(decoder: Section, width: int, fixed: Node, others: set[str]) -> None:
    decoder.hold(fixed, others | {"_target_", "feat_in", "num_classes", "init_mode"})
    if "feat_in" in decoder and decoder.whole("feat_in") != width:
        raise decoder.refused("feat_in", f"its encoder ends in {width} channels")


def _mel(front: Section, rounding: Rounding) -> Node:
    front.hold(MEL, FRAMING | WITHOUT_EFFECT | {"features", "preemph", "log_zero_guard_value"})
    unfiltered = "preemph" in front.values and "preemph" not in front
    return {
        "_target_": "speechsrt.audio.normalised.NormalisedMel",
        "channels": front.whole("features", 64),
        **_framing(front),
        "preemphasis": 0.0 if unfiltered else front.number("preemph", 0.97),
        "log_offset": front.number("log_zero_guard_value", 2.0**-24),
        "rounding": rounding,
    }


def _mfcc(front: Section) -> Node:
    front.hold(MFCC, FRAMING | {"n_mels", "n_mfcc"})
    channels = front.whole("n_mels", 64)
    if front.whole("n_mfcc", 64) != channels:
        raise front.refused("n_mfcc", f"only as many as n_mels, {channels}, can be represented here")
    node = {"_target_": "speechsrt.audio.features.Mfcc", "channels": channels, **_framing(front)}
    return node | {"log_offset": MFCC_LOG_OFFSET}


def _framing(front: Section) -> Node:
    """Return the settings that both front ends have."""
    rate = front.whole("sample_rate", 16000)
    if "highfreq" in front and front.number("highfreq", 0.0) != rate / 2:
        raise front.refused("highfreq", f"only half the sample rate, {rate / 2:g}, can be represented here")
    window, hop = _samples(front, "window_size", 0.02, rate), _samples(front, "window_stride", 0.01, rate)
    n_fft = front.whole("n_fft") if "n_fft" in front else 2 ** math.ceil(math.log2(window))
    return {"sample_rate": rate, "window_seconds": window / rate, "hop_seconds": hop / rate, "n_fft": n_fft}


def _samples(front: Section, key: str, default: float, rate: int) -> int:
    """Return a length in samples: told in seconds, where NeMo leaves a broken sample out, or as n_KEY."""
    if key in front.values and key not in front:
        return front.whole(f"n_{key}")
    samples = int(front.number(key, default) * rate)
    if not 0 < samples <= rate:
        raise front.refused(key, "expected a part of a second")
    return samples


def _padding(section: Section, features: Node) -> tuple[float, int]:
    """Return a clip's seconds, and the number of which its frames, as NeMo fills them up, are a multiple."""
    length = section.whole("audio_length")
    if length < 2:
        raise section.refused("audio_length", "too short for a word")
    hop = round(features["hop_seconds"] * features["sample_rate"])
    samples = min(int(CLIP_SECONDS * features["sample_rate"]), (length - 1) * hop)
    frames = samples // hop + 1
    usual = -(-frames // FRAMES_MULTIPLE) * FRAMES_MULTIPLE == length
    return samples / features["sample_rate"], FRAMES_MULTIPLE if usual else length
