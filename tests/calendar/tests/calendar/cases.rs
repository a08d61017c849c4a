//! Every case, read and written through both connectors.

use std::sync::Arc;

use calport_calendar_cases::case::{Case, all};
use calport_calendar_cases::play::{self, HANDS};
use calport_calendar_cases::world::World;
use tokio::task::JoinError;

fn of(rule: &str) -> Vec<Case> {
    let cases: Vec<Case> = all().into_values().filter(|case| case.name.starts_with(&format!("{rule}-"))).collect();
    assert!(!cases.is_empty(), "no case of {rule}");
    cases
}

async fn read(rule: &str) {
    let world = Arc::new(World::new().await);
    let mut report = String::new();
    for case in of(rule) {
        let (world, name) = (world.clone(), case.name.clone());
        report += &told(&name, tokio::spawn(async move { play::read(&world, &case).await }).await);
    }
    assert_eq!(world.mails(), 0);
    assert!(report.is_empty(), "\n{report}");
}

async fn written(rule: &str) {
    let world = Arc::new(World::new().await);
    let mut report = String::new();
    for case in of(rule).into_iter().filter(|case| case.step.iter().any(|step| !step.by_a_person)) {
        for hands in HANDS {
            let (world, case, name) = (world.clone(), case.clone(), format!("{} {hands:?}", case.name));
            report += &told(&name, tokio::spawn(async move { play::write(&world, &case, hands).await }).await);
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

/// What a case reports, also when it was broken off: the other cases go on.
fn told(name: &str, end: Result<String, JoinError>) -> String {
    end.unwrap_or_else(|broken| {
        let panic = broken.into_panic();
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        format!("{name} broke off: {}\n", text.unwrap_or_default())
    })
}

macro_rules! rules {
    ($($read:ident, $written:ident: $prefix:literal;)+) => {
        $(
            #[tokio::test]
            async fn $read() {
                read($prefix).await;
            }

            #[tokio::test]
            async fn $written() {
                written($prefix).await;
            }
        )+

        #[test]
        fn every_case_belongs_to_a_rule() {
            let rules = [$(concat!($prefix, "-")),+];
            let cases = all();
            let stray: Vec<&String> = cases.keys().filter(|name| !rules.iter().any(|rule| name.starts_with(rule))).collect();
            assert!(stray.is_empty(), "no test reads {stray:?}");
            assert!(cases.len() >= 60, "only {} cases", cases.len());
        }
    };
}

rules! {
    b15_read, b15_written: "b15";
    b16_read, b16_written: "b16";
    b17_read, b17_written: "b17";
    b18_read, b18_written: "b18";
    b20_read, b20_written: "b20";
    b21_read, b21_written: "b21";
    b35_read, b35_written: "b35";
    b36_read, b36_written: "b36";
    b37_read, b37_written: "b37";
    b55_read, b55_written: "b55";
    c07_read, c07_written: "c07";
    p02_read, p02_written: "p02";
    p03_read, p03_written: "p03";
    p04_read, p04_written: "p04";
    p06_read, p06_written: "p06";
    p08_read, p08_written: "p08";
}
