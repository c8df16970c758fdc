"""Frames kept on disk."""
