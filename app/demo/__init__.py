"""Cameras to try the system with: an RTSP server that loops files, and generated streets with cars."""
