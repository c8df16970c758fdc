"""Decoders: raw model outputs to boxes, corners and text. One file for each export format."""
