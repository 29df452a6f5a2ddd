"""MatchboxNet-3x1x64 out of NeMo's own classes, for the scripts here that run where NeMo is."""

from typing import Any

from nemo.collections.asr.modules import (
    AudioToMFCCPreprocessor,
    ConvASRDecoderClassification,
    ConvASREncoder,
    CropOrPadSpectrogramAugmentation,
    SpectrogramAugmentation,
)

CLASSES = 30


def front_end() -> AudioToMFCCPreprocessor:
    """Waveforms ``(B, samples)`` at 16 kHz to cepstra ``(B, 64, T)``."""
    return AudioToMFCCPreprocessor(
        window_size=0.025, window_stride=0.01, window="hann", n_mels=64, n_mfcc=64, n_fft=512
    )


def padding() -> CropOrPadSpectrogramAugmentation:
    """Cepstra centred in 128 frames, all of which count as valid from there on."""
    return CropOrPadSpectrogramAugmentation(audio_length=128)


def masks() -> SpectrogramAugmentation:
    """The recipe's cut-outs, time masks and frequency masks."""
    return SpectrogramAugmentation(
        freq_masks=2, time_masks=2, freq_width=15, time_width=25, rect_masks=5, rect_freq=15, rect_time=25
    )


def encoder() -> ConvASREncoder:
    """Cepstra ``(B, 64, T)`` to ``(B, 128, T)``."""
    layers = [_block(128, 11)]
    layers += [_block(64, kernel, residual=True) for kernel in (13, 15, 17)]
    layers += [_block(128, 29, dilation=2), _block(128, 1, separable=False)]
    return ConvASREncoder(jasper=layers, activation="relu", feat_in=64, conv_mask=True)


def decoder() -> ConvASRDecoderClassification:
    """The mean over all frames, and the classifier."""
    return ConvASRDecoderClassification(feat_in=128, num_classes=CLASSES)


def _block(
    filters: int, kernel: int, dilation: int = 1, residual: bool = False, separable: bool = True
) -> dict[str, Any]:
    return {
        "filters": filters,
        "repeat": 1,
        "kernel": [kernel],
        "stride": [1],
        "dilation": [dilation],
        "dropout": 0.0,
        "residual": residual,
        "separable": separable,
        "kernel_size_factor": 1.0,
    }
