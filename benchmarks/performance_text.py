"""What docs/performance.md says around the figures."""

from __future__ import annotations

HEAD = """# Performance

Written by `python -m benchmarks.performance` from what `make bench-all` left in `benchmarks/results/`: `make bench`
(speed, three quarters of an hour), `make bench-hundred` (a hundred cameras) and `make bench-soak` (the same, longer).
Ratios are taken within one run; the machine shares its host with others, so absolute times vary by a fifth.
**A plus behind a commit**: the tree had changes that were not committed yet.

"""
TAIL = """
## Machine
{machines}

## A hundred cameras
100 RTSP cameras of 640x360, 15 frames/s, a key frame every 2 s, all recorded, persons by yolox_nano_416 asked once a
second (`reid`); a third of them shows people who walk at any time. The cameras' server runs on the same two cores.

{hundred}

The motion gate is open for longer than the third of the time in which somebody walks: the place that somebody left
counts as motion until the background has followed, here for some 8 s, and the gate stays open for 5 s more. Asked is
one frame a second of each camera; due is what the cameras gave. `still` was held back by the gate, `superseded` gave
way to a newer frame of its camera. Unaccounted is what is due less all of which a counter tells; the frames under way
at the start and at the end differ, and count there, too.

With motion in all of them at once, more than two cores can do, every camera gets the same share:

{all_moving}

## Soak
The same hundred cameras for half an hour (`make bench-soak`): does anything grow?

{soak}

What may grow, and how far: the frames worker's threads and the memory of its models, up to the largest batch
(`CAMREC_MAX_BATCH`); SQLite's page cache, 2 MB for each connection, 30 connections a process at most; the gallery in
the events worker, about 4 KB a sighting until `CAMREC_REID_DAYS` are over (none with pgvector). The frame store is
shared memory and bounded by `CAMREC_FRAME_MEMORY`; it is not counted as a process's own. A camera's decoder keeps as
many pictures as its stream refers to, 0.37 MB each at 640x360, some of them only from the first lost packet on.

## Against the usual way
A thread for each camera with `cv2.VideoCapture`, every frame decoded and encoded as JPEG, eight writes to Redis for
each, one model call for one frame (`benchmarks/baseline`), on the same cores with the same model, which gets every
frame, or one a second of each camera. Held: every camera reaches 0.9 of that, and p99 of the age of frames is below
5 s. Nothing is recorded but by camrec. The usual way costs the same whether anything moves or not.

{baseline}

## Fan-out
Simulated cameras, which send 0.25 frames a second each, through frame store, Redis and real workers. Cost above that of
an empty installation = a · cameras^b:

{fanout}

## Capture
CPU of a whole shard for a second of a stream of 640x360 at 15 frames/s, with a key frame every 2 s:

{capture}

## Models and batches
A real frames worker whose queue is kept just full, from token and frame store to the observation in Redis, and the bare
loop of `session.run` over the same inputs, in batches of the same size, in a thread for each core, in turns. What feeds
the worker runs on the same cores and takes its share of the frames/s; the ratio of CPU (of worker and Redis) leaves it
out and hardly suffers from what else the machine does:

{pipeline}

The rest of the worker is the way, tokens, messages and observations, and the JPEG of every frame that shows somebody,
which an event's snapshot may need (about 0.4 ms at 640x360). It does not grow with the model: the cheaper the model,
the further below 1 the ratio. In batches of one each frame asks Redis by itself; `CAMREC_MAX_BATCH` is 8 by default.

Recognisers alone, without queue and Redis, one thread, frames or clips a second of processor time beside their models
on the same inputs. What `violence` takes beside its models is dense optical flow over the pictures of a clip, on which
its model's features rest:

{recognisers}

## Latency
{latency}

Beyond capacity no queue grows: each camera has one token, so a frame waits for as long as all cameras take one turn,
cameras / capacity.

## Not measured
- GPU: none was at hand. Nothing here says how many cameras a GPU holds.
{missing}"""
