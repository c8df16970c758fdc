"""The frame store: pixels of the newest frames in shared memory, and JPEGs of those that showed something."""
