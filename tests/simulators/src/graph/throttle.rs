//! Throttling by the documented rules: requests at once and requests per window, each for one mailbox and the application.

use std::collections::HashMap;

use jiff::Timestamp;

use super::config::Config;
use super::http::Refusal;

/// Load on the mailboxes.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    running: HashMap<u32, u32>,
    pub peak: HashMap<u32, u32>,
    windows: HashMap<u32, (Timestamp, u32)>,
}

impl Throttle {
    /// Takes a slot on a mailbox, to be given back by [`Throttle::leave`].
    ///
    /// # Errors
    /// 429 with `Retry-After`; no slot is taken then.
    pub fn enter(&mut self, mailbox: u32, config: &Config, now: Timestamp) -> Result<(), Refusal> {
        let window = self.windows.entry(mailbox).or_insert((now, 0));
        let age = now.as_second() - window.0.as_second();
        if age >= config.window_seconds || age < 0 {
            *window = (now, 0);
        }
        if window.1 >= config.requests {
            let wait = (config.window_seconds - age).max(1);
            return Err(Refusal::new(429, "ApplicationThrottled", "Application is over its request limit for this mailbox.")
                .with("retry-after", wait.to_string()));
        }
        window.1 += 1;
        let running = self.running.entry(mailbox).or_default();
        if *running >= config.concurrency {
            return Err(
                Refusal::new(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.").with("retry-after", "1")
            );
        }
        *running += 1;
        let peak = self.peak.entry(mailbox).or_default();
        *peak = (*peak).max(*running);
        Ok(())
    }

    /// Gives a slot back.
    pub fn leave(&mut self, mailbox: u32) {
        if let Some(running) = self.running.get_mut(&mailbox) {
            *running = running.saturating_sub(1);
        }
    }
}
