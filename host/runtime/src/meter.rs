//! Measures the CPU time of a call, so that waiting for a server costs a connector nothing.
//!
//! Each poll of the call's future runs on one thread from beginning to end; the time of that thread is read before and
//! after. Other work on a busy machine does not count. The epoch callback asks the meter every 10 ms of guest code.
//!
//! The meter also paces: a call that computed for longer than most ever do takes turns with others of its kind on half of the
//! processors, and rests between its turns. Otherwise a few loops would keep every thread busy, and threads that are always
//! busy look for answers of servers only now and then: the neighbours would wait for that.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::engine::TICK;

/// Whole slices of a call before it is paced; a page of 1,000 events takes one to three.
const FREE_SLICES: u32 = 5;
/// How long a call rests after a slice, once it is paced: long enough for the thread to look for the others' answers.
const REST: Duration = Duration::from_millis(1);

/// Turns for calls that compute for long: half of the processors.
pub(crate) fn turns() -> Semaphore {
    Semaphore::new(std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).max(1)))
}

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
    pub(crate) async fn measure<F: Future>(&self, turns: &Semaphore, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut slices = 0_u32;
        loop {
            let mut turn = if slices < FREE_SLICES { None } else { turns.acquire().await.ok() };
            let outcome = poll_fn(|context| {
                let entered = thread_time();
                self.entered.store(entered, Ordering::Relaxed);
                let outcome = future.as_mut().poll(context);
                let took = thread_time().saturating_sub(entered);
                self.spent.fetch_add(took, Ordering::Relaxed);
                match outcome {
                    Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                    Poll::Pending if took >= nanos(TICK / 2) => Poll::Ready(None),
                    Poll::Pending => {
                        // It waits for somebody: its turn is over.
                        turn = None;
                        Poll::Pending
                    }
                }
            })
            .await;
            drop(turn);
            if let Some(outcome) = outcome {
                return outcome;
            }
            slices = slices.saturating_add(1);
            if slices > FREE_SLICES {
                tokio::time::sleep(REST).await;
            }
        }
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
        runtime.block_on(async { meter.measure(&turns(), tokio::time::sleep(Duration::from_millis(20))).await });
        assert!(meter.spent() < Duration::from_millis(5), "{:?}", meter.spent());
        runtime.block_on(meter.measure(&turns(), async {
            while !meter.exhausted() {
                std::hint::spin_loop();
            }
        }));
        assert!(meter.spent() >= Duration::from_millis(5));
    }

    /// Computes for so many slices and yields after each.
    async fn compute(slices: u32) {
        for _ in 0..slices {
            let began = thread_time();
            while thread_time().saturating_sub(began) < nanos(TICK) {
                std::hint::spin_loop();
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn feat_x02_a_long_computation_needs_a_turn_and_a_short_one_does_not() {
        let meter = Meter::default();
        let nobodys_turn = Semaphore::new(0);
        meter.measure(&nobodys_turn, compute(FREE_SLICES - 1)).await;
        let long = tokio::time::timeout(Duration::from_millis(500), meter.measure(&nobodys_turn, compute(FREE_SLICES + 3)));
        assert!(long.await.is_err());
        let turn = Semaphore::new(1);
        meter.measure(&turn, compute(FREE_SLICES + 3)).await;
        assert_eq!(turn.available_permits(), 1);
    }
}
