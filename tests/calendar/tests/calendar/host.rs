//! What the host holds of every case, through its own runtime.

use calport_calendar_cases::case::all;
use calport_calendar_cases::world::{SIDES, World};
use calport_calendar_cases::{host, play};

#[tokio::test]
async fn b16_the_host_holds_the_same_events_from_both() {
    let world = World::new().await;
    let cases = all();
    cases.values().for_each(|case| play::act(&world, case));
    let mut report = String::new();
    for side in SIDES {
        let connection = host::connect(&world, side).await;
        for case in cases.values() {
            let mut wanted: Vec<String> = case.expect.window.iter().map(|line| host::held(line)).collect();
            wanted.sort_unstable();
            let held = host::window(&connection, case).await;
            if held != wanted {
                report += &format!("{}, {side:?}:\n  {wanted:#?}\n  {held:#?}\n", case.name);
            }
        }
    }
    assert!(report.is_empty(), "\n{report}");
}
