"""Python's collector of cycles, set up for processes that run for months."""

from __future__ import annotations

import gc


def forget_start() -> None:
    """Leave what start-up made out of all later collections; call it once, when a process is ready.

    Python looks at old objects only when the new ones are a quarter as many, and imported libraries are a quarter of a
    million: SQLAlchemy's cycles stayed for half an hour, in which a capture shard grew by 7 MB (docs/decisions.md).
    The second collection counts the old ones anew; ``freeze`` alone leaves the count as it was.
    """
    gc.collect()
    gc.freeze()
    gc.collect()
