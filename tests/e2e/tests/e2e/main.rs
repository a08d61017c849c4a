//! End to end: the real program with the real connectors between simulated servers, judged by what the PBX shows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests, too

mod absences;
mod changes;
mod commands;
mod configuration;
mod connectors;
mod ews;
mod ews_push;
mod ews_streams;
mod explain;
mod onprem;
mod onprem_certificates;
mod onprem_discovery;
mod onprem_people;
mod overrules;
mod people;
mod privacy;
mod writes;
