//! A short form of the simulated week of the benchmarks, so that it cannot rot: two days, four people, every kind of fault.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that fails says so"
)]

#[path = "../../examples/bench/week/mod.rs"]
mod week;

use std::path::Path;

use week::{Cause, Options};

#[tokio::test]
async fn rule_r11_what_is_wrong_is_never_calports_own() {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/e2e-cache");
    std::fs::create_dir_all(&cache).unwrap();
    let options = Options { people: 4, days: 2, seed: 20_260_327 };
    let report = week::run(options, &calport_e2e::connectors(), &cache).await;
    println!("{}\n{:.0} s of real time", report.markdown(), report.real_seconds);
    assert_eq!(report.seconds(Cause::Own), 0, "{report:#?}");
}
