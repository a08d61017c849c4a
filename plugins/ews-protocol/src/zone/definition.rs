//! `t:TimeZoneDefinition`: a zone's name with its rules.

use calport_sdk::common::{DaylightRule, Weekday, YearlyTransition, ZoneDefinition};
use jiff::tz::TimeZone;

use crate::error::ReadError;
use crate::value;
use crate::words;
use crate::xml::{Element, Scanner, Writer};

/// Minutes of a day.
const DAY: i32 = 1_440;

/// A definition as received.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Definition {
    /// Its Windows name, or one of those of B-55.
    pub id: String,
    /// Its name for people.
    pub name: String,
    periods: Vec<Period>,
    groups: Vec<Group>,
    transitions: Vec<Transition>,
}

#[derive(Debug, Clone, PartialEq)]
struct Period {
    id: String,
    /// Minutes east of UTC.
    offset: i32,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Group {
    id: String,
    transitions: Vec<Transition>,
}

/// A change to a group or a period.
#[derive(Debug, Clone, PartialEq, Default)]
struct Transition {
    to_group: bool,
    to: String,
    /// From this instant.
    from: Option<i64>,
    /// Every year.
    month: Option<u8>,
    weekday: Option<Weekday>,
    occurrence: Option<i32>,
    /// Minutes after midnight.
    minute: Option<i32>,
    /// A day of the month, which the package cannot express.
    by_date: bool,
}

/// Reads the definition that was opened last. It is tolerant: what is missing shows when its rules are asked for.
///
/// # Errors
/// Where the XML ends or breaks.
pub fn read_definition(xml: &mut Scanner<'_>, element: &Element<'_>) -> Result<Definition, ReadError> {
    let mut definition = Definition {
        id: element.attribute("Id").unwrap_or_default(),
        name: element.attribute("Name").unwrap_or_default(),
        ..Definition::default()
    };
    xml.children(|xml, part| match part.name() {
        "Periods" => xml.children(|_, period| {
            if let Some(bias) = period.attribute("Bias").as_deref().and_then(value::duration_minutes) {
                definition.periods.push(Period { id: period.attribute("Id").unwrap_or_default(), offset: bias.saturating_neg() });
            }
            Ok(())
        }),
        "TransitionsGroups" => xml.children(|xml, group| {
            let id = group.attribute("Id").unwrap_or_default();
            definition.groups.push(Group { id, transitions: transitions(xml)? });
            Ok(())
        }),
        "Transitions" => {
            definition.transitions = transitions(xml)?;
            Ok(())
        }
        _ => Ok(()),
    })?;
    Ok(definition)
}

fn transitions(xml: &mut Scanner<'_>) -> Result<Vec<Transition>, ReadError> {
    let mut all = Vec::new();
    xml.children(|xml, element| {
        let mut one = Transition { by_date: element.name() == "RecurringDateTransition", ..Transition::default() };
        xml.children(|xml, part| {
            match part.name() {
                "To" => {
                    one.to_group = part.attribute("Kind").as_deref() == Some("Group");
                    one.to = xml.word()?;
                }
                "DateTime" => one.from = value::date_time(&xml.text()?).and_then(value::When::utc),
                "TimeOffset" => one.minute = value::duration_minutes(&xml.text()?),
                "Month" => one.month = xml.text()?.trim().parse().ok(),
                "DayOfWeek" => one.weekday = words::weekday(xml.text()?.trim()),
                "Occurrence" => one.occurrence = xml.text()?.trim().parse().ok(),
                _ => {}
            }
            Ok(())
        })?;
        all.push(one);
        Ok(())
    })?;
    Ok(all)
}

impl Definition {
    /// The rules in force at a time (the last ones without a time), if they can be said with one change to summer time
    /// and one back. `None` when no rules came along, or others.
    pub fn rules(&self, at: Option<i64>) -> Option<ZoneDefinition> {
        let name = if self.name.is_empty() { &self.id } else { &self.name };
        let in_force = |t: &&Transition| at.is_none_or(|at| t.from.is_none_or(|from| from <= at));
        let Some(current) = self.transitions.iter().rev().find(in_force).or(self.transitions.first()) else {
            // Some servers send the one period of a zone without summer time and nothing else.
            return match self.periods.as_slice() {
                [only] => fixed_rules(name, only.offset),
                _ => None,
            };
        };
        if !current.to_group {
            return fixed_rules(name, self.offset(&current.to)?);
        }
        let group = self.groups.iter().find(|group| group.id == current.to)?;
        match group.transitions.as_slice() {
            [only] => fixed_rules(name, self.offset(&only.to)?),
            [one, other] => {
                let (begins, ends) = if self.offset(&one.to)? > self.offset(&other.to)? { (one, other) } else { (other, one) };
                let (offset, standard_offset) = (self.offset(&begins.to)?, self.offset(&ends.to)?);
                if offset == standard_offset {
                    return fixed_rules(name, offset);
                }
                let daylight = DaylightRule { offset, begins: yearly(begins)?, ends: yearly(ends)? };
                let in_range = (-DAY..=DAY).contains(&offset) && (-DAY..=DAY).contains(&standard_offset);
                in_range.then(|| ZoneDefinition { name: name.clone(), standard_offset, daylight: Some(daylight) })
            }
            _ => None,
        }
    }

