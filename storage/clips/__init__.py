"""Clips: cut from recorded segments without re-encoding, with a signed manifest."""
