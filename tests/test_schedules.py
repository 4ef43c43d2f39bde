"""The times of schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive_schedules import daily, elapsed, monthly, utc, walk
from redshank.errors import ConfigError
from redshank.schedules.catch_up import due_times
from redshank.schedules.local import instant, zone
from redshank.schedules.text import WEEKDAYS
from redshank.schedules.times import check_schedule, last_time, next_time, next_times, times_after, times_until
from redshank.schedules.words import describe, schedule_text
from redshank.specs.monitor import MonitorSpec
from redshank.specs.reading import read_spec
from redshank.specs.schedule import NamedSchedule, ScheduleSpec

# Zones with a change of an hour, of half an hour, at midnight, and none.
ZONES = ("Europe/Oslo", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "America/Havana", "Asia/Kolkata")
NIGHTS = (utc(2026, 3, 28), utc(2026, 10, 24), utc(2026, 4, 4), utc(2026, 10, 3), utc(2026, 3, 7), utc(2026, 10, 31))
DAYS = 3 * 24 * 60  # minutes walked
MINUTE = timedelta(minutes=1)

zones, nights = st.sampled_from(ZONES), st.sampled_from(NIGHTS)
hours, minutes = st.integers(0, 23), st.integers(0, 59)
seconds = st.integers(915_148_800, 2_208_988_800)
moments = st.builds(datetime.fromtimestamp, seconds, st.just(UTC))


def spec(given: Any) -> ScheduleSpec:
    return read_spec(ScheduleSpec, given)


def walked(schedule: ScheduleSpec, start: datetime, count: int = DAYS) -> list[datetime]:
    """All times of a schedule in so many minutes from ``start``."""
    end = start + count * MINUTE
    return [time for time in islice(times_after(schedule, start - timedelta(microseconds=1)), count) if time < end]


@settings(max_examples=25, deadline=None)
@given(zones, nights, hours, minutes, st.sets(st.integers(0, 6), min_size=1))
def test_days_of_the_week_equal_the_walked_ones(
    tz: str, start: datetime, hour: int, minute: int, days: set[int]
) -> None:
    schedule = spec({"weekly": [WEEKDAYS[i] for i in days], "at": f"{hour}:{minute:02}", "tz": tz})

    assert walked(schedule, start) == list(walk(daily(hour, minute, days), tz, start, DAYS))


@settings(max_examples=25, deadline=None)
@given(zones, st.sampled_from([utc(2026, 2, 27), utc(2026, 10, 31), utc(2028, 2, 28)]), hours, st.data())
def test_days_of_the_month_equal_the_walked_ones(tz: str, start: datetime, hour: int, data: st.DataObject) -> None:
    day = data.draw(st.sampled_from(["last", 1, 27, 28, 29, 30, 31]))
    schedule = spec({"monthly": day, "at": f"{hour}:30", "tz": tz})

    assert walked(schedule, start) == list(walk(monthly(hour, 30, day), tz, start, DAYS))


@settings(max_examples=25, deadline=None)
@given(zones, nights, st.sets(hours, min_size=1, max_size=3), st.sets(minutes, min_size=1, max_size=3))
def test_cron_with_hours_named_equals_the_walked_times(
    tz: str, start: datetime, of_hours: set[int], of_minutes: set[int]
) -> None:
    fields = f"{','.join(map(str, of_minutes))} {','.join(map(str, of_hours))} * * *"
    due = list(
        walk(lambda local: local.hour in of_hours and local.minute in of_minutes, tz, start, DAYS),
    )

    assert walked(spec({"cron": fields, "tz": tz}), start) == due


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3000), st.integers(-5000, 5000), moments)
def test_every_equals_the_walked_times(count: int, offset: int, moment: datetime) -> None:
    start = moment.replace(second=0, microsecond=0)
    origin = start + offset * MINUTE
    schedule = spec({"every": timedelta(minutes=count), "start": origin})

    assert walked(schedule, start) == elapsed(count, origin, start, DAYS)


EXAMPLES = [
    "every 5m",
    "daily at 02:30 (Europe/Oslo)",
    "weekends at 00:00 (Asia/Beirut)",
    "monthly on 31 at 02:15 (Australia/Lord_Howe)",
    "monthly on the last day",
    "cron 30 2 * * * (Europe/Oslo)",
    "cron 15 * * * * (Europe/Oslo)",
    "cron 0 */20 1-3 * * * (America/New_York)",
    "cron 0 0 29 2 *",
    "once 2026-03-29T02:30 (Europe/Oslo)",
]


@pytest.mark.parametrize("text", EXAMPLES)
@settings(max_examples=15, deadline=None)
@given(start=st.one_of(moments, nights.map(lambda night: night + timedelta(hours=24, minutes=37))))
def test_times_rise_and_the_same_are_met_on_the_way_back(text: str, start: datetime) -> None:
    forward = next_times(spec(text), start, 8)
    end = forward[-1] if forward else start + timedelta(days=30)

    backward = list(islice(times_until(spec(text), end), len(forward)))

    assert all(earlier < later for earlier, later in pairwise(forward))
    assert tuple(backward[::-1]) == forward


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        pytest.param("daily at 02:30 (Europe/Oslo)", utc(2026, 3, 28, 12), utc(2026, 3, 29, 1), id="skipped time"),
        pytest.param("daily at 02:30 (Europe/Oslo)", utc(2026, 10, 24, 12), utc(2026, 10, 25, 0, 30), id="first pass"),
        pytest.param(
            "daily at 02:30 (Europe/Oslo)", utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30), id="not again"
        ),
        pytest.param("monthly on 31 at 02:00", utc(2026, 1, 31, 2), utc(2026, 3, 31, 2), id="no 31st of February"),
        pytest.param("monthly on the last day", utc(2028, 2, 1), utc(2028, 2, 29), id="leap year"),
        pytest.param("every 2 weeks", utc(2026, 1, 1), utc(2026, 1, 5), id="weeks from a Monday"),
        pytest.param("cron */10 * * * * *", utc(2026, 1, 1, 0, 0, 1), utc(2026, 1, 1, 0, 0, 10), id="cron by seconds"),
        pytest.param("cron 0 0 29 2 *", utc(2025, 1, 1), utc(2028, 2, 29), id="leap day"),
        pytest.param("once 2026-12-01T00:00", utc(2026, 12, 1), None, id="once is over"),
        pytest.param("daily at 12:00 (Pacific/Apia)", utc(2011, 12, 30, 0), utc(2011, 12, 30, 10), id="a day left out"),
        pytest.param("every 1s", datetime.max.replace(tzinfo=UTC), None, id="end of the calendar"),
        pytest.param("daily", datetime.max.replace(tzinfo=UTC), None, id="end of the calendar, daily"),
    ],
)
def test_the_next_time_is(text: str, after: datetime, expected: datetime | None) -> None:
    assert next_time(spec(text), after) == expected


def test_the_last_time_in_the_hour_that_comes_twice_is_of_its_first_pass() -> None:
    schedule = spec("cron 0,30 2 * * * (Europe/Oslo)")

    assert last_time(schedule, utc(2026, 10, 25, 1, 10)) == utc(2026, 10, 25, 0, 30)


def test_an_instant_of_a_skipped_time_is_that_of_the_jump() -> None:
    assert instant(datetime.fromisoformat("2026-03-29T02:59:59"), zone("Europe/Oslo")) == utc(2026, 3, 29, 1)


def test_a_start_and_an_end_bound_the_times() -> None:
    schedule = spec({"daily": True, "at": "06:00", "start": "2026-05-02T06:00", "end": "2026-05-04T06:00"})

    assert next_times(schedule, utc(2026, 1, 1)) == (utc(2026, 5, 2, 6), utc(2026, 5, 3, 6))
    assert last_time(schedule, utc(2027, 1, 1)) == utc(2026, 5, 3, 6)
    assert last_time(schedule, utc(2026, 5, 1)) is None


def test_every_counts_from_its_local_start() -> None:
    schedule = spec({"every": "1d", "start": "2026-03-28T12:00", "tz": "Europe/Oslo"})

    assert next_times(schedule, utc(2026, 3, 1), 2) == (utc(2026, 3, 28, 11), utc(2026, 3, 29, 11))


def test_jitter_is_the_same_for_a_monitor_and_differs_between_monitors() -> None:
    schedule = spec({"every": "1h", "jitter": "10m"})
    after = utc(2026, 1, 1)

    late = [next_time(schedule, after, name) for name in "abcdefgh"]

    assert late == [next_time(schedule, after, name) for name in "abcdefgh"]
    assert len(set(late)) == 8
    assert all(time is not None and after <= time < after + timedelta(minutes=70) for time in late)


@settings(max_examples=25, deadline=None)
@given(moments, st.text(max_size=5))
def test_jitter_skips_no_time(moment: datetime, name: str) -> None:
    schedule = spec({"every": "1h", "jitter": "3h"})

    first = next_time(schedule, moment, name)

    assert first is not None
    assert moment < first <= moment + timedelta(hours=1)


@pytest.mark.parametrize(
    ("catch_up", "times", "passed_over"),
    [
        pytest.param("all", (utc(2026, 1, 1, 1), utc(2026, 1, 1, 2), utc(2026, 1, 1, 3)), 0, id="each"),
        pytest.param("once", (utc(2026, 1, 1, 3),), 2, id="one over all"),
        pytest.param("skip", (), 3, id="none"),
    ],
)
def test_missed_times_are_due_by_the_policy(catch_up: str, times: tuple[datetime, ...], passed_over: int) -> None:
    due = due_times(spec({"every": "1h", "catch_up": catch_up}), utc(2026, 1, 1), utc(2026, 1, 1, 3, 30))

    assert (due.times, due.passed_over) == (times, passed_over)


def test_a_moment_late_is_not_missed() -> None:
    due = due_times(spec({"every": "1h", "catch_up": "skip"}), utc(2026, 1, 1), utc(2026, 1, 1, 1, 0, 30))

    assert due.times == (utc(2026, 1, 1, 1),)


@pytest.mark.parametrize("catch_up", ["all", "once", "skip"])
def test_nothing_is_due_twice_when_the_clock_goes_back(catch_up: str) -> None:
    due = due_times(spec({"every": "1h", "catch_up": catch_up}), utc(2026, 1, 1, 3), utc(2026, 1, 1, 1))

    assert (due.times, due.passed_over) == ((), 0)


def test_years_missed_by_the_second_are_caught_up_in_bounds() -> None:
    due = due_times(spec({"every": "1s", "catch_up": "all"}), utc(2020, 1, 1), utc(2026, 1, 1))

    assert (len(due.times), due.times[-1], due.passed_over) == (1000, utc(2026, 1, 1), 9000)


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        pytest.param("every 0s", None, "above zero", id="every nothing"),
        pytest.param("every 10ms", "every", "at least 100ms", id="too often"),
        pytest.param("mondays at 25:00", None, "time of day", id="hour 25"),
        pytest.param("daily at 24:00", None, "00:00 of the next", id="end of the day"),
        pytest.param("every 5m at 3:00", None, "no time of day", id="elapsed at a time"),
        pytest.param("cron 0 0 31 2 *", "cron", "can no month have that day", id="31 February"),
        pytest.param("cron 61 * * * *", "cron", "minute is wrong", id="minute 61"),
        pytest.param("cron * *", "cron", "five fields", id="two fields"),
        pytest.param("monthly on 32", "monthly", "1 to 31 or last", id="day 32"),
        pytest.param("monthly on tuesday", None, "1 to 31", id="no day of the month"),
        pytest.param("daily in Mars/Olympus", "tz", "time zone", id="zone"),
        pytest.param("now and then", None, "every 5m, daily at 03:00", id="no schedule"),
        pytest.param("", None, "every 5m, daily at 03:00", id="empty"),
        pytest.param({}, None, "exactly one of", id="no rule"),
        pytest.param({"daily": True, "every": "5m"}, None, "every and daily", id="two rules"),
        pytest.param({"every": "5m", "at": "3:00"}, None, "not with every", id="at of every"),
        pytest.param({"daily": True, "start": "2026-02-01", "end": "2026-01-01"}, None, "after start", id="end first"),
        pytest.param({"weekly": ["monday", "mnday"]}, "weekly", "'mnday'", id="weekday"),
        pytest.param({"weekly": []}, "weekly", "days of the week", id="no weekday"),
    ],
)
def test_a_wrong_schedule_says_what_to_do(text: Any, field: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        spec(text)

    assert caught.value.field == field


@pytest.mark.parametrize("text", ["once 2020-01-01T00:00", "cron 0 0 */30 2 1#5"])
def test_a_schedule_that_never_runs_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="would never run"):
        check_schedule(spec(text), utc(2026, 1, 1))


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("every day at noon", "daily at 12:00"),
        ("Mondays", "mondays at 00:00"),
        ("mon, thu at 8 pm", "mondays and thursdays at 20:00"),
        ("monday to be", None),
        ("every weekday at 8", "weekdays at 08:00"),
        ("hourly", "every 1 hour"),
        ("every 90 minutes", "every 90 minutes"),
        ("every 1.5s", "every 1500000us"),
        ("monthly on the 31st at 02:00:05", "monthly on 31 at 02:00:05"),
        ("every month on the last day at midnight", "monthly on the last day at 00:00"),
        ("only once 2026-12-01 06:00 in Europe/Oslo", "once 2026-12-01 06:00:00 (Europe/Oslo)"),
        ("cron 0  3 * * 1-5", "cron 0 3 * * 1-5"),
    ],
)
def test_words_are_read(said: str, text: str | None) -> None:
    read = [schedule_text(spec(each)) for each in [said] if text is not None]

    assert read == [text] * len(read)


elapsed_rules = st.builds(lambda d: {"every": d}, st.timedeltas(timedelta(seconds=1), timedelta(days=400)))
rules = st.one_of(
    st.builds(lambda d: {"once": d}, st.datetimes()),
    st.builds(
        lambda d, t: {"weekly": sorted(d), "at": f"{t:%H:%M:%S}"},
        st.sets(st.sampled_from(WEEKDAYS), min_size=1),
        st.times(),
    ),
    st.builds(lambda d, t: {"monthly": d, "at": f"{t:%H:%M}"}, st.integers(1, 31) | st.just("last"), st.times()),
    st.builds(lambda m: {"cron": f"{m} 3 * * *"}, minutes),
)


@given(rules | elapsed_rules, st.sampled_from(["UTC", *ZONES]), moments)
def test_what_is_written_in_words_runs_at_the_same_times(rule: dict[str, Any], tz: str, after: datetime) -> None:
    schedule = spec(rule | {"tz": tz})

    read = spec(schedule_text(schedule))

    assert next_times(read, after, 3) == next_times(schedule, after, 3)


@given(rules | st.sampled_from(["1s", "90m", "36h", "400d"]).map(lambda text: {"every": text}), st.sampled_from(ZONES))
def test_a_schedule_kept_as_json_is_the_same(rule: dict[str, Any], tz: str) -> None:
    schedule = spec(rule | {"tz": tz})

    assert spec(schedule.model_dump(mode="json", exclude_none=True)) == schedule


def test_all_of_a_schedule_is_described() -> None:
    schedule = spec(
        {
            "when": "monthly on 31 at 02:00 (Europe/Oslo)",
            "start": "2026-01-01",
            "end": "2027-01-01",
            "jitter": "5m",
            "catch_up": "skip",
        }
    )

    assert describe(schedule) == (
        "monthly on 31 at 02:00 (Europe/Oslo), in months that have it, from 2026-01-01 00:00, until 2027-01-01 00:00, "
        "up to 5m later, by the monitor's name, missed runs are left out"
    )


def test_a_monitor_takes_words_fields_or_a_name() -> None:
    monitor = read_spec(
        MonitorSpec, {"name": "a", "train": "nightly", "detect": "every 5m", "tune": {"weekly": "sun", "at": "3:00"}}
    )

    assert monitor.train == "nightly"
    assert monitor.detect == spec("every 5m")
    assert monitor.tune == spec("sundays at 3:00")


def test_wrong_words_of_a_monitor_name_the_field() -> None:
    with pytest.raises(ConfigError, match=r"monitor: train\.cron: minute is wrong") as caught:
        read_spec(MonitorSpec, {"name": "a", "train": "cron 61 * * * *"}, "monitor")

    assert caught.value.field == "train.cron"


def test_a_schedule_cannot_be_named_like_words_of_one() -> None:
    with pytest.raises(ConfigError, match="put another word first"):
        read_spec(NamedSchedule, {"name": "daily report", "every": "5m"})
