//! What the control API asks of the service.

use std::fmt::Write as _;

use calport_model::ConnectorApi as _;
use calport_web::control::{Control, ControlAnswer, ControlError, ControlErrorKind, PreviewFeed, PreviewWish};
use calport_web::logring::LogFeed;
use serde_json::{Value, json};

use super::{Service, lock};
use crate::commands::extend;

pub(super) fn gone() -> ControlError {
    ControlError::new(ControlErrorKind::Unavailable, "the engine has ended", "start Calport again")
}

impl Service {
    async fn status_value(&self) -> Result<Value, ControlError> {
        let status = self.engine.status().await.map_err(|_| gone())?;
        let mut value =
            serde_json::to_value(&status).map_err(|e| ControlError::new(ControlErrorKind::Internal, e.to_string(), "report this"))?;
        let live = self.connections.all();
        let loaded = self.loaded();
        if let Some(list) = value.get_mut("connections").and_then(Value::as_array_mut) {
            for entry in list.iter_mut() {
                let Some(live) = entry.get("id").and_then(Value::as_str).and_then(|id| live.get(id)) else { continue };
                let counters = live.egress.counters();
                let more = [
                    ("cost", json!(live.connector.cost())),
                    ("http", json!(counters)),
                    ("trace_until", json!(live.egress.trace().map(|t| t.until))),
                    ("connector_held_back_until", json!(live.connector.held_back_until())),
                ];
                extend(entry, more);
            }
            for (id, reason) in self.connections.problems() {
                let plugin = loaded.config.connections.get(&id).map(|c| c.plugin.clone());
                list.push(json!({ "id": id, "connector": plugin, "state": "not-made", "reason": reason }));
            }
        }
        let more = [
            ("left_out", json!(*lock(&self.left))),
            ("hooks", json!(self.receiver.counts())),
            ("uptime_s", json!(self.began.elapsed().as_secs())),
            ("version", json!(env!("CARGO_PKG_VERSION"))),
        ];
        extend(&mut value, more);
        Ok(value)
    }

    async fn metrics_text(&self) -> Result<String, ControlError> {
        let status = self.engine.status().await.map_err(|_| gone())?;
        let mut text = String::new();
        let mut line = |name: &str, kind: &str, help: &str, value: String| {
            let _ = writeln!(text, "# HELP calport_{name} {help}\n# TYPE calport_{name} {kind}\n{value}");
        };
        line("syncs_total", "counter", "Reads of mailboxes.", format!("calport_syncs_total {}", status.syncs));
        line("full_reads_total", "counter", "Full reads of windows.", format!("calport_full_reads_total {}", status.full_reads));
        line("computations_total", "counter", "Presence computations.", format!("calport_computations_total {}", status.computations));
        line("published_total", "counter", "Presence values taken by sinks.", format!("calport_published_total {}", status.published));
        line("pending", "gauge", "Work that waits or is under way.", format!("calport_pending {}", status.pending));
        for (name, latency) in [("change_latency", status.change_latency), ("boundary_lag", status.boundary_lag)] {
            for (quantile, value) in [("0.5", latency.p50), ("0.99", latency.p99)] {
                if let Some(ms) = value {
                    let _ = writeln!(text, "calport_{name}_seconds{{quantile=\"{quantile}\"}} {}", ms as f64 / 1000.0);
                }
            }
        }
        for connection in &status.connections {
            let up = u8::from(connection.state == "online");
            let (id, missed) = (&connection.id, connection.missed_notifications);
            let _ = writeln!(text, "calport_connection_up{{connection=\"{id}\"}} {up}");
            let _ = writeln!(text, "calport_missed_notifications_total{{connection=\"{id}\"}} {missed}");
        }
        text.push_str(&self.receiver.counts().metrics());
        Ok(text)
    }
}

impl Control for Service {
    fn ready(&self) -> bool {
        !self.stop.is_cancelled()
    }

