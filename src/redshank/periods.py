"""Find the periods of a series: after how many points it repeats itself."""

from __future__ import annotations

import numpy as np

from redshank.panel import Floats

FALLBACK_PERIOD = 125
LEAST_PERIOD = 8
_FIRST_POINTS = 20_000
_LEAST_LAG, _MOST_LAG = 3, 400
_LEAST_TRUSTED, _MOST_TRUSTED = 6, 303


def acf_period(values: Floats) -> int:
    """Return the lag of the largest local maximum of the autocorrelation of finite ``values``, at least 8.

    Looks at lags 3..400 of the first 20,000 points; 125 when there is no local maximum (or no variation), or when it
    lies at a lag below 6 or above 303: the rule of TSB-AD (Liu and Paparrizos, NeurIPS 2024).
    """
    head = np.asarray(values[:_FIRST_POINTS], dtype=np.float64)
    head = head / max(float(np.abs(head).max(initial=0.0)), 1e-300)  # or sums of huge values would overflow
    correlation = _autocorrelation(head - head.mean()) if len(head) > _LEAST_LAG else np.zeros(0)
    lags = np.arange(_LEAST_LAG + 1, min(_MOST_LAG, len(correlation) - 1))
    inner = correlation[lags]
    peaks = lags[(inner > correlation[lags - 1]) & (inner > correlation[lags + 1])]
    if len(peaks) == 0:
        return FALLBACK_PERIOD
    lag = int(peaks[np.argmax(correlation[peaks])])
    return max(lag, LEAST_PERIOD) if _LEAST_TRUSTED <= lag <= _MOST_TRUSTED else FALLBACK_PERIOD


def _autocorrelation(centred: Floats) -> Floats:
    """Autocorrelation at lags 0..400, or fewer for a short series; all 0 without variation."""
    n_lags = min(_MOST_LAG + 1, len(centred))
    power = float(centred @ centred)
    if not power > 0:
        return np.zeros(n_lags)
    spectrum = np.fft.rfft(centred, 1 << (2 * len(centred) - 1).bit_length())
    correlation: Floats = np.fft.irfft(np.abs(spectrum) ** 2)[:n_lags] / power
    return correlation
