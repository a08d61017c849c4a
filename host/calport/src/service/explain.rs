//! `calport explain` at the service: everything that is known of a person, gathered for the explanation.

use std::sync::Arc;
use std::time::Duration;

use calport_engine::{Basis, BasisError, EngineHandle, PersonStatus, Status};
use calport_web::control::{ControlError, ControlErrorKind};
use jiff::Timestamp;
use serde_json::Value;

use super::control::gone;
use super::roster::Roster;
use super::{Service, lock};
use crate::explain::{Asked, Circumstances, NotFound, Who, explained, find, parse, troubles};

/// Entries of the audit trail that are looked through for those before a moment.
const AUDIT: u32 = 1_000;

/// An error that nobody foresaw.
pub(super) fn internal(error: impl std::fmt::Display) -> ControlError {
    ControlError::new(ControlErrorKind::Internal, error.to_string(), "look at `calport log`, and report this")
}

pub(super) fn nobody(NotFound { error, remedy }: NotFound) -> ControlError {
    ControlError::new(ControlErrorKind::NotFound, error, remedy)
}

/// What a person's presence is made of.
pub(super) async fn basis_of(engine: &EngineHandle, id: &str) -> Result<Option<Basis>, ControlError> {
    engine.basis(id).await.map_err(|error| match error {
        BasisError::Gone(_) => gone(),
        BasisError::Store(error) => internal(error),
    })
}

/// How everything is.
pub(super) struct Health {
    /// People and connections, as the engine has them.
    pub status: Status,
    /// Connections that cannot be made, with the reason.
    not_made: Vec<(String, String)>,
}

impl Health {
    /// What keeps a person's presence from being right.
    pub fn troubles(&self, roster: &Roster, id: &str) -> Vec<String> {
        let known = Circumstances {
            active: roster.persons.get(id).is_some_and(|person| person.active),
            left_out: roster.left.get(id).map(String::as_str),
            status: self.person(id),
            connections: &self.status.connections,
            not_made: &self.not_made,
        };
        troubles(roster.plans.get(id).map(Arc::as_ref), known)
    }

    /// How a person is. The engine tells people in the order of their ids.
    pub fn person(&self, id: &str) -> Option<&PersonStatus> {
        let people = &self.status.people;
        match people.binary_search_by(|person| person.id.as_str().cmp(id)) {
            Ok(at) => people.get(at),
            Err(_) => people.iter().find(|person| person.id == id),
        }
    }
}

impl Service {
    /// The people of the configuration in use.
    pub(super) async fn roster(&self) -> Result<Arc<Roster>, ControlError> {
        let (loaded, listed) = (self.loaded(), lock(&self.listed).clone());
        tokio::task::spawn_blocking(move || Arc::new(Roster::new(loaded, &listed))).await.map_err(internal)
    }

    /// How everything is now.
    pub(super) async fn health(&self) -> Result<Health, ControlError> {
        let status = self.engine.status().await.map_err(|_| gone())?;
        Ok(Health { status, not_made: self.connections.problems().into_iter().collect() })
    }

    pub(super) async fn explain_value(&self, asked: &str, at: Option<&str>) -> Result<Value, ControlError> {
        let roster = self.roster().await?;
        let id = find(asked, &roster.known()).map(|person| person.id.clone()).map_err(nobody)?;
        let basis = basis_of(&self.engine, &id).await?;
        let zone = basis.as_ref().map_or_else(|| roster.zone(&id), |basis| basis.presence_zone.clone());
        let now = Timestamp::now();
        let at = at.map(|at| parse(at, &zone, now)).transpose().map_err(|error| {
            let remedy = "give a time such as 14:00, 2026-11-21T14:00, or 2026-11-21T14:00:00+01:00";
            ControlError::new(ControlErrorKind::Invalid, error, remedy)
        })?;
        let health = self.health().await?;
        let audit = self.engine.audit(&id, AUDIT).await.map_err(internal)?;
        let person = health.person(&id);
        let plan = roster.plans.get(&id);
        let timing = &roster.config().timing;
        let absence_s = if plan.is_some_and(|plan| plan.vip) { timing.absence_vip_s } else { timing.absence_s };
        let who = Who { mailbox: person.and_then(|person| person.mailbox.clone()), ..roster.who(&id) };
        let asked = Asked {
            zone,
            now,
            at,
            troubles: health.troubles(&roster, &id),
            status: person,
            publish: health.status.publish,
            audit: &audit,
            origins: roster.origins(&who),
            overrules: plan.is_none_or(|plan| plan.overrules),
            absence_every: Duration::from_secs(u64::from(absence_s)),
            who,
        };
        serde_json::to_value(explained(asked, basis)).map_err(internal)
    }
}
