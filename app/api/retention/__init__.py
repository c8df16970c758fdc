"""How long media stay: rules of single cameras, and locks."""
