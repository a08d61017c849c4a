//! The value of a moment: title, text, activity, greeting, forwarding (SEMANTICS P-17 to P-21), for one audience (P-24b).

use std::borrow::Cow;

use calport_model::{Availability, PresenceValue};
use jiff::{SignedDuration, Timestamp};

use super::audience::Audience;
use super::config::Class;
use super::evaluate::{Line, layer};
use super::outcome::{Current, Layer, Loss, ReasonCode};
use super::target::{State, Target};
use super::template::Template;
use super::text::{Phrase, Writer};
use super::timeline::{Cause, Piece};
use super::{Input, activity};

/// The title of the first and the state of a piece, as an audience may see them.
struct Seen<'a> {
    target: Option<&'a Target>,
    availability: Availability,
    title: Option<Cow<'a, str>>,
}

impl Seen<'_> {
    fn phrase(&self) -> Phrase<'_> {
        Phrase { availability: self.availability, title: self.title.as_deref() }
    }
}

impl<'a> Line<'a> {
    /// What is shown at a piece, with the strongest loser for the reason.
    pub(super) fn current(&self, at: usize, piece: Option<Piece>, ends: &[Timestamp], loss: Option<&Loss>) -> Current {
        let Some(piece) = piece else { return self.unknown() };
        let cause = piece.cause;
        let end = ends.get(at).copied().unwrap_or(piece.end);
        let reason = match cause {
            Cause::None => ReasonCode::NoEvent,
            Cause::Event(_) => loss.map_or(ReasonCode::OnlyEvent, |loss| loss.reason),
            Cause::Bridged(_) => ReasonCode::MergeGap,
            Cause::Oof => ReasonCode::OofSetting,
            Cause::Override(_) => ReasonCode::Override,
        };
        let value = self.value(at, cause, end, None);
        Current {
            value,
            target: self.target(cause).cloned(),
            winner: self.winner(cause),
            layer: layer(cause),
            by_hand: self.by_hand(cause),
            reason,
        }
    }

    /// The value of a piece whose run ends at `end`, for an audience.
    pub(super) fn value(&self, at: usize, cause: Cause, end: Timestamp, audience: Option<&'a Audience>) -> PresenceValue {
        let until = self.known(end);
        let now = self.seen(cause, audience);
        let next = until.and_then(|end| self.next_run(at, end)).filter(|_| audience.is_none_or(|audience| audience.show_next));
        let next = next.map(|next| self.seen(next, audience));
        let template = self.template(now.target);
        let writer = self.writer();
        let next = next.as_ref().map(Seen::phrase);
        let own = template.and_then(|template| template.text.as_ref()).and_then(|pattern| writer.own(pattern, now.phrase(), until, next));
        let text = own.unwrap_or_else(|| writer.text(now.phrase(), until, next));
        // An alias stands for the whole value: what an audience must not know does not show by a greeting either.
        let aliased = now.target != self.target(cause);
        let greeting = if aliased { template.and_then(|template| template.greeting.clone()) } else { self.greeting(cause) };
        let forwarding = if aliased { template.and_then(|template| template.forwarding.clone()) } else { self.forwarding(cause) };
        let class = if aliased { None } else { self.class(cause) };
        let named = template.and_then(|template| template.activity.clone());
        let activity = named.unwrap_or_else(|| activity::of(now.availability, class).to_owned());
        PresenceValue { availability: now.availability, activity, text, until, greeting, forwarding }
    }

    /// Outside the window nothing is known, and nothing is claimed.
    pub(super) fn unknown(&self) -> Current {
        let phrase = Phrase { availability: Availability::Unknown, title: None };
        let value = PresenceValue {
            availability: Availability::Unknown,
            activity: String::new(),
            text: self.writer().text(phrase, None, None),
            until: None,
            greeting: None,
            forwarding: None,
        };
        Current { value, target: None, winner: None, layer: Layer::Calendar, by_hand: None, reason: ReasonCode::OutsideWindow }
    }

    /// The value of something that is none of the layers here, a live signal (SEMANTICS P-25).
    pub(super) fn foreign(&self, target: &'a Target, until: Option<Timestamp>) -> PresenceValue {
        let until = until.filter(|&until| until > self.input.now);
        let phrase = Phrase { availability: self.availability(Some(target)), title: None };
        let template = self.template(Some(target));
        let own = template.and_then(|template| template.text.as_ref()).and_then(|pattern| self.writer().own(pattern, phrase, until, None));
        let named = template.and_then(|template| template.activity.clone());
        PresenceValue {
            availability: phrase.availability,
            activity: named.unwrap_or_else(|| activity::of(phrase.availability, None).to_owned()),
            text: own.unwrap_or_else(|| self.writer().text(phrase, until, None)),
            until,
            greeting: template.and_then(|template| template.greeting.clone()),
            forwarding: template.and_then(|template| template.forwarding.clone()),
        }
    }

    fn by_hand(&self, cause: Cause) -> Option<String> {
        match cause {
            Cause::Override(index) => self.held.get(index).map(|held| held.manual.id.clone()),
            Cause::None | Cause::Event(_) | Cause::Bridged(_) | Cause::Oof => None,
        }
    }

