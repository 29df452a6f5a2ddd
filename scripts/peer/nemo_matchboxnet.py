"""MatchboxNet-3x1x64 out of NeMo's own classes, for the scripts here that run where NeMo is."""

from nemo.collections.asr.modules import (
    AudioToMFCCPreprocessor,
    ConvASRDecoderClassification,
    ConvASREncoder,
    CropOrPadSpectrogramAugmentation,
    SpectrogramAugmentation,
)
from nemo_block import block

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
    layers = [block(128, 11)]
    layers += [block(64, kernel, residual=True) for kernel in (13, 15, 17)]
    layers += [block(128, 29, dilation=2), block(128, 1, separable=False)]
    return ConvASREncoder(jasper=layers, activation="relu", feat_in=64, conv_mask=True)


def decoder() -> ConvASRDecoderClassification:
    """The mean over all frames, and the classifier."""
    return ConvASRDecoderClassification(feat_in=128, num_classes=CLASSES)
