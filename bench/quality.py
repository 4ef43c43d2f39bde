"""Detection quality on the public labelled data, at default settings; the guide page "Evaluate" defines the figures.

REDSHANK_BENCH_DATA=DATA python bench/quality.py                          # all detectors, nab and skab
REDSHANK_BENCH_DATA=DATA python bench/quality.py --detector hindsight --limit 3
REDSHANK_BENCH_DATA=DATA python bench/quality.py --data skab --json skab.json
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from printing import Row, machine, show, told, write_json
from public_data import Series, folder, read
from redshank.app import Work, run
from redshank.decide import Policy
from redshank.evaluate import Answer, Figures, figures_of, overall
from redshank.evaluate.answers import alarms
from redshank.evaluate.windows import nab_figures, read_windows
from redshank.panel import Panel
from redshank.registry import detector_class
from redshank.result import Result
from redshank.sources.base import Findings, Reading

UNIVARIATE = ("hindsight", "hindsight_light", "analog", "analog_light", "seasonal", "gaussian", "percentile")
MULTIVARIATE = ("hindsight", "hindsight_light", "analog", "analog_light", "seasonal", "gaussian", "percentile", "pca")
NAB_ONSET = 200  # a plateau of high scores is one detection
AWS = (
    "realAWSCloudwatch__ec2_cpu_utilization_24ae8d",
    "realAWSCloudwatch__ec2_network_in_257a54",
    "realAWSCloudwatch__ec2_disk_write_bytes_1ef3de",
    "realAWSCloudwatch__rds_cpu_utilization_e47b3b",
    "realAWSCloudwatch__rds_cpu_utilization_cc0c53",
)


def detected(series: Sequence[Series], detector: str) -> tuple[Result, list[Answer]]:
    """Run a detector at its default settings, live where it can; return the result and one answer a series."""
    is_live = detector_class(detector).causal
    work = Work(detector=detector, params={}, mode="live" if is_live else "retrospective", policy=Policy())
    panels = [each.panel for each in series]
    result = run(Reading(panels, Findings(rows=sum(panel.n_time for panel in panels))), work)
    of = {part.panel.keys[0]: part for part in result.parts}
    answers = []
    for panel in panels:
        key = panel.keys[0]
        on = alarms([event for event in result.events if event.key == key], panel.times, is_live=is_live)
        answers.append(Answer(of[key].scores.score[0], on))
    return result, answers


def measured(series: Sequence[Series], answers: Sequence[Answer]) -> list[Figures]:
    """The figures of each series."""
    return [figures_of(each.labelled, answer) for each, answer in zip(series, answers, strict=True)]


def nab_rows(series: Sequence[Series], detectors: Sequence[str]) -> tuple[list[Row], list[Row], list[Row]]:
    """(figures of all, the five AWS files, coverage of the range) with one row a detector."""
    windows = read_windows(folder("nab") / "combined_windows.json")
    figures, aws, covered = [], [], []
    for name in told("nab", detectors):
        result, answers = detected(series, name)
        rows = measured(series, answers)
        figures.append(_nab_row(name, rows, result.seconds) | _nab_scores(series, answers, windows))
        five = [row.counts for row in rows if row.name in AWS]
        if five:
            found = sum(counts.found for counts in five)
            labels = sum(counts.events for counts in five)
            aws.append({"detector": name, "labels": labels, "found": found, "alarms": sum(c.alarms for c in five)})
        covered += coverage(name, series, result)
    return figures, aws, covered


def _nab_row(name: str, rows: Sequence[Figures], seconds: float) -> Row:
    labelled = overall([row for row in rows if row.counts.events])
    normal = overall([row for row in rows if not row.counts.events])
    total = overall(rows)
    return {
        "detector": name,
        "series": len(rows),
        "VUS-PR": labelled["vus_pr"],
        "event P": total["precision"],
        "event R": total["recall"],
        "event F1": total["f1"],
        "false/10k": labelled["false_per_10k"],
        "false/10k, normal series": normal["false_per_10k"],
        "delay": labelled["delay"],
        "on normal": total["on_normal"],
        "seconds": seconds,
    }


def _nab_scores(series: Sequence[Series], answers: Sequence[Answer], windows: dict) -> Row:
    """NAB scores of the scores as they are, told apart by onset; empty when no series has a window."""
    if not any(each.labelled.truth.any() for each in series):
        return {}
    scores = nab_figures([each.labelled for each in series], answers, windows, NAB_ONSET)
    return {name.replace("nab_", "NAB "): score for name, score in scores.items()}


def coverage(name: str, series: Sequence[Series], result: Result) -> list[Row]:
    """How many normal points lie inside the expected range, and in how many of the series 98 to 99.7 % do.

    Normal: outside the truth by 50 points at least, and outside the detector's own events (score below 0.5).
    """
    if not detector_class(name).predicts:
        return []
    truth_of = {each.panel.keys[0]: each.labelled.truth for each in series}
    shares, inside_sum, points = [], 0, 0
    for part in result.parts:
        near = np.convolve(truth_of[part.panel.keys[0]], np.ones(101), "same") > 0.5
        values, scores = part.panel.values[0, :, 0], part.scores
        normal = ~near & (scores.score[0] < 0.5) & np.isfinite(scores.lower[0, :, 0]) & np.isfinite(values)
        inside = (scores.lower[0, :, 0] <= values) & (values <= scores.upper[0, :, 0])
        if normal.sum() < 100:
            continue
        shares.append(inside[normal].mean())
        inside_sum, points = inside_sum + int(inside[normal].sum()), points + int(normal.sum())
    if not shares:
        return []
    good = np.mean([(0.98 <= share <= 0.997) for share in shares])
    row = {"detector": name, "normal points": points, "inside": inside_sum / points, "median series": np.median(shares)}
    return [{**row, "lowest series": min(shares), "series within 98-99.7 %": float(good)}]


# ---------------------------------------------------------------- multivariate


def skab_rows(series: Sequence[Series], detectors: Sequence[str], *, peers: bool) -> list[Row]:
    """One row a detector, and one for each that is fitted on the first 400 points."""
    rows = []
    for name in told("skab", detectors):
        result, answers = detected(series, name)
        rows.append(_skab_row(name, measured(series, answers), result.seconds))
    for name, scores in PEERS.items() if peers else ():
        for _ in told("skab", [name]):
            answers = [Answer(scores(each.panel.values[0], each.labelled.train_points)) for each in series]
            figures = [
                figures_of(each.labelled, answer, alarm_above="train")
                for each, answer in zip(series, answers, strict=True)
            ]
            rows.append(_skab_row(name, figures, float("nan")))
    return rows


def _skab_row(name: str, rows: Sequence[Figures], seconds: float) -> Row:
    total = overall(rows)
    names = {"VUS-PR": "vus_pr", "VUS-ROC": "vus_roc", "event P": "precision", "event R": "recall", "event F1": "f1"}
    names |= {"false/10k": "false_per_10k", "on normal": "on_normal"}
    return {"detector": name, "series": len(rows), **{t: total[n] for t, n in names.items()}, "seconds": seconds}


def _standardised(values: np.ndarray, train: int) -> np.ndarray:
    start = values[: max(train, 100)]
    deviation = start.std(axis=0)
    return (values - start.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def pca_scores(values: np.ndarray, train: int) -> np.ndarray:
    """Reconstruction error from the components that hold 90 % of the variance of the training stretch."""
    from sklearn.decomposition import PCA

    scaled = _standardised(values, train)
    model = PCA(n_components=0.9, svd_solver="full").fit(scaled[:train])
    return np.asarray(((scaled - model.inverse_transform(model.transform(scaled))) ** 2).sum(axis=1))


def fitted_pca_scores(values: np.ndarray, train: int) -> np.ndarray:
    """Our own pca on the same terms as scikit-learn's: fitted on the training stretch."""
    detector = detector_class("pca")().fit(Panel.of(values[None, :train]))
    return detector.score(Panel.of(values[None])).deviation[0]


