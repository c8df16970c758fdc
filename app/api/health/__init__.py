"""Whether everything runs."""
