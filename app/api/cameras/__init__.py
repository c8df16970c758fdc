"""Cameras: what is configured, what they do now, what they show."""
