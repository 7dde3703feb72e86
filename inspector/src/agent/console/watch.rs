//! Sends the updates of one stream, once a second.

use super::told::Told;
use super::turn::Turn;
use super::valve::{Bell, Valve};
use crate::agent::peer::{Outlet, Over};
use crate::agent::service::Shared;
use console_api::instrument::{State, Temporality, Update};
use loopscope::time::Instant;
use std::sync::Arc;
use std::time::Duration;

/// From the beginning of one turn to the beginning of the next.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// A client that has left while paused is noticed at the latest after this.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// Sends updates until the client leaves. `_seat` is given back then.
pub(super) async fn updates<S>(shared: Arc<Shared>, valve: Arc<Valve>, mut outlet: Outlet<Update>, _seat: S) {
    let mut bell = valve.bell();
    let result = send_updates(&shared, &valve, &mut bell, &mut outlet).await;
    outlet.close(result).await;
}

async fn send_updates(
    shared: &Shared,
    valve: &Valve,
    bell: &mut Bell,
    outlet: &mut Outlet<Update>,
) -> Result<(), Over> {
    let mut told = Told::default();
    let mut next = Instant::now();
    loop {
        pace(shared, valve, bell, outlet, next).await?;
        let begun = Instant::now();
        let mut turn = Turn::new(told.look());
        shared.took(begun.elapsed());
        while let Some(update) = turn.next_update() {
            outlet.send(Ok(update)).await?;
        }
        // What was missed is not made up for.
        next = begun + INTERVAL;
    }
}

/// Waits until the next reading is due: not before `next`, not while paused, not before the agent has rested.
pub(super) async fn pace<T>(
    shared: &Shared,
    valve: &Valve,
    bell: &mut Bell,
    outlet: &Outlet<T>,
    next: Instant,
) -> Result<(), Over> {
    loop {
        if outlet.is_closed() {
            return Err(Over::Left);
        }
        let now = Instant::now();
        if valve.is_paused() {
            bell.heard_before(now + LOOK_AFTER).await;
        } else if now < next {
            bell.heard_before(next).await;
        } else {
            shared.rest().await;
            if !valve.is_paused() && !outlet.is_closed() {
                return Ok(());
            }
        }
    }
}

/// Says whether the connection is paused, now and whenever that changes.
pub(super) async fn states(valve: Arc<Valve>, mut outlet: Outlet<State>) {
    let mut bell = valve.bell();
    let result = send_states(&valve, &mut bell, &mut outlet).await;
    outlet.close(result).await;
}

async fn send_states(valve: &Valve, bell: &mut Bell, outlet: &mut Outlet<State>) -> Result<(), Over> {
    let mut said = None;
    loop {
        let temporality = if valve.is_paused() { Temporality::Paused } else { Temporality::Live };
        if said != Some(temporality) {
            outlet.send(Ok(State { temporality: temporality.into() })).await?;
            said = Some(temporality);
        }
        bell.heard_before(Instant::now() + LOOK_AFTER).await;
        if outlet.is_closed() {
            return Err(Over::Left);
        }
    }
}
