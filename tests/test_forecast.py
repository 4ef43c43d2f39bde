"""What is expected of series, how wide the range is, and when a limit is crossed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from redshank import registry
from redshank.engine.forecast import Ask, Forecast, forecast
from redshank.engine.forecast_errors import Correction, line, middle
from redshank.engine.forecast_question import Question
from redshank.engine.job import Job
from redshank.errors import ConfigError, DataError, StoppedError
from redshank.panel import Key, Panel
from redshank.registry import build_detector, detector_class

HOUR = timedelta(hours=1)
N = 24 * 40
ABLE = [name for name in registry.names(registry.DETECTORS) if detector_class(name).forecasts]
CHANCE = np.random.default_rng(3)
NOISE = CHANCE.normal(size=(4, N))
DAY = np.sin(2 * np.pi * np.arange(N) / 24)


def panel(*rows: np.ndarray) -> Panel:
    keys = [Key.of("load", {"host": str(i)}) for i in range(len(rows))]
    return Panel.of(np.stack(rows), keys=keys, step=HOUR)


def ahead(history: Panel, hours: int = 48, **given: object) -> Forecast:
    return forecast(history, Ask(horizon=hours * HOUR, **given))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ABLE)
def test_forecasting_changes_nothing_and_rows_are_independent(name: str) -> None:
    history = panel(50 + 10 * DAY + NOISE[0], 5 + NOISE[1])
    times = history.times.view(np.int64)[-100:] + 10**12
    detector = build_detector(name).fit(history)

    first = detector.forecast(times)

    np.testing.assert_array_equal(detector.forecast(times), first)
    np.testing.assert_array_equal(detector.take([1]).forecast(times), first[1:])
    np.testing.assert_array_equal(type(detector).load(detector.save()).forecast(times), first)
    assert first.shape == (2, 100, 1)
    assert np.isfinite(first).all()


@pytest.mark.parametrize("name", ABLE)
def test_a_detector_expects_of_the_next_point_what_it_says_when_it_comes(name: str) -> None:
    history = panel(50 + 10 * DAY + NOISE[0])
    detector = build_detector(name).fit(history.slice(0, N - 1))

    expected = detector.forecast(history.times.view(np.int64)[-1:])

    told = detector.update(history.slice(N - 1, N)).expected
    np.testing.assert_allclose(expected, told, rtol=0.2)


@pytest.mark.parametrize("name", ABLE)
def test_nothing_is_expected_of_what_was_never_seen(name: str) -> None:
    detector = build_detector(name).fit(panel(np.full(N, np.nan)))

    assert np.isnan(detector.forecast(np.array([10**18]))).all()


def test_a_detector_that_cannot_forecast_names_those_that_can() -> None:
    with pytest.raises(ConfigError, match=r"analog: says nothing of times to come; those that do are .*seasonal"):
        Ask(horizon=HOUR, detector="analog")


def test_the_course_of_the_day_goes_on() -> None:
    made = ahead(panel(50 + 10 * DAY + NOISE[0]))

    wanted = 50 + 10 * np.sin(2 * np.pi * np.arange(N, N + 48) / 24)
    assert np.abs(made.expected[0, :, 0] - wanted).mean() < 1.5
    assert made.times[0] == np.datetime64("2000-01-01", "ns") + np.timedelta64(N, "h")


def test_what_climbs_is_expected_to_climb() -> None:
    climbing = 20 + 0.05 * np.arange(N) + 0.5 * NOISE[0]

    made = ahead(panel(climbing), hours=96)

    assert "trend" in made.ways[0]
    wanted = 20 + 0.05 * (N + np.arange(96))
    assert np.abs(made.expected[0, :, 0] - wanted).max() < 1.5


def test_what_walks_is_expected_to_stay_where_it_is() -> None:
    walk = np.cumsum(NOISE[0])

    made = ahead(panel(walk), hours=24)

    assert abs(made.expected[0, 0, 0] - walk[-1]) < 3
    width = (made.upper - made.lower)[0, :, 0]
    assert width[-1] > 2 * width[0]


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_the_range_holds_the_share_that_it_says(coverage: float) -> None:
    held = []
    rows = [50 + 10 * DAY + NOISE[0], 5 + NOISE[1] ** 3, 20 + 0.05 * np.arange(N) + NOISE[2], np.exp(NOISE[3])]
    for cut in range(500, N - 48, 48):
        whole = panel(*rows)
        made = ahead(whole.slice(0, cut), hours=24, coverage=coverage)
        actual = whole.values[:, cut : cut + 24]
        held.append((made.lower <= actual) & (actual <= made.upper))

    assert np.mean(held) == pytest.approx(coverage, abs=0.07)


def test_a_wider_coverage_gives_a_wider_range() -> None:
    history = panel(50 + 10 * DAY + NOISE[0])

    narrow, wide = ahead(history, coverage=0.5), ahead(history, coverage=0.95)

    assert ((wide.upper - wide.lower) >= (narrow.upper - narrow.lower)).all()
    assert (narrow.lower <= narrow.expected).all()
    assert (narrow.expected <= narrow.upper).all()


def test_the_future_is_not_known_to_it() -> None:
    rows = 50 + 10 * DAY + NOISE[0]
    changed = rows.copy()
    changed[700:] += 1000

    first, second = ahead(panel(rows).slice(0, 700)), ahead(panel(changed).slice(0, 700))

    np.testing.assert_array_equal(first.expected, second.expected)
    np.testing.assert_array_equal(first.upper, second.upper)


def test_series_are_forecast_alone() -> None:
    together = ahead(panel(50 + 10 * DAY + NOISE[0], NOISE[1]))
    alone = ahead(panel(50 + 10 * DAY + NOISE[0]))

    np.testing.assert_array_equal(together.expected[0], alone.expected[0])
    np.testing.assert_array_equal(together.upper[0], alone.upper[0])


def test_what_was_never_negative_is_not_expected_to_be() -> None:
    made = ahead(panel(np.abs(NOISE[0]), NOISE[1]))

    assert made.lower[0].min() >= 0
    assert made.lower[1].min() < 0


def test_channels_are_forecast_each() -> None:
    values = np.stack([50 + NOISE[0], -5 + NOISE[1]], axis=1)[None]
    made = forecast(Panel.of(values, channels=["cpu", "mem"], step=HOUR), Ask(horizon=5 * HOUR))

    assert made.expected.shape == (1, 5, 2)
    assert made.expected[0, :, 0] == pytest.approx(50, abs=2)
    assert made.expected[0, :, 1] == pytest.approx(-5, abs=2)


@pytest.mark.parametrize(
    "row",
    [np.full(N, 7.0), np.full(N, np.nan), np.where(np.arange(N) % 3, np.nan, 5.0), 1e300 * NOISE[0], 1e-300 * NOISE[0]],
    ids=["constant", "missing", "holes", "huge", "tiny"],
)
def test_hostile_values_give_no_warning(row: np.ndarray) -> None:
    made = ahead(panel(row, NOISE[0]))

    assert made.expected.shape == (2, 48, 1)
    assert not np.isinf(made.expected).any()


def test_a_constant_stays() -> None:
    made = ahead(panel(np.full(N, 7.0)))

    assert made.expected.tolist() == [[[7.0]] * 48]
    assert made.lower.tolist() == made.upper.tolist() == made.expected.tolist()


def test_a_series_of_few_values_is_said_to_be_short() -> None:
    short = np.full(N, np.nan)
    short[-10:] = 1.0

    made = ahead(panel(short, NOISE[0]))

    assert made.too_short == [Key.of("load", {"host": "0"})]
    assert np.isnan(made.expected[0]).all()


def test_beyond_what_the_history_can_tell_the_range_is_carried_on_and_said_so() -> None:
    made = ahead(panel(50 + NOISE[0]), hours=24 * 40)

    assert "is carried on from there" in made.notes[0]
    width = (made.upper - made.lower)[0, :, 0]
    assert np.isfinite(width).all()
    assert width[-1] >= width[200]


def test_a_long_horizon_is_forecast_at_fewer_points() -> None:
    made = ahead(panel(NOISE[0]), hours=24 * 365)

    assert len(made.times) == 512
    assert made.times[-1] == np.datetime64("2000-01-01", "ns") + np.timedelta64(N - 1 + 24 * 365, "h")


# ------------------------------------------------------------------ questions


def test_a_disk_that_fills_up_is_told_when_it_is_full() -> None:
    used = 20 + 0.05 * np.arange(N) + 0.5 * NOISE[0]  # crosses 90 at point 1400
    question = Question.parse("load > 90")

    made = ahead(panel(used), hours=24 * 30, questions=(question,))

    (answer,) = made.answers
    crossing = datetime(2000, 1, 1, tzinfo=UTC) + 1400 * HOUR
    assert answer.expected is not None
    assert abs(answer.expected - crossing) < timedelta(days=2)
    assert answer.earliest is not None
    assert answer.earliest <= answer.expected
    assert answer.latest is None or answer.latest >= answer.expected
    assert not answer.holds_now
    assert answer.probability > 0.9


def test_what_will_not_happen_is_told_so() -> None:
    made = ahead(panel(50 + NOISE[0]), questions=(Question.parse("load > 90"), Question.parse("load < 90")))

    never, now = made.answers
    assert (never.expected, never.earliest, never.latest, never.probability) == (None, None, None, 0.0)
    assert now.holds_now
    assert now.probability == 1.0


def test_a_question_about_another_measure_has_no_answer_here() -> None:
    assert ahead(panel(NOISE[0]), questions=(Question.parse("other > 1"),)).answers == []


@pytest.mark.parametrize(
    ("text", "said"),
    [("disk_used > 90", "disk_used > 90"), ("disk_used>=90%", "disk_used >= 90"), ("< -1e3", "< -1000")],
)
def test_questions_are_read(text: str, said: str) -> None:
    assert str(Question.parse(text)) == said


@pytest.mark.parametrize("text", ["", "disk", "disk > many", "disk = 3", "disk > 1 2"])
def test_what_is_no_question_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="must be like disk_used > 90"):
        Question.parse(text)


# ------------------------------------------------------------------ limits


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"coverage": 1.0}, "coverage: must be between 0 and 1"),
        ({"hours": 0}, "horizon: must be above zero"),
        ({"hours": 10_000_000}, "horizon: must be at most 100,000 steps"),
    ],
)
def test_a_wrong_ask_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ahead(panel(NOISE[0]), **given)  # type: ignore[arg-type]


def test_a_horizon_below_a_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="horizon: must be at least one step"):
        forecast(panel(NOISE[0]), Ask(horizon=timedelta(minutes=5)))


def test_too_little_history_is_refused() -> None:
    with pytest.raises(DataError, match="needs 30 points of history, got 10"):
        ahead(panel(NOISE[0]).slice(0, 10))


def test_it_stops_when_asked_to() -> None:
    stop = threading.Event()
    stop.set()

    with pytest.raises(StoppedError):
        forecast(panel(NOISE[0]), Ask(horizon=HOUR), Job(stop=stop))


# ------------------------------------------------------------------ parts, against slow and obvious twins


def test_the_middle_is_the_median_of_what_is_there() -> None:
    values = np.where(CHANCE.random((50, 9)) < 0.4, np.nan, CHANCE.normal(size=(50, 9)))
    values[0] = np.nan

    for row, found in zip(values, middle(values), strict=True):
        there = row[np.isfinite(row)]
        assert found == pytest.approx(np.median(there)) if len(there) else np.isnan(found)


def test_the_line_goes_through_most_points() -> None:
    points = 5 + 0.25 * np.arange(-319, 1)
    points[::7] += 100

    height, slope = line(points[None])

    assert height[0] == pytest.approx(5, abs=0.6)
    assert slope[0] == pytest.approx(0.25, abs=0.002)


def test_a_fading_trend_adds_up_its_steps() -> None:
    fading = Correction("fading", 100, 50, has_slope=True)

    added = fading.at(np.array([2.0]), np.array([0.5]), np.arange(1.0, 30.0))[0]

    steps = [0.5 * 0.5 ** (i / 50) for i in range(1, 30)]
    np.testing.assert_allclose(added, 2.0 + np.cumsum(steps))
