"""What happened on the cameras."""
