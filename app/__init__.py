"""The room on top: the command line, the API, the supervisor and the demonstration."""
