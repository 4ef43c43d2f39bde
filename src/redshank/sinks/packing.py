"""Arrays as small text: integers where nothing is lost, else floats; differences, bytes side by side, deflated, base64.

A page unpacks them in ``codec.js``, which mirrors this file.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redshank.panel import Floats, Times

MISSING = -(2**31)
_MOST = 2**31 - 2
_DECIMALS = range(7)
_SCORE_STEP = 1e-3
_LEAST_STEP = 1e-290  # below it the arithmetic loses digits
_NS_PER_MS = 1_000_000


@dataclass
class Packer:
    """Collects the texts of packed arrays; what ``pack_*`` return says how to read the text ``ref``."""

    texts: list[str] = field(default_factory=list)

    def pack_times(self, times: Times) -> dict[str, Any]:
        """Pack times as milliseconds since 1970: a regular grid as its start and step."""
        ns = times.astype(np.int64)
        if len(ns) == 0:
            return {"kind": "none", "n": 0}
        offsets = ns - ns[0]
        unit = int(np.gcd.reduce(offsets)) or 1
        scale = {"n": len(ns), "offset": float(ns[0]) / _NS_PER_MS, "step": unit / _NS_PER_MS}
        steps = offsets // unit
        if (np.diff(steps) == 1).all():
            return {"kind": "grid", **scale}
        if steps[-1] <= _MOST:
            return {"kind": "int", **scale, "ref": self._add(steps.astype(np.int32))}
        return {"kind": "f64", "n": len(ns), "offset": 0.0, "ref": self._add(ns / _NS_PER_MS)}

    def pack_exact(self, values: Floats) -> dict[str, Any]:
        """Pack values so that none changes by more than can be seen: 1e-6 of itself or of the series' spread."""
        there = values[~np.isnan(values)]
        if len(there) == 0:
            return {"kind": "none", "n": len(values)}
        for decimals in _DECIMALS:
            factor = 10.0**decimals
            if float(np.abs(there).max()) * factor > _MOST:
                break
            if (np.round(there * factor) / factor == there).all():
                return self._as_integers(values, 0.0, 1 / factor)
        offset = float(np.median(there))
        with np.errstate(over="ignore"):
            single = (values - offset).astype(np.float32)
            restored = single.astype(np.float64) + offset
        if _looks_the_same(there, restored[~np.isnan(values)]):
            return {"kind": "f32", "n": len(values), "offset": offset, "ref": self._add(single)}
        return {"kind": "f64", "n": len(values), "offset": 0.0, "ref": self._add(values)}

    def pack_like(self, values: Floats, model: Floats) -> dict[str, Any]:
        """Pack predictions of ``model``, rounded to a small part of what is seen as a change in it."""
        there = values[~np.isnan(values)]
        if len(there) == 0:
            return {"kind": "none", "n": len(values)}
        with np.errstate(over="ignore"):
            changes = np.abs(np.diff(model[~np.isnan(model)]))
        changes = changes[(changes > 0) & np.isfinite(changes)]
        low, high = float(there.min()), float(there.max())
        step = float(np.median(changes)) / 64 if len(changes) else 0.0
        if step < _LEAST_STEP or not (high / 2 - low / 2) / step < _MOST / 4:
            return self.pack_exact(values)
        return self._as_integers(values, low, step)

    def pack_edge(self, edge: Floats, expected: Floats, model: Floats) -> dict[str, Any]:
        """Pack an edge of the expected range by its distance from the expected value, which varies little."""
        with np.errstate(over="ignore"):
            distance = edge - expected
        if not np.array_equal(np.isnan(distance), np.isnan(edge)) or np.isinf(distance).any():
            return self.pack_like(edge, model)
        return {**self.pack_like(distance, model), "relative": True}

    def pack_scores(self, scores: Floats) -> dict[str, Any]:
        """Pack scores to a thousandth, rounded away from the edge of alarm so that none changes sides."""
        there = scores[~np.isnan(scores)]
        if len(there) == 0:
            return {"kind": "none", "n": len(scores)}
        if float(there.max()) > _MOST * _SCORE_STEP:
            return {"kind": "f64", "n": len(scores), "offset": 0.0, "ref": self._add(scores)}
        return self._as_integers(np.floor(scores / _SCORE_STEP + 1e-9) * _SCORE_STEP, 0.0, _SCORE_STEP)

    def _as_integers(self, values: Floats, offset: float, step: float) -> dict[str, Any]:
        scaled = np.round((values - offset) / step)
        integers = np.where(np.isnan(scaled), MISSING, scaled).astype(np.int32)
        # 0.1 is not a number of this arithmetic, 10 is: decimals are divided by their factor, as a reader of text would
        scale = {"step": step} if step >= 1 or round(1 / step) != 1 / step else {"per": 1 / step}
        return {"kind": "int", "n": len(values), "offset": offset, **scale, "ref": self._add(integers)}

    def _add(self, array: NDArray[Any]) -> int:
        if array.dtype == np.int32:
            array = np.diff(array, prepend=np.int32(0))
        planes = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).view(np.uint8)
        side_by_side = np.ascontiguousarray(planes.reshape(-1, array.itemsize).T)
        self.texts.append(base64.b64encode(zlib.compress(side_by_side.tobytes(), 6)).decode("ascii"))
        return len(self.texts) - 1


def _looks_the_same(values: Floats, restored: Floats) -> bool:
    if not np.isfinite(restored).all():
        return False
    low, high = np.quantile(values, [0.1, 0.9])
    changed = np.abs(restored - values)
    return bool((changed <= 1e-6 * np.abs(values)).all() and changed.max() <= 1e-5 * max(high - low, 0.0))
