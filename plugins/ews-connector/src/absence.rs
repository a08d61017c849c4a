//! Automatic replies (SEMANTICS P-21a). Their texts are HTML.

use calport_ews_protocol::operation::{ExternalAudience as EwsAudience, GetUserOofSettings, OofSettings, OofState, SetUserOofSettings};
use calport_ews_protocol::zone;
use calport_sdk::common::{Error, ErrorScope, Instant, Moment, TextBody, TextFormat, TimedSpan};
use calport_sdk::error;
use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::bindings::exports::calport::connector::absence::{AbsenceSetting, AbsenceState, ExternalAudience};
use crate::client::Client;

/// The setting of a mailbox.
///
/// # Errors
/// Those of any read.
pub fn read(client: &Client, mailbox: &str) -> Result<AbsenceSetting, Error> {
    let purpose = client.reading("reading automatic replies", mailbox);
    let reply = client.single(&GetUserOofSettings { mailbox: mailbox.to_owned() }, &purpose)?;
    let settings = reply.settings.map_err(|got| Error { scope: ErrorScope::Mailbox, ..error::protocol("automatic replies", got) })?;
    let html = |text: Option<String>| text.map(|content| TextBody { format: TextFormat::Html, content });
    Ok(AbsenceSetting {
        state: match settings.state {
            OofState::Disabled => AbsenceState::Disabled,
            OofState::Enabled => AbsenceState::Enabled,
            OofState::Scheduled { start, end } => AbsenceState::Scheduled(TimedSpan { start: Moment::At(start), end: Moment::At(end) }),
        },
        internal_reply: html(settings.internal_reply),
        external_reply: html(settings.external_reply),
        audience: match settings.audience {
            EwsAudience::Nobody => ExternalAudience::None,
            EwsAudience::Known => ExternalAudience::Contacts,
            EwsAudience::All => ExternalAudience::Everybody,
        },
    })
}

/// Writes a mailbox's setting.
///
/// # Errors
/// `invalid` for times that nobody can place, and those of any write.
pub fn write(client: &Client, mailbox: &str, setting: &AbsenceSetting) -> Result<(), Error> {
    let settings = OofSettings {
        state: match &setting.state {
            AbsenceState::Disabled => OofState::Disabled,
            AbsenceState::Enabled => OofState::Enabled,
            AbsenceState::Scheduled(span) => OofState::Scheduled { start: instant(&span.start)?, end: instant(&span.end)? },
        },
        audience: match setting.audience {
            ExternalAudience::None => EwsAudience::Nobody,
            ExternalAudience::Contacts => EwsAudience::Known,
            ExternalAudience::Everybody => EwsAudience::All,
        },
        // An empty text clears a reply; one that is not named would stay.
        internal_reply: Some(html(setting.internal_reply.as_ref())),
        external_reply: Some(html(setting.external_reply.as_ref())),
    };
    let write = SetUserOofSettings { mailbox: mailbox.to_owned(), settings };
    client.single(&write, &client.writing("writing automatic replies", mailbox)).map(|_| ())
}

/// The instant of a moment.
///
/// # Errors
/// `invalid` for a wall time that is none, or in a zone that nobody knows.
pub fn instant(moment: &Moment) -> Result<Instant, Error> {
    let wall = match moment {
        Moment::At(instant) => return Ok(*instant),
        Moment::Wall(wall) => wall,
    };
    let local: DateTime = wall.local.parse().map_err(|_| error::invalid("time", "it is no wall time"))?;
    let zone = zone::to_time_zone(&wall.zone).ok_or_else(|| error::invalid("time.zone", "nobody knows this zone"))?;
    let found = zone.to_ambiguous_timestamp(local).compatible().map(Timestamp::as_millisecond);
    found.map_err(|_| error::invalid("time", "it is out of range"))
}

fn html(text: Option<&TextBody>) -> String {
    let Some(text) = text else { return String::new() };
    match text.format {
        TextFormat::Html => text.content.clone(),
        TextFormat::Plain => {
            let escaped = text.content.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            escaped.lines().collect::<Vec<_>>().join("<br>")
        }
    }
}
