//! Automatic replies.

use calport_sdk::common::Instant;

use crate::error::{ReadError, WriteError};
use crate::soap::{Done, Gaps, Operation, Reply};
use crate::value::{self, When};
use crate::xml::{Element, Scanner, Writer};

/// Whether automatic replies are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OofState {
    /// No.
    Disabled,
    /// Yes, until switched off.
    Enabled,
    /// Yes, in this time.
    Scheduled {
        /// The first instant.
        start: Instant,
        /// The first instant after it.
        end: Instant,
    },
}

/// Who outside receives replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExternalAudience {
    /// Nobody.
    #[default]
    Nobody,
    /// Known contacts.
    Known,
    /// Everybody.
    All,
}

/// The automatic replies of a mailbox. Their texts are HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OofSettings {
    /// Whether they are sent.
    pub state: OofState,
    /// Who outside receives them.
    pub audience: ExternalAudience,
    /// What colleagues receive.
    pub internal_reply: Option<String>,
    /// What others receive.
    pub external_reply: Option<String>,
}

/// Reads the automatic replies of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetUserOofSettings {
    /// Its address.
    pub mailbox: String,
}

impl Operation for GetUserOofSettings {
    type Reply = OofReply;
    const NAME: &'static str = "GetUserOofSettings";

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        xml.element("m:GetUserOofSettingsRequest", |xml| write_mailbox(xml, &self.mailbox))
    }
}

/// Writes the automatic replies of a mailbox, all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetUserOofSettings {
    /// Its address.
    pub mailbox: String,
    /// The settings.
    pub settings: OofSettings,
}

impl Operation for SetUserOofSettings {
    type Reply = Done;
    const NAME: &'static str = "SetUserOofSettings";

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        let settings = &self.settings;
        xml.element("m:SetUserOofSettingsRequest", |xml| {
            write_mailbox(xml, &self.mailbox)?;
            xml.element("t:UserOofSettings", |xml| {
                let (state, duration) = match settings.state {
                    OofState::Disabled => ("Disabled", None),
                    OofState::Enabled => ("Enabled", None),
                    OofState::Scheduled { start, end } if end <= start => {
                        return Err(WriteError::invalid("absence", "it ends before it begins"));
                    }
                    OofState::Scheduled { start, end } => ("Scheduled", Some((start, end))),
                };
                xml.text("t:OofState", state);
                xml.text(
                    "t:ExternalAudience",
                    match settings.audience {
                        ExternalAudience::Nobody => "None",
                        ExternalAudience::Known => "Known",
                        ExternalAudience::All => "All",
                    },
                );
                if let Some((start, end)) = duration {
                    let time = |at| value::utc_text(at).ok_or(WriteError::invalid("absence", "a time out of range"));
                    xml.element("t:Duration", |xml| {
                        xml.text("t:StartTime", &time(start)?);
                        xml.text("t:EndTime", &time(end)?);
                        Ok::<(), WriteError>(())
                    })?;
                }
                for (name, reply) in [("t:InternalReply", &settings.internal_reply), ("t:ExternalReply", &settings.external_reply)] {
                    if let Some(reply) = reply {
                        xml.element::<WriteError>(name, |xml| {
                            xml.text("t:Message", reply);
                            Ok(())
                        })?;
                    }
                }
                Ok(())
            })
        })
    }
}

fn write_mailbox(xml: &mut Writer, address: &str) -> Result<(), WriteError> {
    if address.is_empty() {
        return Err(WriteError::invalid("mailbox", "its address is empty"));
    }
    xml.element("t:Mailbox", |xml| {
        xml.text("t:Address", address);
        Ok(())
    })
}

/// What came of reading automatic replies: the settings, or what they lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OofReply {
    /// The settings, or why they cannot be read.
    pub settings: Result<OofSettings, String>,
}

impl Default for OofReply {
    fn default() -> Self {
        Self { settings: Err("an answer without settings".to_owned()) }
    }
}

impl Reply for OofReply {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        if part.name() != "OofSettings" {
            return Ok(false);
        }
        let (mut state, mut start, mut end) = (String::new(), None, None);
        let mut audience = ExternalAudience::Nobody;
        let (mut internal_reply, mut external_reply) = (None, None);
        xml.children(|xml, field| {
            match field.name() {
                "OofState" => state = xml.word()?,
                "ExternalAudience" => {
                    audience = match &*xml.word()? {
                        "All" => ExternalAudience::All,
                        "Known" => ExternalAudience::Known,
                        _ => ExternalAudience::Nobody,
                    }
                }
                "Duration" => xml.children(|xml, time| {
                    let read = |text: &str| value::date_time(text).and_then(When::utc);
                    match time.name() {
                        "StartTime" => start = read(&xml.text()?),
                        "EndTime" => end = read(&xml.text()?),
                        _ => {}
                    }
                    Ok(())
                })?,
                "InternalReply" => internal_reply = message(xml)?,
                "ExternalReply" => external_reply = message(xml)?,
                _ => {}
            }
            Ok(())
        })?;
        let state = match (&*state, start, end) {
            ("Disabled", ..) => Ok(OofState::Disabled),
            ("Enabled", ..) => Ok(OofState::Enabled),
            ("Scheduled", Some(start), Some(end)) if start <= end => Ok(OofState::Scheduled { start, end }),
            ("Scheduled", ..) => Err("a scheduled absence without its times"),
            _ => Err("an absence in an unknown state"),
        };
        self.settings = state.map(|state| OofSettings { state, audience, internal_reply, external_reply }).map_err(str::to_owned);
        Ok(true)
    }
}

fn message(xml: &mut Scanner<'_>) -> Result<Option<String>, ReadError> {
    Ok(xml.texts("Message")?.into_iter().next().filter(|text| !text.is_empty()))
}
