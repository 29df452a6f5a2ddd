"""Whole models of NeMo, of configurations like those it publishes, for scripts that run where NeMo is."""

from typing import Any

from nemo.collections.asr.models import EncDecClassificationModel, EncDecCTCModel
from nemo_block import block
from omegaconf import OmegaConf

MODULES = "nemo.collections.asr.modules"
KERNELS = (33, 39, 51, 63, 75)
CHARACTERS = [" ", *"abcdefghijklmnopqrstuvwxyz", "'"]
NOVOGRAD = {"name": "novograd", "lr": 0.01, "betas": [0.95, 0.5], "weight_decay": 0.001}
Settings = dict[str, Any]


def quartznet(
    channels: tuple[int, ...] = (256, 256, 512, 512, 512),
    repeat: int = 1,
    sub_blocks: int = 5,
    first: int = 256,
    wide: int = 512,
    last: int = 1024,
    characters: list[str] = CHARACTERS,
    **more: Any,
) -> EncDecCTCModel:
    """A QuartzNet; ``more`` goes into its configuration as it is (``train_ds``, for one)."""
    layers = [block(first, 33, stride=2)]
    for shape in zip(channels, KERNELS, strict=True):
        layers += [block(*shape, repeat=sub_blocks, residual=True)] * repeat
    layers += [block(wide, 87, dilation=2), block(last, 1, separable=False)]
    front = {
        "_target_": f"{MODULES}.AudioToMelSpectrogramPreprocessor",
        "normalize": "per_feature",
        "window_size": 0.02,
        "sample_rate": 16000,
        "window_stride": 0.01,
        "window": "hann",
        "features": 64,
        "n_fft": 512,
        "frame_splicing": 1,
        "dither": 1e-5,
    }
    head = {"_target_": f"{MODULES}.ConvASRDecoder", "feat_in": last, "num_classes": len(characters)}
    settings: Settings = {
        "sample_rate": 16000,
        "labels": characters,
        "preprocessor": front,
        "encoder": _encoder(layers),
        "decoder": {**head, "vocabulary": characters},
        "optim": NOVOGRAD,
    }
    return EncDecCTCModel(OmegaConf.create(settings | more))


def matchboxnet(
    labels: list[str], blocks: int = 3, sub_blocks: int = 1, channels: int = 64, wide: int = 128, **more: Any
) -> EncDecClassificationModel:
    """A MatchboxNet; ``more`` goes into its configuration as it is."""
    layers = [block(wide, 11)]
    layers += [block(channels, 13 + 2 * n, repeat=sub_blocks, residual=True) for n in range(blocks)]
    layers += [block(wide, 29, dilation=2), block(wide, 1, separable=False)]
    front = {
        "_target_": f"{MODULES}.AudioToMFCCPreprocessor",
        "window_size": 0.025,
        "window_stride": 0.01,
        "window": "hann",
        "n_mels": 64,
        "n_mfcc": 64,
        "n_fft": 512,
    }
    head = {
        "_target_": f"{MODULES}.ConvASRDecoderClassification",
        "feat_in": wide,
        "num_classes": len(labels),
    }
    padding = {"_target_": f"{MODULES}.CropOrPadSpectrogramAugmentation", "audio_length": 128}
    settings: Settings = {
        "sample_rate": 16000,
        "labels": labels,
        "preprocessor": front,
        "crop_or_pad_augment": padding,
        "encoder": _encoder(layers),
        "decoder": {**head, "return_logits": True, "pooling_type": "avg"},
        "optim": NOVOGRAD,
    }
    return EncDecClassificationModel(OmegaConf.create(settings | more))


def _encoder(layers: list[Settings]) -> Settings:
    return {
        "_target_": f"{MODULES}.ConvASREncoder",
        "feat_in": 64,
        "activation": "relu",
        "conv_mask": True,
        "jasper": layers,
    }
