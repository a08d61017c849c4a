//! `GetUserAvailability`: free/busy as the server computes it (SEMANTICS C-15), and the zone of a mailbox's working hours.

use calport_sdk::common::{DaylightRule, Instant, Weekday, YearlyTransition, ZoneDefinition};

use crate::error::{ReadError, WriteError};
use crate::item::event::ShowAs;
use crate::soap::{Gaps, Operation, Reply};
use crate::value::{self, When};
use crate::words;
use crate::xml::{Element, Scanner, Writer};

/// Reads free/busy. The answer has one part for each mailbox. The server takes 62 days at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetUserAvailability {
    /// The mailboxes, by their addresses.
    pub mailboxes: Vec<String>,
    /// The first instant inside.
    pub start: Instant,
    /// The first instant outside.
    pub end: Instant,
}

impl Operation for GetUserAvailability {
    type Reply = FreeBusy;
    const NAME: &'static str = "GetUserAvailability";

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        if self.mailboxes.is_empty() {
            return Err(WriteError::Nothing { operation: Self::NAME });
        }
        let time = |at| value::utc_wall_text(at).ok_or(WriteError::invalid("window", "a time out of range"));
        let (start, end) = (time(self.start)?, time(self.end)?);
        xml.element("m:GetUserAvailabilityRequest", |xml| {
            write_utc(xml)?;
            xml.element("m:MailboxDataArray", |xml| {
                self.mailboxes.iter().try_for_each(|address| {
                    xml.element("t:MailboxData", |xml| {
                        xml.element::<WriteError>("t:Email", |xml| {
                            xml.text("t:Address", address);
                            Ok(())
                        })?;
                        xml.text("t:AttendeeType", "Required");
                        Ok::<(), WriteError>(())
                    })
                })
            })?;
            xml.element("t:FreeBusyViewOptions", |xml| {
                xml.element::<WriteError>("t:TimeWindow", |xml| {
                    xml.text("t:StartTime", &start);
                    xml.text("t:EndTime", &end);
                    Ok(())
                })?;
                xml.text("t:RequestedView", "FreeBusy");
                Ok(())
            })
        })
    }
}

/// UTC as rules: two changes that change nothing, because the server wants two.
fn write_utc(xml: &mut Writer) -> Result<(), WriteError> {
    xml.element("t:TimeZone", |xml| {
        xml.text("t:Bias", "0");
        for (name, month) in [("t:StandardTime", "11"), ("t:DaylightTime", "3")] {
            xml.element::<WriteError>(name, |xml| {
                xml.text("t:Bias", "0");
                xml.text("t:Time", "02:00:00");
                xml.text("t:DayOrder", "1");
                xml.text("t:Month", month);
                xml.text("t:DayOfWeek", "Sunday");
                Ok(())
            })?;
        }
        Ok(())
    })
}

/// A stretch of time with one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusySpan {
    /// The first instant inside.
    pub start: Instant,
    /// The first instant outside.
    pub end: Instant,
    /// The state.
    pub show_as: ShowAs,
}

/// The free/busy of a mailbox.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FreeBusy {
    /// Its stretches, also free ones that somebody entered.
    pub spans: Vec<BusySpan>,
    /// How many stretches could not be read.
    pub unreadable: usize,
    /// The zone of the working hours, by its rules.
    pub zone: Option<ZoneDefinition>,
}

impl Reply for FreeBusy {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        if part.name() != "FreeBusyView" {
            return Ok(false);
        }
        xml.children(|xml, field| match field.name() {
            "CalendarEventArray" => xml.children(|xml, _| {
                match read_span(xml)? {
                    Some(span) => self.spans.push(span),
                    None => self.unreadable += 1,
                }
                Ok(())
            }),
            "WorkingHours" => xml.children(|xml, inner| {
                if inner.name() == "TimeZone" {
                    self.zone = read_zone(xml)?;
                }
                Ok(())
            }),
            _ => Ok(()),
        })?;
        Ok(true)
    }
}

fn read_span(xml: &mut Scanner<'_>) -> Result<Option<BusySpan>, ReadError> {
    let (mut start, mut end, mut show_as) = (None, None, ShowAs::NoData);
    xml.children(|xml, field| {
        match field.name() {
            "StartTime" => start = value::date_time(&xml.text()?).and_then(When::utc),
            "EndTime" => end = value::date_time(&xml.text()?).and_then(When::utc),
            "BusyType" => show_as = ShowAs::of(&xml.text()?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(start.zip(end).filter(|(start, end)| start <= end).map(|(start, end)| BusySpan { start, end, show_as }))
}

#[derive(Default)]
struct Rule {
    bias: i32,
    minute: Option<u16>,
    order: Option<u8>,
    month: Option<u8>,
    weekday: Option<Weekday>,
}

impl Rule {
    fn read(xml: &mut Scanner<'_>) -> Result<Self, ReadError> {
        let mut rule = Self::default();
        xml.children(|xml, field| {
            match field.name() {
                "Bias" => rule.bias = xml.text()?.trim().parse().unwrap_or_default(),
                "Time" => {
                    let time = xml.text()?.trim().parse::<jiff::civil::Time>().ok();
                    rule.minute = time.and_then(|time| u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).ok());
                }
                "DayOrder" => rule.order = xml.text()?.trim().parse().ok().filter(|order| (1..=5).contains(order)),
                "Month" => rule.month = xml.text()?.trim().parse().ok().filter(|month| (1..=12).contains(month)),
                "DayOfWeek" => rule.weekday = words::weekday(xml.text()?.trim()),
                _ => {}
            }
            Ok(())
        })?;
        Ok(rule)
    }

    fn transition(&self) -> Option<YearlyTransition> {
        Some(YearlyTransition { month: self.month?, weekday: self.weekday?, occurrence: self.order?, minute: self.minute? })
    }
}

/// `t:SerializableTimeZone`. Its minutes count west of UTC.
fn read_zone(xml: &mut Scanner<'_>) -> Result<Option<ZoneDefinition>, ReadError> {
    let (mut bias, mut standard, mut summer) = (None, Rule::default(), Rule::default());
    xml.children(|xml, field| {
        match field.name() {
            "Bias" => bias = xml.text()?.trim().parse::<i32>().ok(),
            "StandardTime" => standard = Rule::read(xml)?,
            "DaylightTime" => summer = Rule::read(xml)?,
            _ => {}
        }
        Ok(())
    })?;
    let in_range = |minutes: i32| (-1_440..=1_440).contains(&minutes).then_some(minutes);
    let offset = |rule: &Rule| bias.and_then(|bias| bias.checked_add(rule.bias)).map(i32::saturating_neg).and_then(in_range);
    let Some(standard_offset) = offset(&standard) else { return Ok(None) };
    let daylight = offset(&summer)
        .filter(|minutes| *minutes != standard_offset)
        .and_then(|minutes| Some(DaylightRule { offset: minutes, begins: summer.transition()?, ends: standard.transition()? }));
    Ok(Some(ZoneDefinition { name: String::new(), standard_offset, daylight }))
}
