//! The engine's numbers, from `[host]`, `[timing]` and `[alerts]`.

use std::time::Duration;

use calport_config::Config;
use calport_engine::{AlertPlan, Settings};
use calport_model::zone::resolve;

/// What the configuration says of them; the rest is the engine's default.
pub fn settings(config: &Config) -> Settings {
    let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
    let seconds = |s: u32| Duration::from_secs(u64::from(s));
    let timing = &config.timing;
    Settings {
        publish: config.host.publish,
        window_back: days(config.host.window_days_back),
        window_ahead: days(config.host.window_days_ahead),
        reconcile: seconds(timing.reconcile_s),
        reconcile_vip: seconds(timing.reconcile_vip_s),
        absence: seconds(timing.absence_s),
        absence_vip: seconds(timing.absence_vip_s),
        full_read: seconds(timing.full_read_s),
        full_read_at_start: timing.full_read_at_start,
        override_read: seconds(timing.override_s),
        call_read: seconds(timing.call_s),
        unknown_after: (timing.unknown_after_s > 0).then(|| seconds(timing.unknown_after_s)),
        alerts: config.alerts.as_ref().map(|alerts| AlertPlan {
            connection: alerts.connection.clone(),
            sender: alerts.sender.clone().unwrap_or_default(),
            to: alerts.to.clone(),
            after: seconds(alerts.after_s),
            repeat: seconds(alerts.repeat_s),
        }),
        zone: resolve(&config.host.zone).zone(),
        language: config.host.language.parse().unwrap_or_default(),
        ..Settings::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails says so")]

    use std::path::Path;

    use super::*;

    fn of(text: &str) -> Settings {
        settings(&calport_config::load_str(Path::new("calport.toml"), text).unwrap().config)
    }

    #[test]
    fn the_defaults_of_file_and_engine_are_the_same() {
        assert_eq!(of(""), Settings::default());
    }

    #[test]
    fn feat_c09_feat_r06_timing_and_alerts_reach_the_engine() {
        let alerts = "[alerts]\nconnection = \"mail\"\nto = [\"admin@example.com\"]\nafter_s = 60\n[connections.mail]\nplugin = \"mail\"\n";
        let timing = "[timing]\nfull_read_s = 3600\nfull_read_at_start = true\noverride_s = 5\ncall_s = 1\nunknown_after_s = 0\n";
        let settings = of(&format!("{timing}{alerts}"));
        assert_eq!((settings.full_read, settings.full_read_at_start), (Duration::from_secs(3600), true));
        assert_eq!((settings.override_read, settings.call_read), (Duration::from_secs(5), Duration::from_secs(1)));
        assert_eq!(settings.unknown_after, None);
        let told = settings.alerts.unwrap();
        assert_eq!(
            (told.connection.as_str(), told.sender.as_str(), told.to.as_slice()),
            ("mail", "", ["admin@example.com".to_owned()].as_slice())
        );
        assert_eq!((told.after, told.repeat), (Duration::from_secs(60), Duration::from_secs(86_400)));
    }
}
