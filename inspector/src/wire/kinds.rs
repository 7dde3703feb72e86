//! The enumerations of the model and those of the wire, member by member.

use super::picture::Table;
use super::proto;
use crate::model::{
    CancelOutcome, Capability, DebugMode, HistogramKind, InCycle, LogLevel, Reached, ResourceKind, Severity,
    TaskKind, TaskState, TimerKind, WaitKind,
};

/// An enumeration that has a twin on the wire.
pub(super) trait Twin: Sized {
    /// Its number on the wire.
    fn to_wire(self) -> i32;
    /// What bears that number, if this build knows it.
    fn from_wire(number: i32) -> Option<Self>;
}

macro_rules! twins {
    ($($ty:ident { $($member:ident),+ $(,)? })+) => {
        $(
            impl Twin for $ty {
                fn to_wire(self) -> i32 {
                    match self {
                        $( Self::$member => proto::$ty::$member as i32, )+
                        #[allow(unreachable_patterns, reason = "only some have a member for the unknown")]
                        _ => 0,
                    }
                }

                fn from_wire(number: i32) -> Option<Self> {
                    match proto::$ty::try_from(number).ok()? {
                        proto::$ty::Unknown => None,
                        $( proto::$ty::$member => Some(Self::$member), )+
                    }
                }
            }
        )+
    };
}

twins! {
    TaskKind { Task, Callback, Blocking }
    TaskState { Idle, Scheduled, Running, Completed, Cancelled, Panicked }
    WaitKind {
        Sleep, Join, Group, Lock, Semaphore, Event, Condition, Barrier, Put, Get, Send, Recv, Read, Write, Accept,
        Connect, Resolve, Process, Signal, Blocking, Yield, Foreign,
    }
    ResourceKind {
        Lock, Queue, Channel, Oneshot, Group, Semaphore, Event, Condition, Barrier, TcpListener, Tcp, Udp, UnixListener,
        Unix, UnixDatagram, Pipe, Process, Signal, Fd,
    }
    InCycle { Cycle, Deadlock, Behind }
    TimerKind { Sleep, Timeout, Interval, CallLater }
    Severity { Note, Warning, Error }
    Capability {
        Tasks, Waits, Sites, Timers, Io, Sync, Blocking, Warnings, Histograms, Logs, Dump, Stack, Debug, Cancel, Record,
    }
    DebugMode { Off, On, Stacks }
    Reached { Leaf, Combinator, Scheduled, Running, Foreign, Fork, Ended }
    LogLevel { Error, Warn, Info, Debug, Trace }
    CancelOutcome { Asked, Over, Gone, Later, Refused }
    HistogramKind { Poll, Scheduled, Lateness, IoWait, ReadinessDelay, Waited, Ran }
    Table { Tasks, Tree, Sites, Timers, Io, Sync, Loops, Warnings, Blocking }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every member but the unknown goes out and comes back as itself.
    fn check<T: Twin + Copy + PartialEq + std::fmt::Debug>(all: &[T], unknown: Option<T>) {
        for &member in all {
            let back = T::from_wire(member.to_wire());
            assert_eq!(back, (Some(member) != unknown).then_some(member));
        }
        assert_eq!(T::from_wire(0), None);
        assert_eq!(T::from_wire(-1), None);
        assert_eq!(T::from_wire(10_000), None);
    }

    #[test]
    fn every_member_has_its_twin() {
        check(TaskKind::ALL, None);
        check(TaskState::ALL, None);
        check(WaitKind::ALL, Some(WaitKind::Unknown));
        check(ResourceKind::ALL, Some(ResourceKind::Unknown));
        check(InCycle::ALL, None);
        check(TimerKind::ALL, None);
        check(Severity::ALL, None);
        check(Capability::ALL, None);
        check(HistogramKind::ALL, None);
        check(DebugMode::ALL, None);
        check(Reached::ALL, Some(Reached::Unknown));
        check(LogLevel::ALL, None);
        check(CancelOutcome::ALL, None);
    }
}
