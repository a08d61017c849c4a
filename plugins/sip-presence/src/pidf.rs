//! A presence value as a PIDF document (RFC 3863) with a person (RFC 4479) and his activities (RFC 4480).
//!
//! Promise: whatever a text holds, the document is well-formed and the text is one text of it. Identifiers carry the
//! publisher's name, because a presence server puts the documents of several publishers together by them.

use std::io;

use calport_sdk::common::{Error, Instant};
use calport_sdk::error;
use calport_sdk::time;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::bindings::exports::calport::connector::presence::{Availability, PresenceValue};
use crate::settings::Settings;

/// Characters of a text that are kept. Kamailio drops an HTTP connection whose request is larger than its read buffer of 16 kB
/// (`tcp_rd_buf_size`); the text stands in the document twice, with up to six bytes for a character.
pub const TEXT_LIMIT: usize = 500;

/// Characters of an activity that has no element of its own.
const OTHER_LIMIT: usize = 64;

/// The media type.
pub const MEDIA_TYPE: &str = "application/pidf+xml";

/// Activities that have an element (RFC 4480 3.2), but `other`.
const ACTIVITIES: [&str; 26] = [
    "appointment",
    "away",
    "breakfast",
    "busy",
    "dinner",
    "holiday",
    "in-transit",
    "looking-for-work",
    "lunch",
    "meal",
    "meeting",
    "on-the-phone",
    "performance",
    "permanent-absence",
    "playing",
    "presentation",
    "shopping",
    "sleeping",
    "spectator",
    "steering",
    "travel",
    "tv",
    "unknown",
    "vacation",
    "working",
    "worship",
];

/// The document of a value for the user with this address. `now` is in milliseconds since 1970.
///
/// # Errors
/// None with a healthy writer into memory.
pub fn document(uri: &str, value: &PresenceValue, settings: &Settings, now: Instant) -> Result<String, Error> {
    let basic = if settings.is_closed(value.availability) { "closed" } else { "open" };
    let until = value.until.filter(|u| *u > now).and_then(time::to_rfc3339);
    let person = Person { activities: activities(value), until, text: text(&value.text) };
    write(uri, &settings.publisher, basic, &person)
}

/// The document of somebody of whom Calport shows nothing: published for a moment to replace what was there.
///
/// # Errors
/// As [`document`].
pub fn nothing(uri: &str, settings: &Settings) -> Result<String, Error> {
    write(uri, &settings.publisher, "closed", &Person::default())
}

/// A text as the document holds it: one line without control characters and other characters that XML has not, cut.
pub fn text(text: &str) -> String {
    clean(text, TEXT_LIMIT)
}

#[derive(Default)]
struct Person {
    activities: Vec<String>,
    until: Option<String>,
    text: String,
}

/// The activity first, then the availability where the activity does not say it: telephones look for `busy` and `away`.
fn activities(value: &PresenceValue) -> Vec<String> {
    let own = clean(&value.activity, OTHER_LIMIT);
    let general = match value.availability {
        Availability::Busy | Availability::DoNotDisturb => "busy",
        Availability::Away => "away",
        Availability::Available | Availability::Unknown => "",
    };
    if general.is_empty() || own == general {
        return Some(own).filter(|own| !own.is_empty()).into_iter().collect();
    }
    // `unknown` stands alone in the schema.
    let own = Some(own).filter(|own| !own.is_empty() && own != "unknown");
    own.into_iter().chain([general.to_owned()]).collect()
}

fn write(uri: &str, publisher: &str, basic: &str, person: &Person) -> Result<String, Error> {
    let mut writer = Writer::new(Vec::new());
    written(&mut writer, uri, publisher, basic, person)
        .ok()
        .and_then(|()| String::from_utf8(writer.into_inner()).ok())
        .ok_or_else(|| error::invalid("value", "it cannot be written as XML"))
}

