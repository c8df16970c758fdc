"""Plates that were read, and the site's lists of plates."""
