"""The documentation of the API, served by itself."""