    fn status(&self) -> ControlAnswer<'_> {
        Box::pin(self.status_value())
    }

    fn activate<'a>(&'a self, connection: &'a str, active: bool) -> ControlAnswer<'a> {
        Box::pin(async move {
            if !self.engine.activate(connection, active).await.map_err(|_| gone())? {
                return Err(ControlError::no_connection(connection));
            }
            tracing::info!(
                code = if active { "activated" } else { "deactivated" },
                connection,
                "by command; the configuration file decides after the next start"
            );
            Ok(json!({ "connection": connection, "active": active }))
        })
    }

    fn sync_now<'a>(&'a self, connection: Option<&'a str>) -> ControlAnswer<'a> {
        Box::pin(async move {
            if let Some(name) = connection.filter(|name| self.connections.get(name).is_none()) {
                return Err(ControlError::no_connection(name));
            }
            let mailboxes = self.engine.sync_now(connection.map(str::to_owned)).await.map_err(|_| gone())?;
            Ok(json!({ "mailboxes": mailboxes }))
        })
    }

    fn trace<'a>(&'a self, connection: &'a str, on: bool, minutes: u32) -> ControlAnswer<'a> {
        Box::pin(async move {
            let live = self.connections.get(connection).ok_or_else(|| ControlError::no_connection(connection))?;
            let loaded = self.loaded();
            let bodies = loaded.config.connections.get(connection).is_some_and(|c| c.trace.bodies);
            let until = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(i64::from(minutes));
            live.egress.set_trace(on.then_some(calport_egress::TraceSetting { until, bodies }));
            let file = loaded.config.host.data_dir.join("trace").join(format!("{connection}.log"));
            Ok(json!({ "connection": connection, "on": on, "until": on.then_some(until), "file": file }))
        })
    }

    fn plugins(&self) -> ControlAnswer<'_> {
        Box::pin(async move {
            let live = self.connections.all();
            let files: Vec<Value> = self
                .plugins
                .list()
                .into_iter()
                .map(|file| {
                    let descriptor = file.plugin.as_ref().map(|p| p.descriptor());
                    let used_by: Vec<&String> = live
                        .iter()
                        .filter(|(_, l)| descriptor.as_ref().is_some_and(|d| l.connector.descriptor().name == d.name))
                        .map(|(id, _)| id)
                        .collect();
                    json!({
                        "file": file.file,
                        "name": descriptor.as_ref().map(|d| d.name.clone()),
                        "display_name": descriptor.as_ref().map(|d| d.display_name.clone()),
                        "version": descriptor.as_ref().map(|d| d.version.clone()),
                        "capabilities": descriptor.as_ref().map(|d| d.capabilities.iter().map(|c| c.as_str()).collect::<Vec<_>>()),
                        "sha256": file.plugin.as_ref().map(|p| p.sha256.clone()),
                        "size": file.plugin.as_ref().map(|p| p.size),
                        "load_ms": file.plugin.as_ref().map(|p| p.load_time.as_millis() as u64),
                        "compiled": file.plugin.as_ref().map(|p| p.compiled),
                        "refused": file.refused,
                        "used_by": used_by,
                    })
                })
                .collect();
            Ok(json!({ "plugins": files }))
        })
    }

    fn audit<'a>(&'a self, person: Option<&'a str>, entries: u32) -> ControlAnswer<'a> {
        Box::pin(async move {
            let rows = self
                .store
                .audit(person, entries)
                .await
                .map_err(|e| ControlError::new(ControlErrorKind::Internal, e.to_string(), "look at the log"))?;
            let rows: Vec<Value> = rows
                .into_iter()
                .map(|e| json!({ "at": e.at, "subject": e.subject, "action": e.action, "cause": e.cause, "before": e.before, "after": e.after }))
                .collect();
            Ok(json!({ "entries": rows }))
        })
    }

    fn explain<'a>(&'a self, person: &'a str, at: Option<&'a str>) -> ControlAnswer<'a> {
        Box::pin(self.explain_value(person, at))
    }

    fn preview(&self, wish: PreviewWish) -> ControlAnswer<'_, PreviewFeed> {
        Box::pin(self.preview_feed(wish))
    }

    fn reload(&self) -> ControlAnswer<'_> {
        Box::pin(async move {
            match Service::reload(self).await {
                Ok(changes) => Ok(json!({ "changes": changes })),
                Err(mistakes) => {
                    Err(ControlError::new(ControlErrorKind::Invalid, mistakes, "correct the file; the old configuration runs on"))
                }
            }
        })
    }

    fn shutdown(&self) -> ControlAnswer<'_> {
        Box::pin(async move {
            self.stop.cancel();
            Ok(json!({ "stopping": true }))
        })
    }

    fn metrics(&self) -> ControlAnswer<'_, String> {
        Box::pin(self.metrics_text())
    }

    fn log(&self) -> LogFeed {
        self.ring.feed()
    }
}
