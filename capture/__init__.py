"""Long-lived processes that watch cameras: they read streams, sample frames and hand them on."""
