"""Pickle files: unpickled by an allow-list in a process of their own, and handed back as Arrow."""

from __future__ import annotations

import subprocess
import sys

import polars as pl

from redshank.errors import ConfigError, SourceError
from redshank.sources.base import Query
from redshank.sources.content import Content
from redshank.tables.raw import RawTable

TIMEOUT_SECONDS = 60
MEMORY_BYTES = 8 << 30


def pickled(content: Content, query: Query) -> RawTable:
    """Return the table in a pickle file; ConfigError unless pickles are allowed.

    Only numpy, pandas and plain builtin data is let in, nothing is called that could act, and it happens in a child
    process with a limit of time and memory.
    """
    where = f"pickle {content.name}"
    if not query.allow_pickle:
        raise ConfigError(f"{where}: pickle files are only read with --allow-pickle", field="allow_pickle")
    target = content.temporary("unpickled.arrow")
    command = [sys.executable, "-I", "-m", "redshank.sources.unpickle", str(content.path), str(target)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False, text=True)
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"{where}: took longer than {TIMEOUT_SECONDS} s to read") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise SourceError(f"{where}: cannot be read: {lines[-1] if lines else 'its process ended'}")
    return RawTable(where=where, frame=pl.read_ipc(target).lazy(), label=content.label)
