//! Reads a page of a thousand appointments again and again and prints how long one takes.
//!
//! ```text
//! cargo run --release -p calport-ews-protocol --example page
//! ```

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use calport_ews_protocol::answer;
use calport_ews_protocol::item::event::CalendarItem;
use calport_ews_protocol::operation::FindItem;

mod generate;

const ITEMS: usize = 1_000;
const ROUNDS: u32 = 200;

fn main() -> ExitCode {
    let body = generate::page(ITEMS);
    let mut best = u128::MAX;
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        let one = Instant::now();
        match answer::<FindItem<CalendarItem>>(black_box(body.as_bytes())) {
            Ok(answer) => drop(black_box(answer)),
            Err(error) => {
                eprintln!("the page was not read: {error}");
                return ExitCode::FAILURE;
            }
        }
        best = best.min(one.elapsed().as_micros());
    }
    let mean = begin.elapsed().as_micros() / u128::from(ROUNDS);
    println!("{ITEMS} appointments, {} bytes: best {best} us, mean {mean} us", body.len());
    ExitCode::SUCCESS
}
