"""What the machine, or the container, has."""

from __future__ import annotations

import os
from pathlib import Path

from redshank.engine.capacity import Limits
from redshank.executors.local import cores

SHARE_OF_CORES = 0.8
SHARE_OF_MEMORY = 0.5
_CONTAINER = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_limits() -> Limits:
    """Return what monitors may take: half of the memory that this process may use, and most of its cores."""
    return Limits(memory_bytes=int(SHARE_OF_MEMORY * memory_bytes()), cpu_share=SHARE_OF_CORES * cores())


def memory_bytes() -> int:
    """Return the memory of the machine, or of the container that this runs in when that is less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _CONTAINER:
        try:
            text = path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        limits += [int(text)] if text.isdecimal() else []
    return min(limits)
