"""Trained models as files: safetensors and a description in plain JSON, never pickled code."""
