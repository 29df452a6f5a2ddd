"""Corpora: each turns a folder of sound files into labelled clips, split into train, validation and test."""
