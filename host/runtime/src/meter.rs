//! Measures the CPU time of a call, so that waiting for a server costs a connector nothing.
//!
//! Each poll of the call's future runs on one thread from beginning to end; the time of that thread is read before and
//! after. Other work on a busy machine does not count. The epoch callback asks the meter every 10 ms of guest code.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The CPU time of one instance's current call.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    budget: AtomicU64,
    spent: AtomicU64,
    entered: AtomicU64,
}

impl Meter {
    /// Begins a new call with this much CPU time.
    pub(crate) fn reset(&self, budget: Duration) {
        self.budget.store(nanos(budget), Ordering::Relaxed);
        self.spent.store(0, Ordering::Relaxed);
    }

    /// CPU time of the call until now; right only outside of a poll.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }

    /// Whether the call has used its time up. Called from inside a poll.
    pub(crate) fn exhausted(&self) -> bool {
        let now = thread_time().saturating_sub(self.entered.load(Ordering::Relaxed));
        self.spent.load(Ordering::Relaxed).saturating_add(now) > self.budget.load(Ordering::Relaxed)
    }

    /// Runs a future and adds the time of its polls.
    pub(crate) async fn measure<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            let entered = thread_time();
            self.entered.store(entered, Ordering::Relaxed);
            let outcome = future.as_mut().poll(context);
            self.spent.fetch_add(thread_time().saturating_sub(entered), Ordering::Relaxed);
            outcome
        })
        .await
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time of this thread in nanoseconds.
#[cfg(unix)]
fn thread_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Time in nanoseconds; systems without a clock per thread count what others take as well.
#[cfg(not(unix))]
fn thread_time() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    nanos(START.get_or_init(std::time::Instant::now).elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_x02_a_meter_counts_work_and_not_waiting() {
        let meter = Meter::default();
        meter.reset(Duration::from_millis(5));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { meter.measure(tokio::time::sleep(Duration::from_millis(20))).await });
        assert!(meter.spent() < Duration::from_millis(5), "{:?}", meter.spent());
        runtime.block_on(meter.measure(async {
            while !meter.exhausted() {
                std::hint::spin_loop();
            }
        }));
        assert!(meter.spent() >= Duration::from_millis(5));
    }
}
