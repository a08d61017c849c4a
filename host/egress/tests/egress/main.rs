//! Outbound HTTP against small servers on loopback. No test waits for time to pass: clocks are moved by hand, and only the
//! limits on real sockets are real, and short.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests may fail loudly")]

mod cookies;
mod digest;
mod discovery;
mod fixed_schemes;
mod forms;
mod front_door;
mod leaks;
mod ntlm;
mod ntlm_proxies;
mod oauth;
mod policy;
mod proxy;
mod support;
mod throttling;
mod tls;
mod tracing;
mod transport;
