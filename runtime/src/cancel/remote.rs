//! How another thread cancels a token that stays on its own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::{CancelToken, Core};
use crate::event_loop::handle::{Handle, LoopEnded};
use crate::telemetry::atomic::Relaxed;

thread_local! {
    /// This thread's tokens that have a remote handle, by number.
    static TOKENS: RefCell<HashMap<u64, Weak<Core>>> = RefCell::default();
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// What a token and its remote handles share.
pub(super) struct Shared {
    number: u64,
    cancelled: AtomicBool,
}

impl Shared {
    pub(super) fn set_cancelled(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// The token is gone.
    pub(super) fn forget(&self) {
        // While the thread's own values are destroyed there is nobody to forget it for.
        let _ = TOKENS.try_with(|tokens| tokens.borrow_mut().remove(&self.number));
    }
}

#[track_caller]
pub(super) fn remote(core: &Rc<Core>) -> RemoteCancel {
    let handle = Handle::current();
    let shared = core.remote.get_or_init(|| {
        let number = NEXT.fetch_add(1, Relaxed);
        TOKENS.with(|tokens| tokens.borrow_mut().insert(number, Rc::downgrade(core)));
        Arc::new(Shared { number, cancelled: AtomicBool::new(core.cancelled.get()) })
    });
    RemoteCancel { shared: Arc::clone(shared), handle }
}

/// Cancels a [`CancelToken`] from any thread; `Send`, `Sync` and cheap to clone. Made by [`CancelToken::remote`].
///
/// It does not keep the token alive, and is harmless when that, or its loop, is gone.
///
/// # Examples
///
/// ```
/// use loopscope::CancelToken;
///
/// loopscope::run(async {
///     let token = CancelToken::new();
///     let remote = token.remote();
///     std::thread::spawn(move || remote.cancel().unwrap());
///     token.cancelled().await;
/// });
/// ```
#[derive(Clone)]
pub struct RemoteCancel {
    shared: Arc<Shared>,
    handle: Handle,
}

impl RemoteCancel {
    /// Cancels the token, soon and between two tasks of its loop.
    ///
    /// # Errors
    ///
    /// When the loop has ended, on which the handle was made.
    pub fn cancel(&self) -> Result<(), LoopEnded> {
        let number = self.shared.number;
        self.handle.post(move || {
            let core = TOKENS.with(|tokens| tokens.borrow().get(&number).and_then(Weak::upgrade));
            if let Some(core) = core {
                CancelToken { core }.cancel();
            }
        })
    }

    /// Whether the token was cancelled; not yet while a request is on its way.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Relaxed)
    }
}

impl fmt::Debug for RemoteCancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteCancel").field("cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}
