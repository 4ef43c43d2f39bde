"""Slow, obvious twins of the figures in ``redshank.evaluate``."""

from __future__ import annotations

import numpy as np

from redshank.evaluate.nab import NabSeries, Profile, Window, probation, sigmoid


def spans(truth: np.ndarray) -> list[tuple[int, int]]:
    """The runs of anomalous points, start <= i < end."""
    found: list[tuple[int, int]] = []
    for i, anomalous in enumerate(truth):
        if anomalous and found and found[-1][1] == i:
            found[-1] = (found[-1][0], i + 1)
        elif anomalous:
            found.append((i, i + 1))
    return found


def vus(truth: np.ndarray, score: np.ndarray, window: int, n_thresholds: int) -> np.ndarray:
    """(PR, ROC) volumes, threshold by threshold and point by point."""
    return np.mean([areas(truth, score, width, n_thresholds) for width in range(window + 1)], axis=0)


def areas(truth: np.ndarray, score: np.ndarray, width: int, n_thresholds: int) -> tuple[float, float]:
    """(PR, ROC) areas of one buffer width."""
    n, half = len(truth), width // 2
    soft = truth.astype(float)
    regions: list[list[int]] = []
    for start, end in spans(truth):
        for distance in range(1, half + 1):
            for i in (start - distance, end - 1 + distance):
                if 0 <= i < n:
                    soft[i] += np.sqrt(1 - distance / width)
        if regions and start - half < regions[-1][1]:
            regions[-1][1] = end + half
        else:
            regions.append([max(start - half, 0), end + half])
    soft = np.minimum(soft, 1)
    tpr, fpr, precision = [0.0], [0.0], []
    falling = np.sort(score)[::-1]
    for rank in np.linspace(0, n - 1, n_thresholds).astype(int):
        on = score >= falling[rank]
        hits = soft[on].sum()
        positives = truth.sum() + soft[on & ~truth].sum() / 2
        share = np.mean([on[start:end].any() for start, end in regions])
        tpr.append(min(hits / positives, 1) * share)
        fpr.append((on.sum() - hits) / (n - positives))
        precision.append(hits / on.sum())
    pr = np.sum(np.diff(tpr) * precision)
    return float(pr), float(np.trapezoid([*tpr, 1], [*fpr, 1]))


def auc_pr(truth: np.ndarray, score: np.ndarray) -> float:
    """Average precision, one distinct threshold after the other."""
    area, last_recall = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        on = score >= threshold
        recall = (on & truth).sum() / truth.sum()
        area += (recall - last_recall) * (on & truth).sum() / on.sum()
        last_recall = recall
    return area


def auc_roc(truth: np.ndarray, score: np.ndarray) -> float:
    """Share of (anomalous, normal) pairs in the right order, ties half."""
    pairs = [(a > b) + (a == b) / 2 for a in score[truth] for b in score[~truth]]
    return float(np.mean(pairs))


def event_counts(truth: np.ndarray, alarm: np.ndarray, merge_gap: int) -> tuple[int, ...]:
    """The seven counts, pair by pair."""
    closed = alarm.copy()
    for (_, end), (start, _) in zip(spans(alarm)[:-1], spans(alarm)[1:], strict=True):
        if start - end <= merge_gap:
            closed[end:start] = True
    events, alarms = spans(truth), spans(closed)
    touching = {event: [a for a in alarms if a[0] < event[1] and event[0] < a[1]] for event in events}
    found = [event for event in events if touching[event]]
    true_alarms = {a for touched in touching.values() for a in touched}
    delay = sum(max(touching[event][0][0] - event[0], 0) for event in found)
    normal = int((~truth).sum())
    return len(events), len(found), len(alarms), len(true_alarms), normal, int((alarm & ~truth).sum()), delay


def nab_score(corpus: list[NabSeries], profile: Profile) -> float:
    """The NAB score, trying every threshold."""
    n_windows = sum(len(series.windows) for series in corpus)
    scores = np.concatenate([series.score for series in corpus])
    thresholds = [*np.unique(scores[~np.isnan(scores)]), np.inf]
    best = max(sum(_total(series, profile, threshold) for series in corpus) for threshold in thresholds)
    null = -profile.missed * n_windows
    return 100 * (best - null) / (profile.detected * n_windows - null)


def _total(series: NabSeries, profile: Profile, threshold: float) -> float:
    """What one series is worth at a threshold."""
    detected: set[Window] = set()
    total = 0.0
    for i in range(probation(len(series.score)), len(series.score)):
        if not series.score[i] >= threshold:
            continue
        inside = [w for w in series.windows if w.start <= i < w.end]
        past = [w for w in series.windows if w.end <= i]
        if inside and inside[0] not in detected:
            detected.add(inside[0])
            y = -(inside[0].end - i) / (inside[0].end - inside[0].start)
            total += profile.detected * float(sigmoid(y) / sigmoid(-1))
        elif not inside and past:
            y = (i - (past[-1].end - 1)) / (past[-1].end - past[-1].start - 1)
            total += profile.false_point * float(sigmoid(y))
        elif not inside:
            total -= profile.false_point
    return total - profile.missed * (len(series.windows) - len(detected))
