"""Measure scores and alarms against the truth: no point adjustment, no threshold tuned on the truth.

Conventions of the whole package: ``truth`` (n,) is anomalous where > 0, and a *true event* is a run of such points.
``score`` (n,) is higher where more abnormal. ``alarm`` (n,) is the detector's own decision, on where > 0. Runs are
index pairs, start <= i < end. A figure that is undefined is NaN. The guide page "Evaluate" defines every figure.
"""

from redshank.evaluate.events import MERGE_GAP, EventCounts, event_counts
from redshank.evaluate.figures import Answer, Figures, Labelled, figures_of, overall
from redshank.evaluate.nab import NabResult, NabSeries, nab_scores
from redshank.evaluate.ranking import Vus, auc_pr, auc_roc, buffer_window, ucr_hit, vus

__all__ = [
    "MERGE_GAP",
    "Answer",
    "EventCounts",
    "Figures",
    "Labelled",
    "NabResult",
    "NabSeries",
    "Vus",
    "auc_pr",
    "auc_roc",
    "buffer_window",
    "event_counts",
    "figures_of",
    "nab_scores",
    "overall",
    "ucr_hit",
    "vus",
]
