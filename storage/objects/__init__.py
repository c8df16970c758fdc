"""Object storage: copies of clips, pictures of events and old recordings in an S3-compatible bucket."""
