"""Models, sessions, batches, decoders and the recognisers made of them. Pure: arrays in, detections out."""
