"""What was recorded: playlists, segments, time line."""
