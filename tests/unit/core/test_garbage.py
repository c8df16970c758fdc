"""Cycles of a running process are found soon, whatever it made when it started."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc
from core.garbage import forget_start

class Cycle:
    def __init__(self):
        self.itself = self

started = [[] for _ in range(300_000)]
gc.collect()
{then}
before, kept = gc.get_stats()[2]["collections"], []
for made in range(2_000_000):
    cycle = Cycle()
    if made % 10 == 0:
        kept.append(cycle)
    if gc.get_stats()[2]["collections"] > before:
        break
print(made)
"""


def cycles_until_all_are_looked_at(then: str) -> int:
    command = [sys.executable, "-c", SCRIPT.format(then=then)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_what_start_up_made_does_not_put_collections_off() -> None:
    assert cycles_until_all_are_looked_at("forget_start()") < cycles_until_all_are_looked_at("gc.freeze()") / 4
