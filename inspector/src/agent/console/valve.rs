//! Whether one connection is paused, and who is to be told.
//!
//! ```text
//!   LIVE ──Pause──► PAUSED ──Resume──► LIVE
//! ```
//!
//! A change rings the bell of every stream of the connection. A bell that has been rung and not yet heard need not ring again:
//! who hears it looks at the valve.

use futures_channel::mpsc;
use futures_core::Stream as _;
use loopscope::time::Instant;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Of one connection.
#[derive(Debug, Default)]
pub(super) struct Valve {
    paused: AtomicBool,
    bells: Mutex<Vec<mpsc::Sender<()>>>,
}

/// Rings when the valve was turned.
#[derive(Debug)]
pub(super) struct Bell(mpsc::Receiver<()>);

impl Valve {
    /// Whether nothing is to be sent.
    pub(super) fn is_paused(&self) -> bool {
        self.paused.load(Relaxed)
    }

    /// Turns it.
    pub(super) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Relaxed);
        for bell in self.bells.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            // Full: it rings already. Closed: its stream is gone.
            let _ = bell.try_send(());
        }
    }

    /// A bell that rings at every turn from now on.
    pub(super) fn bell(&self) -> Bell {
        let (bell, rings) = mpsc::channel(0);
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        // As many as the connection has streams, and no more.
        bells.retain(|bell| !bell.is_closed());
        bells.push(bell);
        Bell(rings)
    }
}

impl Bell {
    /// Waits until it rings.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no ring.
    pub(super) async fn heard(&mut self) {
        // It never ends: the valve lives as long as whoever listens.
        poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx)).await;
    }

    /// Waits until it rings, but not longer than until `at`.
    pub(super) async fn heard_before(&mut self, at: Instant) {
        loopscope::select! {
            () = self.heard() => {}
            () = loopscope::sleep_until(at) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_rings_every_bell_once_however_often_it_is_turned() {
        loopscope::run(async {
            let valve = Valve::default();
            let (mut first, mut second) = (valve.bell(), valve.bell());
            valve.set_paused(true);
            valve.set_paused(false);
            valve.set_paused(true);
            assert!(valve.is_paused());
            first.heard().await;
            second.heard().await;
            let silence = Instant::now();
            first.heard_before(silence).await;
            drop(second);
            drop(valve.bell());
            assert_eq!(valve.bells.lock().unwrap().len(), 2);
        });
    }
}
