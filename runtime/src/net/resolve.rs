//! Names of hosts, resolved by threads of their own.
//!
//! Only `getaddrinfo` knows all that a machine has set up (`/etc/hosts`, `nsswitch.conf`, search domains, mDNS), and it blocks
//! for seconds where a server does not answer. So it runs on a thread of the pool "resolve", which is not the one of
//! `spawn_blocking`: slow answers hold up other names at most, never files.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::address::{Lookup, Target, ToSocketAddrs};
use crate::blocking::pool::RESOLVE;
use crate::blocking::{Builder, JobHandle};
use crate::debug::log::{log, log_here};
use crate::event_loop::current;
use crate::telemetry::clock;

/// Resolves the name of a host to its addresses, in the order in which they are to be tried.
///
/// The system's resolver does it, on a thread of the pool "resolve"; a task that waits for it shows `resolve` and the name.
/// What is an address already comes back without a thread.
///
/// # Errors
///
/// What the resolver says, with the name; `InvalidInput` for a text that cannot be a name with a port.
///
/// # Cancel safety
///
/// When the future is dropped, a question that no thread has begun with is withdrawn; another one comes to its end, unheard.
///
/// # Panics
///
/// When it is polled again after it is over.
///
/// # Examples
///
/// ```
/// loopscope::run(async {
///     let addresses = loopscope::net::lookup_host("localhost:80").await.unwrap();
///     assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
/// });
/// ```
#[doc(alias = "asyncio.loop.getaddrinfo")]
#[track_caller]
pub fn lookup_host(host: impl ToSocketAddrs) -> impl Future<Output = io::Result<Vec<SocketAddr>>> {
    Resolve::new(host.to_socket_addrs(), Location::caller())
}

/// The future of [`lookup_host`], also a part of others.
#[derive(Debug)]
pub(crate) struct Resolve {
    state: State,
    made_at: &'static Location<'static>,
}

/// What the resolver said, and how long it took for that, in nanoseconds.
type Timed = (io::Result<Vec<SocketAddr>>, u64);

#[derive(Debug)]
enum State {
    Asked(io::Result<Lookup>),
    Resolving(String, JobHandle<Timed>),
    Over,
}

impl Resolve {
    pub(crate) fn new(lookup: io::Result<Lookup>, made_at: &'static Location<'static>) -> Self {
        Self { state: State::Asked(lookup), made_at }
    }
}

impl Future for Resolve {
    type Output = io::Result<Vec<SocketAddr>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let State::Asked(_) = this.state {
            let State::Asked(lookup) = std::mem::replace(&mut this.state, State::Over) else {
                unreachable!()
            };
            let (host, port) = match lookup?.0 {
                Target::Known(addresses) => return Poll::Ready(Ok(addresses)),
                Target::Named(host, port) => (host, port),
            };
            let name = format!("{host}:{port}");
            log_here!(Debug, "getting the addresses of {name}");
            let ask = move || {
                let begun = clock::os_now_ns();
                let answer = std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port));
                (answer.map(Iterator::collect), clock::os_now_ns().saturating_sub(begun))
            };
            let job = Builder::new().name(&name).spawn_in(RESOLVE.get(), ask, this.made_at);
            this.state = State::Resolving(name, job);
        }
        let State::Resolving(name, job) = &mut this.state else {
            panic!("a resolution was polled after it was over");
        };
        let told =
            |kind, why: &dyn std::fmt::Display| io::Error::new(kind, format!("cannot resolve {name}: {why}"));
        let answer = match ready!(Pin::new(job).poll(cx)) {
            Ok((answer, took_ns)) => {
                tell(name, this.made_at, &answer, took_ns);
                match answer {
                    Ok(addresses) if addresses.is_empty() => {
                        Err(told(io::ErrorKind::NotFound, &"it has no address"))
                    }
                    answer => answer.map_err(|error| told(error.kind(), &error)),
                }
            }
            Err(error) => Err(told(io::ErrorKind::Other, &error)),
        };
        this.state = State::Over;
        Poll::Ready(answer)
    }
}

/// In debug mode: how long a name took, as a note if that is as long as a callback may take.
fn tell(name: &str, made_at: &'static Location<'static>, answer: &io::Result<Vec<SocketAddr>>, took_ns: u64) {
    let Some(lp) = current::get() else { return };
    let took = Duration::from_nanos(took_ns);
    if took_ns >= lp.slow_ns.get() {
        lp.slow_resolve(name, made_at, took);
    } else {
        log!(lp, Debug, "getting the addresses of {name} took {took:.1?}: {}", Answer(answer));
    }
}

