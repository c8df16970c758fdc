"""Lists of cameras from elsewhere: a source is read whole, checked whole, and only then stored."""