    fn seen(&self, cause: Cause, audience: Option<&'a Audience>) -> Seen<'a> {
        let target = self.target(cause);
        let alias = target.and_then(|target| audience?.alias(target));
        let shown = alias.or(target);
        let hidden = alias.is_some() || audience.is_some_and(|audience| !audience.show_subject);
        let title = if hidden { None } else { self.title(cause) };
        Seen { target: shown, availability: self.availability(shown), title }
    }

    /// The state of a target; a template that does not exist shows as busy, the state that claims least.
    fn availability(&self, target: Option<&Target>) -> Availability {
        target.map_or(Availability::Available, |target| self.input.config.state(target).unwrap_or(State::Busy).availability())
    }

    /// The title as it may be shown (SEMANTICS P-20).
    fn title(&self, cause: Cause) -> Option<Cow<'a, str>> {
        match cause {
            Cause::None | Cause::Oof => None,
            Cause::Override(index) => self.held.get(index).and_then(|held| held.manual.note.as_deref()).and_then(tidy),
            Cause::Event(index) | Cause::Bridged(index) => {
                let candidate = self.candidates.get(index)?;
                shown_title(self.input, candidate.event.subject.expose(), candidate.private)
            }
        }
    }

    fn template(&self, target: Option<&Target>) -> Option<&'a Template> {
        match target? {
            Target::Template(name) => self.input.config.templates.get(name),
            Target::State(_) => None,
        }
    }

    fn class(&self, cause: Cause) -> Option<Class> {
        match cause {
            Cause::Event(index) | Cause::Bridged(index) => self.candidates.get(index).map(|candidate| candidate.class),
            Cause::Oof => Some(Class::OofSetting),
            Cause::None | Cause::Override(_) => None,
        }
    }

    pub(super) fn writer(&self) -> Writer<'a> {
        let Input { language, presence_zone: zone, now, config, .. } = *self.input;
        Writer { language, zone, format: config.time_format, now }
    }

    /// The first run after the current one that has an event, if it starts soon enough (SEMANTICS P-18).
    fn next_run(&self, at: usize, end: Timestamp) -> Option<Cause> {
        let mut runs = self.pieces.iter().skip(at).skip_while(|piece| piece.start < end).peekable();
        while let Some(first) = runs.next() {
            let target = self.target(first.cause);
            let mut event = has_event(first.cause).then_some(first.cause);
            while let Some(piece) = runs.next_if(|piece| self.target(piece.cause) == target) {
                event = event.or(has_event(piece.cause).then_some(piece.cause));
            }
            if let Some(cause) = event {
                let longest = SignedDuration::from_hours(i64::from(self.input.config.next_within_hours));
                return (first.start.duration_since(end) <= longest).then_some(cause);
            }
        }
        None
    }

    /// The greeting (SEMANTICS P-21): the override's own; else that of the setting while it is on; else that of the event.
    fn greeting(&self, cause: Cause) -> Option<String> {
        let config = self.input.config;
        let template = self.template(self.target(cause)).and_then(|template| template.greeting.as_ref());
        let own = match cause {
            Cause::Override(index) => self.held.get(index).and_then(|held| held.manual.greeting.as_ref()).or(template),
            Cause::None | Cause::Event(_) | Cause::Bridged(_) | Cause::Oof => None,
        };
        let oof_on = self.oof.is_some_and(|span| span.start <= self.input.now && self.input.now < span.end);
        let setting = self.template(config.mapping.row(Class::OofSetting).target()).and_then(|template| template.greeting.as_ref());
        let setting = setting.or(config.oof_greeting.as_ref()).filter(|_| oof_on);
        let away = cause.event().is_some() && self.availability(self.target(cause)) == Availability::Away;
        let event = template.or(config.away_greeting.as_ref()).filter(|_| away);
        own.or(setting).or(event).cloned()
    }

    fn forwarding(&self, cause: Cause) -> Option<String> {
        let own = match cause {
            Cause::Override(index) => self.held.get(index).and_then(|held| held.manual.forwarding.as_ref()),
            Cause::None | Cause::Event(_) | Cause::Bridged(_) | Cause::Oof => None,
        };
        own.or(self.template(self.target(cause)).and_then(|template| template.forwarding.as_ref())).cloned()
    }
}

fn has_event(cause: Cause) -> bool {
    matches!(cause, Cause::Event(_) | Cause::Bridged(_) | Cause::Oof)
}

/// A subject as it may be shown (SEMANTICS P-20).
pub(super) fn shown_title<'a>(input: &Input<'a>, subject: &'a str, private: bool) -> Option<Cow<'a, str>> {
    match (input.config.show_subject, private) {
        (false, _) => None,
        (true, true) => input.config.private_word.as_deref().and_then(tidy),
        (true, false) => tidy(subject),
    }
}

/// A title as one line without control characters; `None` when nothing is left.
pub(super) fn tidy(title: &str) -> Option<Cow<'_, str>> {
    let trimmed = title.trim();
    if trimmed.is_empty() {
        return None;
    }
    if !trimmed.contains(char::is_control) {
        return Some(Cow::Borrowed(trimmed));
    }
    let words = trimmed.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let clean = words.collect::<Vec<_>>().join(" ");
    (!clean.is_empty()).then_some(Cow::Owned(clean))
}
