//! Believable weeks: series with exceptions, whole days, private, tentative and out-of-office appointments.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::{Member, World, WorldError};
use crate::graph::EventDraft;

/// Fills every calendar from the Monday of this week, for two weeks and with series without end.
pub fn fill(world: &World, now: Timestamp) -> Result<(), WorldError> {
    for (index, member) in world.members.iter().enumerate() {
        let today = now.to_zoned(TimeZone::get(member.zone)?).date();
        let monday = today.checked_sub((i64::from(today.weekday().to_monday_zero_offset())).days())?;
        series(world, member, index, monday)?;
        single(world, member, index, monday)?;
    }
    Ok(())
}

fn at(day: Date, time: &str) -> String {
    format!("{day}T{time}:00")
}

fn day(monday: Date, weekday: Weekday, week: i64) -> Result<Date, jiff::Error> {
    monday.checked_add((i64::from(weekday.to_monday_zero_offset()) + 7 * week).days())
}

fn series(world: &World, member: &Member, index: usize, monday: Date) -> Result<(), WorldError> {
    let zone = member.windows_zone;
    let calendar = &world.calendar;
    let hour = 8 + index % 3;
    let standup = calendar.add_event(
        &member.address,
        EventDraft::new("Stand-up", &at(monday, &format!("{hour:02}:30")), &at(monday, &format!("{hour:02}:45")), zone).weekly(&[
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
        ]),
    )?;
    if index.is_multiple_of(4) {
        let wednesday = day(monday, Weekday::Wednesday, 0)?;
        calendar.delete_occurrence(&member.address, &standup, &at(wednesday, &format!("{hour:02}:30")))?;
    }
    if index % 4 == 1 {
        let thursday = day(monday, Weekday::Thursday, 0)?;
        let id = calendar.occurrence_id(&member.address, &standup, &at(thursday, &format!("{hour:02}:30")))?;
        calendar.update_event(
            &member.address,
            &id,
            EventDraft::patch().subject("Stand-up (moved)").times(&at(thursday, "13:30"), &at(thursday, "13:45"), zone),
        )?;
    }
    let tuesday = day(monday, Weekday::Tuesday, 0)?;
    calendar.add_event(
        &member.address,
        EventDraft::new("Team meeting", &at(tuesday, "14:00"), &at(tuesday, "15:00"), zone).weekly(&["tuesday"]).location("Room 2"),
    )?;
    Ok(())
}

fn single(world: &World, member: &Member, index: usize, monday: Date) -> Result<(), WorldError> {
    let zone = member.windows_zone;
    let add = |draft: EventDraft| world.calendar.add_event(&member.address, draft);
    for week in 0..2 {
        let on = |weekday| day(monday, weekday, week);
        match index % 5 {
            0 => {
                let friday = on(Weekday::Friday)?;
                add(EventDraft::all_day("Home office", &friday.to_string(), &friday.tomorrow()?.to_string(), zone)
                    .show_as("workingElsewhere"))?;
            }
            1 => {
                let thursday = on(Weekday::Thursday)?;
                add(EventDraft::new("Doctor", &at(thursday, "16:00"), &at(thursday, "17:00"), zone).sensitivity("private"))?;
            }
            2 => {
                let wednesday = on(Weekday::Wednesday)?;
                add(EventDraft::new("Maybe: conference call", &at(wednesday, "11:00"), &at(wednesday, "12:00"), zone).show_as("tentative"))?;
            }
            3 => {
                let monday = on(Weekday::Monday)?;
                add(EventDraft::new("Customer visit", &at(monday, "10:00"), &at(monday, "12:30"), zone).show_as("oof"))?;
            }
            _ => {
                let tuesday = on(Weekday::Tuesday)?;
                add(EventDraft::new("* Lunch with an old friend", &at(tuesday, "12:00"), &at(tuesday, "13:00"), zone))?;
            }
        }
        let thursday = on(Weekday::Thursday)?;
        add(EventDraft::new("Project review", &at(thursday, "10:00"), &at(thursday, "11:30"), zone).categories(&["Blue category"]))?;
    }
    if index % 8 == 7 {
        let first = day(monday, Weekday::Monday, 1)?;
        let last = day(monday, Weekday::Saturday, 1)?;
        add(EventDraft::all_day("Vacation", &first.to_string(), &last.to_string(), zone).show_as("oof"))?;
    }
    Ok(())
}
