"""Series through the independent client: every pattern, exceptions, single occurrences, changes of daylight saving."""

import datetime

import pytest
from conftest import BERLIN
from exchangelib import CalendarItem, EWSDate, EWSDateTime, EWSTimeZone
from exchangelib.errors import ErrorItemNotFound, ErrorOccurrenceCrossingBoundary
from exchangelib.fields import MONDAY, SUNDAY, THURSDAY, TUESDAY, WEDNESDAY, WEEK_DAY
from exchangelib.items import SEND_TO_NONE
from exchangelib.recurrence import (
    AbsoluteMonthlyPattern,
    AbsoluteYearlyPattern,
    DailyPattern,
    EndDatePattern,
    NoEndPattern,
    NumberedPattern,
    Recurrence,
    RelativeMonthlyPattern,
    RelativeYearlyPattern,
    WeeklyPattern,
)

NEW_YORK = EWSTimeZone("America/New_York")
KOLKATA = EWSTimeZone("Asia/Kolkata")


def at(month, day, hour, zone=BERLIN):
    return EWSDateTime(2026, month, day, hour, tzinfo=zone)


def series(account, pattern, boundary, start=None, **fields):
    """A saved series of one hour."""
    start = start or at(3, 2, 9)
    values = {"subject": "Series", "start": start, "end": start + datetime.timedelta(hours=1)} | fields
    item = CalendarItem(account=account, folder=account.calendar, recurrence=Recurrence(pattern=pattern, boundary=boundary), **values)
    return item.save(send_meeting_invitations=SEND_TO_NONE)


def weekly(account, number=6, zone=BERLIN, **fields):
    pattern = WeeklyPattern(interval=1, weekdays=[MONDAY], first_day_of_week=MONDAY)
    start = at(3, 16, 9, zone)
    return series(account, pattern, NumberedPattern(start=EWSDate(2026, 3, 16), number=number), start=start, **fields)


def window(account, first=(3, 1), last=(12, 31)):
    return list(account.calendar.view(start=at(*first, 0), end=at(*last, 0)))


NUMBERED = NumberedPattern(start=EWSDate(2026, 3, 2), number=3)
PATTERNS = [
    (DailyPattern(interval=2), NUMBERED, [(3, 2), (3, 4), (3, 6)]),
    (WeeklyPattern(interval=1, weekdays=[MONDAY, WEDNESDAY], first_day_of_week=MONDAY), NUMBERED, [(3, 2), (3, 4), (3, 9)]),
    (WeeklyPattern(interval=2, weekdays=[TUESDAY, THURSDAY], first_day_of_week=SUNDAY), NUMBERED, [(3, 3), (3, 5), (3, 17)]),
    (AbsoluteMonthlyPattern(interval=1, day_of_month=31), NUMBERED, [(3, 31), (4, 30), (5, 31)]),
    (RelativeMonthlyPattern(interval=1, weekday=TUESDAY, week_number=2), NUMBERED, [(3, 10), (4, 14), (5, 12)]),
    (RelativeMonthlyPattern(interval=1, weekday=WEEK_DAY, week_number=5), NUMBERED, [(3, 31), (4, 30), (5, 29)]),
    (AbsoluteYearlyPattern(day_of_month=24, month=12), NoEndPattern(start=EWSDate(2026, 3, 2)), [(12, 24)]),
    (RelativeYearlyPattern(weekday=SUNDAY, week_number=5, month=10), NoEndPattern(start=EWSDate(2026, 3, 2)), [(10, 25)]),
]


@pytest.mark.parametrize(("pattern", "boundary", "days"), PATTERNS, ids=lambda value: type(value).__name__)
def test_every_pattern_is_kept_and_expanded(account, pattern, boundary, days):
    item = series(account, pattern, boundary)
    got = account.calendar.get(id=item.id)
    assert got.type == "RecurringMaster"
    assert got.recurrence.pattern == pattern
    assert type(got.recurrence.boundary) is type(boundary)
    found = [(one.start.astimezone(BERLIN).month, one.start.astimezone(BERLIN).day) for one in window(account)]
    assert found == days
    if isinstance(boundary, NumberedPattern):
        assert got.recurrence.boundary.number == 3