fn written(writer: &mut Writer<Vec<u8>>, uri: &str, publisher: &str, basic: &str, person: &Person) -> io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let presence = writer.create_element("presence").with_attributes([
        ("xmlns", "urn:ietf:params:xml:ns:pidf"),
        ("xmlns:dm", "urn:ietf:params:xml:ns:pidf:data-model"),
        ("xmlns:rpid", "urn:ietf:params:xml:ns:pidf:rpid"),
        ("entity", uri),
    ]);
    presence.write_inner_content(|writer| {
        writer.create_element("tuple").with_attribute(("id", publisher)).write_inner_content(|writer| {
            writer.create_element("status").write_inner_content(|writer| leaf(writer, "basic", basic))?;
            if person.text.is_empty() { Ok(()) } else { leaf(writer, "note", &person.text) }
        })?;
        if person.activities.is_empty() && person.text.is_empty() {
            return Ok(());
        }
        let id = format!("{publisher}-person");
        writer.create_element("dm:person").with_attribute(("id", id.as_str())).write_inner_content(|writer| {
            if !person.activities.is_empty() {
                let until = person.until.iter().map(|until| ("until", until.as_str()));
                writer
                    .create_element("rpid:activities")
                    .with_attributes(until)
                    .write_inner_content(|writer| person.activities.iter().try_for_each(|a| activity(writer, a)))?;
            }
            if person.text.is_empty() { Ok(()) } else { leaf(writer, "dm:note", &person.text) }
        })?;
        Ok(())
    })?;
    Ok(())
}

fn activity(writer: &mut Writer<Vec<u8>>, name: &str) -> io::Result<()> {
    if ACTIVITIES.contains(&name) {
        writer.create_element(format!("rpid:{name}")).write_empty().map(|_| ())
    } else {
        leaf(writer, "rpid:other", name)
    }
}

fn leaf(writer: &mut Writer<Vec<u8>>, name: &str, text: &str) -> io::Result<()> {
    writer.create_element(name).write_text_content(BytesText::new(text)).map(|_| ())
}

