"""Where things are kept: database, frame store, media files."""
