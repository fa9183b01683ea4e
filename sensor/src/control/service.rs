//! What the service manager is told: that the sensor is ready, reloads, stops, and lives.
//!
//! Signs of life come from the thread that watches, and only while every worker gives its own: a worker's time ([`WorkerTime`]) goes on with
//! each batch, and ten times a second where there are no packets. Where one stands still, or has ended although its interface is
//! there, the signs stop, and the service manager starts the sensor anew. Without a service manager (no `NOTIFY_SOCKET`) nothing is done.
//!
//! [`WorkerTime`]: crate::counters::WorkerTime

use sd_notify::NotifyState;
use std::time::{Duration, Instant};

/// How often the sentence about what is going on is made anew.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// What one worker shows of itself: its time until now, or nothing if its thread is gone that should not be.
pub type Sign = Option<Duration>;

/// Tells the service manager that the sensor is ready, and then that it lives.
#[derive(Debug)]
pub struct Service {
    vigil: Option<Vigil>,
    told: Option<Instant>,
}

impl Service {
    /// The sensor runs: `status` says what.
    #[must_use]
    pub fn ready(status: &str, now: Instant) -> Self {
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
        Self { vigil: sd_notify::watchdog_enabled().map(|within| Vigil::new(within, now)), told: Some(now) }
    }

    /// One look at the workers. `status` is asked for now and then.
    pub fn watch(&mut self, now: Instant, signs: &[Sign], status: impl FnOnce() -> String) {
        if let Some(vigil) = &mut self.vigil
            && vigil.look(now, signs)
        {
            tell(&[NotifyState::Watchdog]);
        }
        if self.told.is_none_or(|told| now.duration_since(told) >= STATUS_INTERVAL) {
            self.told = Some(now);
            tell(&[NotifyState::Status(&status())]);
        }
    }
}

/// Rules are read anew.
pub fn reloading() {
    // Newer service managers want the time with it.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// That is over.
pub fn reloaded() {
    tell(&[NotifyState::Ready]);
}

/// The sensor is about to end.
pub fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("stopping: packets in flight are inspected, events are written"),
    ]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        // Once would do, but it does not happen twice: the service manager gives up on a sensor that says nothing.
        tracing::warn!("the service manager does not listen: {error}");
    }
}

/// Who has given signs of life, and when.
#[derive(Debug)]
struct Vigil {
    /// How long a worker may give none: half of what the service manager waits, so that it waits out a sign that comes late.
    patience: Duration,
    seen: Vec<(Duration, Instant)>,
    begun: Instant,
    complained: bool,
}

impl Vigil {
    fn new(within: Duration, now: Instant) -> Self {
        Self { patience: within / 2, seen: Vec::new(), begun: now, complained: false }
    }

    /// Whether all live.
    fn look(&mut self, now: Instant, signs: &[Sign]) -> bool {
        self.seen.resize(signs.len(), (Duration::ZERO, self.begun));
        let mut dead = None;
        for (at, ((time, when), sign)) in self.seen.iter_mut().zip(signs).enumerate() {
            match sign {
                Some(sign) if sign != time => (*time, *when) = (*sign, now),
                Some(_) if now.duration_since(*when) < self.patience => {}
                _ => dead = dead.or(Some(at)),
            }
        }
        if let Some(worker) = dead.filter(|_| !self.complained) {
            tracing::error!(
                "worker {worker} gives no sign of life: the service manager will start the sensor anew, if it is told nothing else"
            );
        }
        self.complained = dead.is_some();
        dead.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_workers_must_live() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let sign = |ms| Some(Duration::from_millis(ms));
        let mut vigil = Vigil::new(Duration::from_secs(20), start);
        assert!(vigil.look(at(1), &[sign(10), sign(10)]));
        assert!(vigil.look(at(10), &[sign(20), sign(10)]), "9 s without a sign");
        assert!(!vigil.look(at(11), &[sign(30), sign(10)]), "10 s without a sign");
        assert!(!vigil.look(at(12), &[sign(40), sign(10)]));
        assert!(vigil.look(at(13), &[sign(50), sign(11)]), "it goes on");
        assert!(!vigil.look(at(14), &[sign(60), None]), "it has ended");
    }

    #[test]
    fn a_worker_that_never_began_is_dead() {
        let start = Instant::now();
        let mut vigil = Vigil::new(Duration::from_secs(20), start);
        assert!(vigil.look(start + Duration::from_secs(9), &[Some(Duration::ZERO)]));
        assert!(!vigil.look(start + Duration::from_secs(10), &[Some(Duration::ZERO)]));
    }
}