def test_a_series_ends_with_its_last_date(account):
    boundary = EndDatePattern(start=EWSDate(2026, 3, 2), end=EWSDate(2026, 3, 5))
    item = series(account, DailyPattern(interval=1), boundary)
    got = account.calendar.get(id=item.id)
    assert (got.recurrence.boundary.start, got.recurrence.boundary.end) == (boundary.start, boundary.end)
    assert got.first_occurrence.start == at(3, 2, 9)
    assert got.last_occurrence.start == at(3, 5, 9)
    assert len(window(account)) == 4


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, KOLKATA], ids=lambda zone: zone.key)
def test_occurrences_keep_their_local_time_over_the_change_of_clocks(account, zone):
    weekly(account, zone=zone)
    starts = [one.start.astimezone(zone) for one in window(account)]
    assert len(starts) == 6
    assert {start.hour for start in starts} == {9}


def test_an_occurrence_is_changed_and_the_series_is_not(account):
    master = weekly(account)
    changed = master.occurrence(index=2)
    changed.refresh()
    assert changed.type == "Occurrence" and changed.start == at(3, 23, 9)
    changed.subject = "Only this one"
    changed.start, changed.end = at(3, 23, 15), at(3, 23, 16)
    changed.save(update_fields=["subject", "start", "end"], send_meeting_invitations=SEND_TO_NONE)
    found = window(account)
    assert [one.subject for one in found] == ["Series", "Only this one", "Series", "Series", "Series", "Series"]
    assert found[1].type == "Exception"
    assert (found[1].start, found[1].original_start) == (at(3, 23, 15), at(3, 23, 9))
    got = account.calendar.get(id=master.id)
    assert got.subject == "Series"
    (modified,) = got.modified_occurrences
    assert (modified.start, modified.original_start) == (at(3, 23, 15), at(3, 23, 9))
    back = found[1].recurring_master()
    back.refresh()
    assert back.id == master.id


def test_an_occurrence_is_deleted_and_the_series_stays(account):
    master = weekly(account)
    master.occurrence(index=3).delete(send_meeting_cancellations=SEND_TO_NONE)
    found = window(account)
    assert [one.start.astimezone(BERLIN).day for one in found] == [16, 23, 6, 13, 20]
    got = account.calendar.get(id=master.id)
    (deleted,) = got.deleted_occurrences
    assert deleted.start == at(3, 30, 9)
    found[0].delete(send_meeting_cancellations=SEND_TO_NONE)
    assert len(window(account)) == 4


def test_an_occurrence_cannot_pass_its_neighbour(account):
    master = weekly(account)
    moved = master.occurrence(index=2)
    moved.refresh()
    moved.start, moved.end = at(3, 31, 9), at(3, 31, 10)
    with pytest.raises(ErrorOccurrenceCrossingBoundary):
        moved.save(update_fields=["start", "end"], send_meeting_invitations=SEND_TO_NONE)
    assert [one.start.astimezone(BERLIN).day for one in window(account)][:3] == [16, 23, 30]


def test_there_is_no_occurrence_behind_the_last(account):
    master = weekly(account, number=2)
    with pytest.raises(Exception) as refused:
        master.occurrence(index=9).refresh()
    assert type(refused.value).__name__ in ("ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", "ErrorItemNotFound")


def test_a_whole_series_is_changed_and_deleted(account):
    master = weekly(account)
    master.subject = "All of them"
    master.save(update_fields=["subject"], send_meeting_invitations=SEND_TO_NONE)
    assert {one.subject for one in window(account)} == {"All of them"}
    master.recurrence = Recurrence(pattern=DailyPattern(interval=1), boundary=NumberedPattern(start=EWSDate(2026, 3, 16), number=2))
    master.save(update_fields=["recurrence"], send_meeting_invitations=SEND_TO_NONE)
    assert [one.start.astimezone(BERLIN).day for one in window(account)] == [16, 17]
    master_id = master.id
    master.delete(send_meeting_cancellations=SEND_TO_NONE)
    assert window(account) == []
    (answer,) = account.fetch([(master_id, None)])
    assert isinstance(answer, ErrorItemNotFound)


def test_an_all_day_series_keeps_its_dates(account):
    item = CalendarItem(
        account=account,
        folder=account.calendar,
        subject="Days",
        start=EWSDate(2026, 3, 28),
        end=EWSDate(2026, 3, 28),
        is_all_day=True,
        recurrence=Recurrence(pattern=DailyPattern(interval=1), boundary=NumberedPattern(start=EWSDate(2026, 3, 28), number=3)),
    )
    item.save(send_meeting_invitations=SEND_TO_NONE)
    # The ends are left out: the client takes 24 hours off them, which is wrong on the day the clocks change.
    assert [one.start for one in window(account)] == [EWSDate(2026, 3, day) for day in (28, 29, 30)]
