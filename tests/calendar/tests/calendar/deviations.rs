//! Whatever a server of Exchange does that the documentation does not say, the same is read through it.

use calport_calendar_cases::case::{Case, all};
use calport_calendar_cases::play;
use calport_calendar_cases::world::{Side, World};
use calport_simulators::ews::Deviations;

/// Every case, done by its people.
async fn seeded() -> (World, Vec<Case>) {
    let world = World::new().await;
    let cases: Vec<Case> = all().into_values().collect();
    for case in &cases {
        play::act(&world, case);
    }
    (world, cases)
}

/// What is read otherwise than expected from a server with these deviations.
async fn differences(world: &World, cases: &[Case], settings: &str, deviations: Deviations) -> String {
    world.ews.configure(|config| config.deviations = deviations);
    let mut report = String::new();
    for case in cases {
        report += &play::read_through(world, case, Side::Ews, settings).await;
    }
    report
}

macro_rules! deviations {
    ($($test:ident: $settings:literal, $($field:ident = $value:expr),+;)+) => {
        $(
            #[tokio::test]
            async fn $test() {
                let (world, cases) = seeded().await;
                let report = differences(&world, &cases, $settings, Deviations { $($field: $value,)+ ..Deviations::default() }).await;
                assert!(report.is_empty(), "\n{report}");
            }
        )+
    };
}

deviations! {
    c08_unknown_elements_in_another_order: "", unknown_elements = true, other_order = true;
    c08_times_with_and_without_a_fraction_and_bare_content_types: "", fraction_digits = Some(7), bare_content_type = true;
    b55_zones_defined_by_the_item: "", inline_zones = true;
    b15_series_that_the_server_does_not_expand: r#","expand_series":true"#, no_expansion = true;
}
