"""Whose passage is it? Aggregation, exact search, and the rule that decides. Pure: imports core only."""