/// Characters that XML 1.0 has not cannot be escaped either: Kamailio's parser would refuse the whole document.
fn clean(text: &str, most: usize) -> String {
    let allowed = |c: char| if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') { ' ' } else { c };
    text.trim().chars().map(allowed).take(most).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quick_xml::Reader;

    const NOW: Instant = 1_800_000_000_000;

    fn value(availability: Availability, activity: &str, text: &str) -> PresenceValue {
        PresenceValue {
            availability,
            activity: activity.to_owned(),
            text: text.to_owned(),
            until: None,
            greeting: None,
            forwarding: None,
            extra: Vec::new(),
        }
    }

    fn xml(value: &PresenceValue) -> String {
        document("sip:alice@example.com", value, &Settings::default(), NOW).unwrap()
    }

    /// The elements and texts as a parser sees them.
    fn parsed(xml: &str) -> (Vec<String>, Vec<String>) {
        let mut reader = Reader::from_str(xml);
        let (mut elements, mut texts, mut text) = (Vec::new(), Vec::new(), String::new());
        loop {
            match reader.read_event().unwrap() {
                Event::Start(e) | Event::Empty(e) => elements.push(String::from_utf8(e.name().as_ref().to_vec()).unwrap()),
                Event::Text(t) => text.push_str(&t.decode().unwrap()),
                Event::GeneralRef(r) => {
                    let name = r.decode().unwrap().into_owned();
                    text.push_str(quick_xml::escape::resolve_predefined_entity(&name).unwrap());
                }
                Event::End(_) if !text.is_empty() => texts.push(std::mem::take(&mut text)),
                Event::Eof => return (elements, texts),
                _ => {}
            }
        }
    }

    #[test]
    fn a_meeting_is_a_person_with_activities_until_and_a_note() {
        let mut it = value(Availability::Busy, "meeting", "Besprechung: Grüße bis 15:30");
        it.until = Some(NOW + 3_600_000);
        assert_eq!(
            xml(&it),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
             xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:alice@example.com\">\
             <tuple id=\"calport\"><status><basic>open</basic></status><note>Besprechung: Grüße bis 15:30</note></tuple>\
             <dm:person id=\"calport-person\"><rpid:activities until=\"2027-01-15T09:00:00Z\"><rpid:meeting/><rpid:busy/></rpid:activities>\
             <dm:note>Besprechung: Grüße bis 15:30</dm:note></dm:person></presence>"
        );
    }

    #[test]
    fn the_availability_stands_beside_the_activity_once() {
        let shown = |availability, activity| {
            let (elements, _) = parsed(&xml(&value(availability, activity, "")));
            elements.into_iter().filter_map(|e| e.strip_prefix("rpid:").map(str::to_owned)).collect::<Vec<_>>()
        };
        assert_eq!(shown(Availability::Available, ""), [""; 0]);
        assert_eq!(shown(Availability::Available, "working"), ["activities", "working"]);
        assert_eq!(shown(Availability::Busy, ""), ["activities", "busy"]);
        assert_eq!(shown(Availability::Busy, "busy"), ["activities", "busy"]);
        assert_eq!(shown(Availability::Away, "vacation"), ["activities", "vacation", "away"]);
        assert_eq!(shown(Availability::Busy, "unknown"), ["activities", "busy"]);
        assert_eq!(shown(Availability::Available, "unknown"), ["activities", "unknown"]);
        assert_eq!(shown(Availability::DoNotDisturb, "presentation"), ["activities", "presentation", "busy"]);
    }

    #[test]
    fn an_activity_without_an_element_is_other_with_its_name() {
        let it = xml(&value(Availability::Available, "on-site <x>", ""));
        assert!(it.contains("<rpid:activities><rpid:other>on-site &lt;x&gt;</rpid:other></rpid:activities>"), "{it}");
        let long = xml(&value(Availability::Available, &"a".repeat(5000), ""));
        assert!(long.len() < 700, "{}", long.len());
    }

    #[test]
    fn basic_follows_the_setting() {
        assert!(xml(&value(Availability::DoNotDisturb, "", "")).contains("<basic>closed</basic>"));
        assert!(xml(&value(Availability::Away, "", "")).contains("<basic>open</basic>"));
        assert!(nothing("sip:a@b", &Settings::default()).unwrap().contains("<basic>closed</basic>"));
    }

    #[test]
    fn an_end_that_has_passed_is_not_told() {
        let mut it = value(Availability::Busy, "meeting", "");
        it.until = Some(NOW);
        assert!(!xml(&it).contains("until"));
        it.until = Some(i64::MAX);
        assert!(!xml(&it).contains("until"), "a time that no calendar has");
    }

    #[test]
    fn hostile_texts_stay_one_text() {
        for (given, kept) in [
            ("a ]]> b", "a ]]> b"),
            ("</dm:note><rpid:away/><dm:note>", "</dm:note><rpid:away/><dm:note>"),
            ("<![CDATA[x]]>", "<![CDATA[x]]>"),
            ("&amp; &x; \"'", "&amp; &x; \"'"),
            ("a\0b\u{1}c\r\nd\u{FFFE}e\u{85}f", "a b c  d e f"),
            ("😀 – ü", "😀 – ü"),
        ] {
            let it = xml(&value(Availability::Busy, "meeting", given));
            let (elements, texts) = parsed(&it);
            let expected =
                ["presence", "tuple", "status", "basic", "note", "dm:person", "rpid:activities", "rpid:meeting", "rpid:busy", "dm:note"];
            assert_eq!(elements, expected, "{given:?}");
            assert_eq!(texts, ["open", kept, kept], "{given:?}");
        }
    }

    #[test]
    fn trap_06_the_longest_text_fits_kamailios_read_buffer() {
        let it = xml(&value(Availability::Busy, &"\"".repeat(5000), &"\"".repeat(5000)));
        assert_eq!(text(&"\"".repeat(5000)).len(), TEXT_LIMIT);
        assert!(serde_json::to_string(&it).unwrap().len() < 12_000, "{}", it.len());
    }
}
