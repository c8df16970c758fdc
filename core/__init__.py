"""The lowest room: the words of the design as plain types, settings, logging and the Redis connection."""
