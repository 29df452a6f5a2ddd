"""QuartzNet-5x5 out of NeMo's own classes, for the scripts here that run where NeMo is."""

from nemo.collections.asr.losses.ctc import CTCLoss
from nemo.collections.asr.modules import (
    AudioToMelSpectrogramPreprocessor,
    ConvASRDecoder,
    ConvASREncoder,
    SpectrogramAugmentation,
)
from nemo.collections.asr.parts.submodules.ctc_decoding import CTCDecoding, CTCDecodingConfig
from nemo_block import block
from omegaconf import OmegaConf

CHANNELS, KERNELS, SUB_BLOCKS = (256, 256, 512, 512, 512), (33, 39, 51, 63, 75), 5


def front_end() -> AudioToMelSpectrogramPreprocessor:
    """Waveforms ``(B, samples)`` at 16 kHz to features ``(B, 64, T)``; in training with dither."""
    return AudioToMelSpectrogramPreprocessor(
        window_size=0.02, window_stride=0.01, window="hann", features=64, n_fft=512, dither=1e-5
    )


def masks() -> SpectrogramAugmentation:
    """The recipe's cut-outs."""
    return SpectrogramAugmentation(rect_masks=5, rect_time=120, rect_freq=50)


def encoder() -> ConvASREncoder:
    """Features ``(B, 64, T)`` to ``(B, 1024, T / 2)``."""
    layers = [block(256, 33, stride=2)]
    layers += [
        block(*shape, repeat=SUB_BLOCKS, residual=True) for shape in zip(CHANNELS, KERNELS, strict=True)
    ]
    layers += [block(512, 87, dilation=2), block(1024, 1, separable=False)]
    return ConvASREncoder(jasper=layers, activation="relu", feat_in=64, conv_mask=True)


def decoder(characters: str) -> ConvASRDecoder:
    """``(B, 1024, T)`` to log probabilities ``(B, T, characters + 1)``, the blank last."""
    return ConvASRDecoder(feat_in=1024, num_classes=len(characters), vocabulary=list(characters))


def loss(characters: str) -> CTCLoss:
    """The mean over utterances of their negative log-likelihoods, as NeMo's recognition models set it."""
    return CTCLoss(num_classes=len(characters), zero_infinity=True, reduction="mean_batch")


def decoding(characters: str) -> CTCDecoding:
    """From log probabilities to texts by NeMo's own defaults: the best path, a batch at a time."""
    return CTCDecoding(OmegaConf.structured(CTCDecodingConfig()), vocabulary=list(characters))
