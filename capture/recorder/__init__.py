"""Recording: packets of cameras, as they come, into files that are whole by themselves."""