    fn offset(&self, period: &str) -> Option<i32> {
        self.periods.iter().find(|p| p.id == period).map(|p| p.offset)
    }
}

fn fixed_rules(name: &str, minutes: i32) -> Option<ZoneDefinition> {
    (-DAY..=DAY).contains(&minutes).then(|| super::fixed(name, minutes))
}

fn yearly(transition: &Transition) -> Option<YearlyTransition> {
    if transition.by_date {
        return None;
    }
    let occurrence = match transition.occurrence? {
        -1 => 5,
        nth => u8::try_from(nth).ok().filter(|nth| (1..=5).contains(nth))?,
    };
    Some(YearlyTransition {
        month: transition.month.filter(|month| (1..=12).contains(month))?,
        weekday: transition.weekday?,
        occurrence,
        minute: u16::try_from(transition.minute?).ok().filter(|minute| i32::from(*minute) < DAY)?,
    })
}

/// The rules as a zone to compute with.
pub fn to_time_zone(rules: &ZoneDefinition) -> Option<TimeZone> {
    let standard = posix_offset(rules.standard_offset);
    let text = match &rules.daylight {
        None => format!("<STD>{standard}"),
        Some(summer) => {
            let (begins, ends) = (posix_rule(&summer.begins), posix_rule(&summer.ends));
            format!("<STD>{standard}<DST>{},{begins},{ends}", posix_offset(summer.offset))
        }
    };
    TimeZone::posix(&text).ok()
}

/// POSIX counts west of UTC.
fn posix_offset(minutes: i32) -> String {
    let sign = if minutes > 0 { "-" } else { "" };
    let minutes = minutes.unsigned_abs();
    format!("{sign}{}:{:02}", minutes / 60, minutes % 60)
}

fn posix_rule(rule: &YearlyTransition) -> String {
    let weekday = match rule.weekday {
        Weekday::Sunday => 0,
        Weekday::Monday => 1,
        Weekday::Tuesday => 2,
        Weekday::Wednesday => 3,
        Weekday::Thursday => 4,
        Weekday::Friday => 5,
        Weekday::Saturday => 6,
    };
    format!("M{}.{}.{weekday}/{}:{:02}", rule.month, rule.occurrence, rule.minute / 60, rule.minute % 60)
}

/// The parts of a definition below `t:StartTimeZone` and its like.
pub fn write_definition(xml: &mut Writer, element: &str, rules: &ZoneDefinition) {
    let name = if rules.name.is_empty() { "Custom" } else { &rules.name };
    let written: Result<(), std::convert::Infallible> =
        xml.element_with(element, &[("Id", name), ("Name", name)], |xml| write_parts(xml, rules));
    let Ok(()) = written;
}

fn write_parts<E>(xml: &mut Writer, rules: &ZoneDefinition) -> Result<(), E> {
    xml.element("t:Periods", |xml| {
        let bias = value::minutes_duration(rules.standard_offset.saturating_neg());
        xml.empty("t:Period", &[("Bias", &bias), ("Name", "Standard"), ("Id", "std")]);
        if let Some(summer) = &rules.daylight {
            let bias = value::minutes_duration(summer.offset.saturating_neg());
            xml.empty("t:Period", &[("Bias", &bias), ("Name", "Daylight"), ("Id", "dlt")]);
        }
        Ok(())
    })?;
    xml.element("t:TransitionsGroups", |xml| {
        xml.element_with("t:TransitionsGroup", &[("Id", "0")], |xml| match &rules.daylight {
            None => xml.element("t:Transition", |xml| {
                xml.text_with("t:To", &[("Kind", "Period")], "std");
                Ok(())
            }),
            Some(summer) => {
                write_yearly(xml, "dlt", &summer.begins)?;
                write_yearly(xml, "std", &summer.ends)
            }
        })
    })?;
    xml.element("t:Transitions", |xml| {
        xml.element("t:Transition", |xml| {
            xml.text_with("t:To", &[("Kind", "Group")], "0");
            Ok(())
        })
    })
}

fn write_yearly<E>(xml: &mut Writer, to: &str, rule: &YearlyTransition) -> Result<(), E> {
    xml.element("t:RecurringDayTransition", |xml| {
        xml.text_with("t:To", &[("Kind", "Period")], to);
        xml.text("t:TimeOffset", &value::minutes_duration(i32::from(rule.minute)));
        xml.text("t:Month", &rule.month.to_string());
        xml.text("t:DayOfWeek", words::weekday_name(rule.weekday));
        xml.text("t:Occurrence", if rule.occurrence >= 5 { "-1".to_owned() } else { rule.occurrence.to_string() }.as_str());
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use calport_sdk::common::Zone;
    use proptest::prelude::*;

    use super::*;
    use crate::zone::Zones;

    fn read(xml: &str) -> Definition {
        let mut scanner = Scanner::new(xml);
        let root = scanner.root().unwrap();
        read_definition(&mut scanner, &root).unwrap()
    }

    fn berlin(winter: &str) -> String {
        format!(
            r#"<t:StartTimeZone Id="W. Europe Standard Time" Name="(UTC+01:00) Amsterdam"><t:Periods>
            <t:Period Bias="{winter}" Name="Standard" Id="s"/><t:Period Bias="-P0DT2H0M0.0S" Name="Daylight" Id="d"/></t:Periods>
            <t:TransitionsGroups><t:TransitionsGroup Id="0"><t:RecurringDayTransition><t:To Kind="Period">d</t:To>
            <t:TimeOffset>P0DT2H0M0.0S</t:TimeOffset><t:Month>3</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek><t:Occurrence>-1</t:Occurrence>
            </t:RecurringDayTransition><t:RecurringDayTransition><t:To Kind="Period">s</t:To><t:TimeOffset>P0DT3H0M0.0S</t:TimeOffset>
            <t:Month>10</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek><t:Occurrence>-1</t:Occurrence></t:RecurringDayTransition>
            </t:TransitionsGroup></t:TransitionsGroups><t:Transitions><t:Transition><t:To Kind="Group">0</t:To></t:Transition>
            </t:Transitions></t:StartTimeZone>"#
        )
    }

    const SPRING_2026: Option<i64> = Some(1_774_778_400_000);

    #[test]
    fn b55_rules_that_are_those_of_the_name_leave_the_name() {
        let meant = Zones::default().meant(&read(&berlin("-P0DT1H0M0.0S")), SPRING_2026);
        assert_eq!(meant, Some(Zone::Named("W. Europe Standard Time".into())));
    }

    #[test]
    fn b55_inline_rules_go_before_names() {
        let meant = Zones::default().meant(&read(&berlin("-P0DT0H30M0.0S")), SPRING_2026);
        let Some(Zone::Custom(rules)) = meant else { panic!("{meant:?}") };
        assert_eq!((rules.standard_offset, rules.daylight.unwrap().offset), (30, 120));
        let unknown = berlin("-P0DT1H0M0.0S").replace("W. Europe Standard Time", "tzone://Microsoft/Custom");
        assert!(matches!(Zones::default().meant(&read(&unknown), SPRING_2026), Some(Zone::Custom(_))));
    }

    #[test]
    fn b55_rules_that_change_on_another_day_are_not_those_of_the_name() {
        let american = berlin("-P0DT1H0M0.0S").replacen("<t:Occurrence>-1", "<t:Occurrence>2", 1);
        let meant = Zones::default().meant(&read(&american), SPRING_2026);
        assert!(matches!(meant, Some(Zone::Custom(_))), "two weeks of March differ: {meant:?}");
        let without_item = Zones::default().meant(&read(&berlin("-P0DT1H0M0.0S")), None);
        assert_eq!(without_item, Some(Zone::Named("W. Europe Standard Time".into())));
    }

    #[test]
    fn b55_a_name_alone_is_handed_on_and_nothing_is_nothing() {
        let name = read(r#"<t:StartTimeZone Id="Mars Standard Time"/>"#);
        assert_eq!(Zones::default().meant(&name, None), Some(Zone::Named("Mars Standard Time".into())));
        assert_eq!(Zones::default().meant(&read("<t:StartTimeZone/>"), None), None);
        assert_eq!(Zones::default().meant(&read(r#"<t:StartTimeZone Id="tzone://Microsoft/Utc"/>"#), None), Some(Zone::Utc));
    }

    #[test]
    fn rules_change_with_the_years() {
        let two = r#"<z Id="x"><Periods><Period Bias="PT8H" Id="a"/><Period Bias="PT7H" Id="b"/></Periods><Transitions>
            <Transition><To Kind="Period">a</To></Transition><AbsoluteDateTransition><To Kind="Period">b</To>
            <DateTime>2007-01-01T08:00:00.000Z</DateTime></AbsoluteDateTransition></Transitions></z>"#;
        assert_eq!(read(two).rules(Some(0)).unwrap().standard_offset, -480);
        assert_eq!(read(two).rules(SPRING_2026).unwrap().standard_offset, -420);
        assert_eq!(read(two).rules(None).unwrap().standard_offset, -420);
    }

    fn transition() -> impl Strategy<Value = YearlyTransition> {
        (1..=12_u8, 1..=5_u8, 0..1440_u16).prop_map(|(month, occurrence, minute)| YearlyTransition {
            month,
            weekday: Weekday::Thursday,
            occurrence,
            minute,
        })
    }

    proptest! {
        #[test]
        fn b55_rules_come_back(standard in -720_i32..840, gain in 1..120_i32, begins in transition(), ends in transition(), summer: bool) {
            let daylight = summer.then_some(DaylightRule { offset: standard + gain, begins, ends });
            let rules = ZoneDefinition { name: "Own & <zone>".into(), standard_offset: standard, daylight };
            let mut writer = Writer::document();
            write_definition(&mut writer, "t:StartTimeZone", &rules);
            let bytes = writer.into_bytes();
            let read = read(std::str::from_utf8(&bytes).unwrap());
            prop_assert_eq!(read.rules(None), Some(rules.clone()));
            prop_assert!(to_time_zone(&rules).is_some());
        }
    }
}
