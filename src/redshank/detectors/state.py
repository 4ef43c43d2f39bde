"""Detector states as plain data: JSON values plus arrays; on disk one checksummed safetensors blob. Never pickle."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from redshank.errors import StateError
from redshank.panel import Key

SCHEMA = 1
_MAGIC = b"redshank-state\n"
_DIGEST_BYTES = 32


@dataclass(frozen=True)
class State:
    """What a detector learned. ``arrays``: by name, leading axis = series in the order of ``keys``."""

    kind: str
    version: int
    params: dict[str, Any]
    keys: tuple[Key, ...]
    channels: tuple[str, ...]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return magic, SHA-256 and a safetensors blob whose header carries the JSON manifest."""
        from safetensors.numpy import save

        manifest = {
            "schema": SCHEMA,
            "kind": self.kind,
            "version": self.version,
            "params": self.params,
            "keys": [[key.measure, key.labels] for key in self.keys],
            "channels": self.channels,
        }
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        blob = save(arrays, metadata={"manifest": json.dumps(manifest, allow_nan=False)})
        return _MAGIC + hashlib.sha256(blob).digest() + blob

    @classmethod
    def from_bytes(cls, data: bytes) -> State:
        """Read ``to_bytes``; StateError when it is cut, altered, foreign or from a newer schema."""
        from safetensors.numpy import load

        head = len(_MAGIC) + _DIGEST_BYTES
        if not data.startswith(_MAGIC) or len(data) < head + 8:
            raise StateError("state: must be a redshank detector state, got something else or a cut file")
        blob = data[head:]
        if hashlib.sha256(blob).digest() != data[len(_MAGIC) : head]:
            raise StateError("state: checksum does not match, the file is damaged; train again")
        header_bytes = int.from_bytes(blob[:8], "little")
        manifest = json.loads(json.loads(blob[8 : 8 + header_bytes])["__metadata__"]["manifest"])
        if manifest["schema"] > SCHEMA:
            raise StateError(f"state: schema must be <= {SCHEMA}, got {manifest['schema']}; upgrade redshank")
        return cls(
            kind=manifest["kind"],
            version=manifest["version"],
            params=manifest["params"],
            keys=tuple(Key(measure, tuple((a, b) for a, b in labels)) for measure, labels in manifest["keys"]),
            channels=tuple(manifest["channels"]),
            arrays=load(blob),
        )

    def write(self, path: Path) -> None:
        """Write to ``path`` at once or not at all."""
        partial = path.with_name(path.name + ".partial")
        with partial.open("wb") as file:
            file.write(self.to_bytes())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> State:
        """Read a file of ``write``; StateError as in ``from_bytes``."""
        return cls.from_bytes(path.read_bytes())
