"""Models: what recognises."""
