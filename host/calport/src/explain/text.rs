//! An explanation as text: first what is shown and whether that is right, then why, then the rest.

use std::fmt::Write as _;

use calport_model::PresenceValue;
use jiff::Timestamp;

use super::local::{Local, age, zone_of};
use super::{AtSink, ByHand, Explained, Item, LayerState, OutOfOffice, Presence};

/// Characters of a title or a text in one line.
const LONGEST: usize = 120;

/// The text for people, without a line break at its end.
pub fn text(explained: &Explained) -> String {
    let mut page = Page { local: Local::new(zone_of(&explained.zone), explained.at), at: explained.at, out: String::new() };
    page.head(explained);
    if let Some(sink) = &explained.sink {
        page.sink(explained, sink);
    }
    match &explained.presence {
        Some(presence) => page.presence(presence, explained.now),
        None => page.line("Nothing is computed for this person."),
    }
    page.changes(explained);
    page.out.truncate(page.out.trim_end().len());
    page.out
}

/// A value in one line: `busy, "Busy: Weekly until 10:30"`.
pub fn value(value: &PresenceValue) -> String {
    let text = if value.text.is_empty() { String::new() } else { format!(", {}", quoted(&value.text)) };
    let named = |word: &str, name: &Option<String>| name.as_ref().map_or_else(String::new, |name| format!(", {word} {name}"));
    format!("{}{text}{}{}", value.availability.as_str(), named("greeting", &value.greeting), named("forwarding", &value.forwarding))
}

/// A text in quotation marks, shortened where it is long.
pub fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

struct Page {
    local: Local,
    at: Timestamp,
    out: String,
}

impl Page {
    fn line(&mut self, line: impl AsRef<str>) {
        self.out.push_str(line.as_ref());
        self.out.push('\n');
    }

    fn head(&mut self, explained: &Explained) {
        let who = &explained.person;
        let name = if who.name.is_empty() || who.name == who.id { who.id.clone() } else { format!("{} ({})", who.name, who.id) };
        let at = self.local.full(explained.at);
        let zone = &explained.zone;
        self.line(format!("{name} · {at} · times in {zone}"));
        for note in &explained.notes {
            self.line(note);
        }
        self.line("");
        for trouble in &explained.troubles {
            self.line(format!("TROUBLE: {trouble}."));
        }
        if !explained.troubles.is_empty() {
            self.line("");
        }
    }

    fn sink(&mut self, explained: &Explained, sink: &AtSink) {
        let (at, user) = (explained.person.sink.as_deref().unwrap_or("the sink"), explained.person.user.as_deref().unwrap_or("?"));
        match &sink.shown {
            None => self.line(format!("Shown: nothing of Calport's at {at}, user {user}.")),
            Some(shown) => {
                self.line(format!("Shown: {}", value(shown)));
                let since = sink.since.map_or_else(String::new, |since| format!(", since {}", self.local.when(since)));
                let well = if sink.in_step { ". That is what it should show." } else { "." };
                self.line(format!("  at {at}, user {user}{since}{well}"));
            }
        }
        if !sink.in_step {
            let wanted = sink.wanted.as_ref().map_or_else(|| "nothing".to_owned(), value);
            self.line(format!("Wanted: {wanted}"));
            if !sink.written {
                self.line("  SHADOW MODE: nothing is written to sinks (`publish = false` in [host]).");
            } else if sink.error.is_none() {
                self.line("  It is on its way.");
            }
        }
        self.line("");
    }

    fn presence(&mut self, presence: &Presence, now: bool) {
        if !now {
            self.line(format!("Shown then: {}", value(&presence.value)));
            self.line("");
        }
        self.why(presence);
        self.items("Beaten", &presence.losers);
        self.items("Not counted", &presence.drops);
        self.line("Layers, strongest first");
        for layer in &presence.layers {
            let mark = if layer.state == LayerState::Decides { "→" } else { " " };
            let more = match layer.state {
                LayerState::Covered if presence.layer != "unknown" => " (covered)",
                LayerState::Covered | LayerState::Decides | LayerState::Empty | LayerState::NotUsed => "",
            };
            self.line(format!("{mark} {:<10} {}{more}", layer.name, layer.says));
        }
        self.line("");
        for one in presence.by_hand.iter().filter(|one| !one.holds) {
            self.line(format!("Set by hand before: {}", self.by_hand(one)));
        }
        self.out_of_office(&presence.out_of_office, now);
        self.freshness(presence);
        match presence.next_change {
            Some(next) => self.line(format!("Next change: {}", self.local.when(next))),
            None => self.line("Next change: none is known"),
        }
    }

