"""Who was seen."""
