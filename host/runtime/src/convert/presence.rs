//! Presence commands, receipts and readings.

use calport_model::presence::{PresenceCommand, PresenceReading, PresenceReceipt, PresenceUpdate};
use calport_model::{Availability, PresenceValue};

use super::{Bad, exact, name, text, time};
use crate::bindings::exports::presence;
use crate::limits::ValueLimits;

fn to_availability(value: Availability) -> presence::Availability {
    match value {
        Availability::Available => presence::Availability::Available,
        Availability::Busy => presence::Availability::Busy,
        Availability::Away => presence::Availability::Away,
        Availability::DoNotDisturb => presence::Availability::DoNotDisturb,
        Availability::Unknown => presence::Availability::Unknown,
    }
}

fn from_availability(value: presence::Availability) -> Availability {
    match value {
        presence::Availability::Available => Availability::Available,
        presence::Availability::Busy => Availability::Busy,
        presence::Availability::Away => Availability::Away,
        presence::Availability::DoNotDisturb => Availability::DoNotDisturb,
        presence::Availability::Unknown => Availability::Unknown,
    }
}

/// A command for a guest.
pub(crate) fn update(update: PresenceUpdate) -> presence::PresenceUpdate {
    presence::PresenceUpdate {
        user: update.user,
        command: match update.command {
            PresenceCommand::Clear => presence::PresenceCommand::Clear,
            PresenceCommand::Set(value) => presence::PresenceCommand::Set(presence::PresenceValue {
                availability: to_availability(value.availability),
                activity: value.activity,
                text: value.text,
                until: value.until.map(time::millis),
                greeting: value.greeting,
                forwarding: value.forwarding,
                extra: Vec::new(),
            }),
        },
        token: update.token,
        sequence: update.sequence,
    }
}

/// What a sink said.
pub(crate) fn receipt(receipt: presence::PresenceReceipt, limits: &ValueLimits) -> Result<PresenceReceipt, Bad> {
    Ok(PresenceReceipt {
        token: receipt.token.map(|t| exact("token", t, limits.id)).transpose()?,
        stored_text: receipt.stored_text.map(|t| text(&t, limits)),
        expires: receipt.expires.map(time::instant).transpose()?,
    })
}

/// A value as a sink has it.
pub(crate) fn reading(reading: presence::PresenceReading, limits: &ValueLimits) -> Result<PresenceReading, Bad> {
    let value = reading
        .value
        .map(|value| {
            Ok::<_, Bad>(PresenceValue {
                availability: from_availability(value.availability),
                activity: name(&value.activity, limits),
                text: text(&value.text, limits),
                until: value.until.map(time::instant).transpose()?,
                greeting: value.greeting.map(|g| name(&g, limits)),
                forwarding: value.forwarding.map(|f| name(&f, limits)),
            })
        })
        .transpose()?;
    Ok(PresenceReading {
        value,
        foreign: match reading.origin {
            presence::PresenceOrigin::Calport => Some(false),
            presence::PresenceOrigin::Other => Some(true),
            presence::PresenceOrigin::Unknown => None,
        },
        changed: reading.changed.map(time::instant).transpose()?,
    })
}