    fn why(&mut self, presence: &Presence) {
        let because = format!("Why: {} ({}).", presence.says, presence.rule);
        match (&presence.winner, presence.layer.as_str()) {
            (Some(winner), "calendar") => {
                self.line("Why: an appointment decides.");
                self.line(format!("  {}", self.item(winner)));
                self.line(format!("  {}: {}", presence.rule, presence.says));
                self.until(presence, winner);
            }
            (Some(winner), layer) => {
                self.line(because);
                let what = if layer == "unknown" { "By the old copy" } else { "Without that" };
                self.line(format!("  {what}: {}", self.item(winner)));
            }
            (None, _) => self.line(because),
        }
        for one in presence.by_hand.iter().filter(|one| one.holds) {
            self.line(format!("  {}", self.by_hand(one)));
        }
        if let Some(before) = &presence.before_audience {
            self.line(format!("  The audience of the sink sees this in place of {}.", value(before)));
        }
        if presence.profile != "ranked" {
            self.line(format!("  Appointments compete by the profile {}.", presence.profile));
        }
        self.line("");
    }

    /// Why the text ends at another time than the appointment does (SEMANTICS P-17).
    fn until(&mut self, presence: &Presence, winner: &Item) {
        let state = presence.value.availability.as_str();
        match presence.value.until {
            Some(until) if until == winner.end => {}
            Some(until) => self.line(format!("  P-17 run: {state} goes on without a break until {}", self.local.when(until))),
            None => self.line(format!("  P-17 run: {state} goes on without a break to the end of what is loaded, so no end is told")),
        }
    }

    fn items(&mut self, title: &str, items: &[Item]) {
        if items.is_empty() {
            return;
        }
        self.line(title);
        for item in items {
            self.line(format!("  {}", self.item(item)));
            self.line(format!("    {}: {}", item.rule, item.says));
        }
        self.line("");
    }

    fn item(&self, item: &Item) -> String {
        let title = match (&item.title, item.hidden.as_deref()) {
            (Some(title), _) => quoted(title),
            (None, Some("private")) => "a private appointment".to_owned(),
            (None, Some("subjects-hidden")) => "an appointment (titles are hidden)".to_owned(),
            (None, _) => "an appointment without a title".to_owned(),
        };
        let time = match item.days {
            Some((first, last)) => self.local.days(first, last),
            None => self.local.span(item.start, item.end),
        };
        let mut line = format!("{title}, {time}");
        if let Some(mapped) = &item.mapped {
            let _ = write!(line, ", mapping {} = {:?} ({})", mapped.row, mapped.target, mapped.row_from);
            line.push_str(match mapped.keyword {
                2 => ", has a must word",
                0 => ", has a must-not word",
                _ => "",
            });
        }
        line
    }

    fn by_hand(&self, one: &ByHand) -> String {
        let note = one.note.as_deref().map_or_else(String::new, |note| format!(" {}", quoted(note)));
        let set = format!("{}{note}, set {} {}", one.target, self.local.when(one.set_at), one.set_where);
        let end = match one.end {
            None => format!("holds {}", one.ends_by),
            Some(end) if end <= self.at => format!("ended {} ({})", self.local.when(end), one.ends_by),
            Some(end) => format!("holds until {} ({})", self.local.when(end), one.ends_by),
        };
        format!("{set}; {end}")
    }

    fn out_of_office(&mut self, setting: &OutOfOffice, now: bool) {
        let Some(on) = setting.on else {
            self.line("Out of office: not known. It is not read yet, or the connection may not read it (`calport check`)");
            return;
        };
        let mut line = format!("Out of office: {}", if on { "on" } else { "off" });
        if let Some((start, end)) = setting.scheduled {
            let _ = write!(line, ", scheduled {}", self.local.span(start, end));
        }
        if let Some(read_at) = setting.read_at {
            let _ = write!(line, "; read {}", self.local.when(read_at));
            if now {
                let _ = write!(line, " ({} ago)", age(read_at, self.at));
            }
        }
        if let Some(next) = setting.next_reading {
            let _ = write!(line, ", again by {}", self.local.when(next));
        }
        self.line(line);
    }

    fn freshness(&mut self, presence: &Presence) {
        let Some(freshness) = &presence.freshness else { return };
        let verified = match freshness.last_verified {
            Some(verified) => format!("verified {} ({} ago)", self.local.when(verified), age(verified, self.at)),
            None => "never verified".to_owned(),
        };
        let falls = match freshness.unknown_from {
            Some(from) if freshness.state != "unknown" => format!("; unknown from {} unless it is verified before", self.local.when(from)),
            _ => String::new(),
        };
        self.line(format!("Calendar: {}, {verified}{falls}", freshness.state));
    }

    fn changes(&mut self, explained: &Explained) {
        if explained.last_changes.is_empty() {
            return;
        }
        self.line("");
        self.line(if explained.now { "Last changes" } else { "Last changes before that" });
        for change in &explained.last_changes {
            let what = match (&change.after, change.action.as_str()) {
                (Some(after), "presence.set") => value(after),
                (_, "presence.clear") => "cleared".to_owned(),
                (Some(after), "presence.overruled") => format!("set by hand: {}", value(after)),
                (_, "presence.released") => "taken away at the sink".to_owned(),
                (_, action) => action.to_owned(),
            };
            self.line(format!("  {}  {what} [{}]", self.local.when(change.at), change.cause));
        }
    }
}
