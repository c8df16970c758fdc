"""The way most people do it, to compare with: a thread for each camera, each frame decoded and encoded, small writes.

A process has a thread for each camera with ``cv2.VideoCapture``, which decodes every frame, encodes it as JPEG and
makes eight writes to Redis; workers, one for each core, take messages from one list and call the model with one frame
at a time. Written anew for this comparison after what tutorials and open projects do; in their favour, the model is
asked for one frame a second and not for all of them, each worker has one thread and does not fight for cores, and
nothing is recorded.
"""