def forest_scores(values: np.ndarray, train: int) -> np.ndarray:
    """Isolation Forest on the points, fitted on the training stretch."""
    from sklearn.ensemble import IsolationForest

    scaled = _standardised(values, train)
    return -IsolationForest(random_state=0).fit(scaled[:train]).score_samples(scaled)


PEERS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "pca, fitted": fitted_pca_scores,
    "PCA (scikit-learn)": pca_scores,
    "Isolation Forest (scikit-learn)": forest_scores,
}


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=["nab", "skab"], action="append", help="default: both")
    parser.add_argument("--detector", action="append", help="may be repeated; default: all")
    parser.add_argument("--limit", type=int, help="only the first series of each set")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    tables: dict[str, Sequence[Row]] = {}
    if "nab" in (args.data or ["nab", "skab"]):
        figures, aws, covered = nab_rows(read("nab", args.limit), args.detector or UNIVARIATE)
        tables |= {"NAB": figures, "Five AWS series": aws, "Coverage of the 99 % range": covered}
    if "skab" in (args.data or ["nab", "skab"]):
        several = [name for name in args.detector or MULTIVARIATE if name in MULTIVARIATE]
        tables["SKAB"] = skab_rows(read("skab", args.limit), several, peers=args.detector is None)
    print(machine())
    for title, rows in tables.items():
        show(title, rows)
    write_json(args.json, tables)


if __name__ == "__main__":
    main()
