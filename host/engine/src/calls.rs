//! Telephone calls as a live signal (SEMANTICS P-25): asked for at short intervals, for those whose rules use them.

use calport_model::presence::CallState;
use calport_model::{ConnectorError, ErrorKind};
use calport_rules::presence::{CALL_LAYER, Signal};
use jiff::Timestamp;

use crate::actor::Engine;
use crate::backoff;
use crate::dispatch::Done;
use crate::wheel::Timer;

/// Users with their call states.
pub(crate) type CallAnswers = Result<Vec<(String, Result<CallState, ConnectorError>)>, ConnectorError>;

/// What is known of asking a sink for calls.
#[derive(Default)]
pub(crate) struct Calls {
    busy: bool,
    next: Option<Timestamp>,
    /// The sink has no call states.
    none: bool,
}

impl Engine {
    /// The signals that are on for a person.
    pub(crate) fn signals_of(&self, person: &str) -> Vec<Signal> {
        let Some(entry) = self.people.get(person).filter(|p| p.on_call) else { return Vec::new() };
        let target = entry.plan.rules.signals.get(CALL_LAYER);
        target.map(|target| Signal { layer: CALL_LAYER.to_owned(), target: target.clone(), until: None }).into_iter().collect()
    }

    /// Asks a sink for the call states of those whose rules use them, where it is time to.
    pub(crate) fn ask_calls(&mut self, id: &str, now: Timestamp) {
        let Some(users) = self.call_users.get(id).filter(|users| !users.is_empty()) else { return };
        let Some(connection) = self.connections.get_mut(id) else { return };
        if !connection.is_open(now) || connection.calls.busy || connection.calls.none || connection.calls.next.is_some_and(|at| at > now) {
            return;
        }
        let size = connection.plan.api.descriptor().sink.as_ref().map_or(1, |sink| sink.batch_size.max(1));
        connection.calls.busy = true;
        let next = backoff::after(now, self.settings.call_read);
        connection.calls.next = Some(next);
        self.wheel.set(next, Timer::Connection(id.to_owned()));
        let (api, id, users) = (connection.plan.api.clone(), id.to_owned(), users.clone());
        self.jobs.spawn(async move {
            let mut answers = Vec::with_capacity(users.len());
            for batch in users.chunks(size) {
                match api.call_states(batch.to_vec()).await {
                    Ok(states) => answers.extend(batch.iter().cloned().zip(states)),
                    Err(error) => return Done::Calls(id, Err(error)),
                }
            }
            Done::Calls(id, Ok(answers))
        });
    }

    /// Call states came.
    pub(crate) fn calls_read(&mut self, sink: &str, result: CallAnswers) {
        let now = self.clock.now();
        let Some(connection) = self.connections.get_mut(sink) else { return };
        connection.calls.busy = false;
        let answers = match result {
            Ok(answers) => answers,
            Err(error) if error.kind == ErrorKind::Unsupported => {
                connection.calls.none = true;
                tracing::warn!(
                    code = "no-call-states",
                    connection = sink,
                    "rules use the signal `call`, but this sink has no call states; take the signal out of the rules of its people"
                );
                return;
            }
            Err(error) => return self.connection_failed(sink, &error, now),
        };
        let mut changed = Vec::new();
        for (user, state) in answers {
            let Ok(state) = state else { continue };
            let Some(person) = self.by_user.get(&(sink.to_owned(), user)) else { continue };
            let Some(entry) = self.people.get_mut(person) else { continue };
            let on_call = state == CallState::OnCall;
            if entry.on_call != on_call {
                entry.on_call = on_call;
                changed.push(person.clone());
            }
        }
        for person in changed {
            self.recompute(&person);
        }
    }
}
