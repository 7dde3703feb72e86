//! What of the OS's resources a child may use.

use rustix::process::Resource as Of;

/// A resource of the OS that a process can be limited in, for [`Command::limit`](super::Command::limit).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// Seconds of processor time; the soft limit ends it with `SIGXCPU`.
    CpuTime,
    /// Bytes of a file it writes; more ends it with `SIGXFSZ`.
    FileSize,
    /// Bytes of its data segment.
    Data,
    /// Bytes of its stack.
    Stack,
    /// Bytes of a core dump.
    CoreDump,
    /// Processes and threads of its user.
    Processes,
    /// One more than the highest descriptor it may have.
    OpenFiles,
    /// Bytes locked in memory.
    LockedMemory,
    /// Bytes of its address space.
    AddressSpace,
}

impl From<Resource> for Of {
    fn from(resource: Resource) -> Self {
        match resource {
            Resource::CpuTime => Self::Cpu,
            Resource::FileSize => Self::Fsize,
            Resource::Data => Self::Data,
            Resource::Stack => Self::Stack,
            Resource::CoreDump => Self::Core,
            Resource::Processes => Self::Nproc,
            Resource::OpenFiles => Self::Nofile,
            Resource::LockedMemory => Self::Memlock,
            Resource::AddressSpace => Self::As,
        }
    }
}