/// An answer in a log.
struct Answer<'a>(&'a io::Result<Vec<SocketAddr>>);

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(addresses) => {
                for (number, address) in addresses.iter().enumerate() {
                    let comma = if number == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", address.ip())?;
                }
                Ok(())
            }
            Err(error) => error.fmt(f),
        }
    }
}

/// Resolves, then makes something of the first address it can be made of.
///
/// It fails with what the resolution failed with, or the last attempt to make something.
pub(super) struct First<M> {
    pub(super) resolve: Resolve,
    pub(super) make: M,
}

impl<M> Unpin for First<M> {}

impl<T, M: FnMut(SocketAddr) -> io::Result<T>> Future for First<M> {
    type Output = io::Result<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let addresses = ready!(Pin::new(&mut self.resolve).poll(cx))?;
        let mut outcome = Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no address"));
        for address in addresses {
            outcome = (self.make)(address);
            if outcome.is_ok() {
                break;
            }
        }
        Poll::Ready(outcome)
    }
}

impl Drop for Resolve {
    fn drop(&mut self) {
        if let State::Resolving(_, job) = &self.state {
            job.withdraw();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{PoolReader, WaitKind};
    use std::ops::ControlFlow;
    use std::sync::mpsc;
    use std::time::Duration;

    /// Longer than anything here takes, unless somebody waits who should not.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// A resolution that a thread has begun with and that ends when it is told to; the thread says whether it was told.
    fn slow() -> (Resolve, mpsc::Sender<()>, mpsc::Receiver<bool>) {
        let (end, ended) = mpsc::channel();
        let (start, begun) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let ask = move || {
            start.send(()).unwrap();
            tell.send(ended.recv_timeout(PATIENCE).is_ok()).unwrap();
            (Ok(vec![SocketAddr::from(([127, 0, 0, 1], 80))]), 0)
        };
        let job = Builder::new().name("example.org:80").spawn_in(RESOLVE.get(), ask, Location::caller());
        begun.recv().unwrap();
        let state = State::Resolving("example.org:80".into(), job);
        (Resolve { state, made_at: Location::caller() }, end, told)
    }

    fn pool() -> PoolReader {
        RESOLVE.get();
        crate::telemetry::pools().into_iter().find(|pool| pool.name() == "resolve").unwrap()
    }

    #[test]
    fn a_loop_does_not_wait_for_an_answer_that_nobody_wants() {
        let (end, told) = crate::run(async {
            let (resolve, end, told) = slow();
            drop(resolve);
            (end, told)
        });
        end.send(()).unwrap();
        assert!(told.recv().unwrap(), "the loop waited for it");
    }

    #[test]
    fn a_shutdown_does_not_report_an_answer_that_nobody_wants() {
        let mut runner = crate::Runner::builder().build().unwrap();
        let (end, told) = runner
            .block_on(async {
                let (resolve, end, told) = slow();
                drop(resolve);
                (end, told)
            })
            .unwrap();
        let report = runner.shutdown(PATIENCE);
        assert!(report.is_clean(), "{report}");
        end.send(()).unwrap();
        assert!(told.recv().unwrap(), "the loop waited for it");
    }

    #[test]
    fn who_waits_for_a_name_is_seen_with_the_job() {
        crate::run(async {
            let (resolve, end, _told) = slow();
            let line = line!() + 1;
            let task = crate::spawn(async { resolve.await.unwrap() });
            crate::yield_now().await;
            let reader = crate::Handle::current().reader();
            let mut found = None;
            reader.waits(&mut |wait| {
                found = (wait.task == task.id().as_u64()).then_some(*wait).or(found);
                ControlFlow::Continue(())
            });
            let wait = found.unwrap();
            assert_eq!(wait.kind, WaitKind::Resolve);
            assert_eq!(reader.place(wait.at.unwrap()).unwrap().line, line);
            let job = pool().job(wait.target_job.unwrap()).unwrap();
            assert_eq!(pool().text(job.name.unwrap()).unwrap(), "example.org:80");
            end.send(()).unwrap();
            assert_eq!(task.await.unwrap(), [SocketAddr::from(([127, 0, 0, 1], 80))]);
        });
    }

    #[test]
    fn slow_names_leave_the_threads_for_files_alone() {
        crate::run(async {
            // They hold all threads of the pool.
            let slow: Vec<_> = (0..pool().view().threads_max).map(|_| slow()).collect();
            let mut behind = Box::pin(lookup_host("localhost:1"));
            let mut cx = Context::from_waker(std::task::Waker::noop());
            assert!(behind.as_mut().poll(&mut cx).is_pending());
            assert_eq!(crate::to_thread(|| 7).await, 7);
            drop(behind);
            for (_, end, _) in &slow {
                end.send(()).unwrap();
            }
        });
    }
}
