//! Enumerations whose members have a fixed name in JSON and in filters.

use std::fmt;

/// A name that no member of an enumeration bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    what: &'static str,
    name: String,
}

impl UnknownName {
    pub(super) fn new(what: &'static str, name: &str) -> Self {
        // Whatever came over the wire is quoted in a message, so it is kept short.
        Self { what, name: name.chars().take(64).collect() }
    }

    /// What the name should have been, as in "task state".
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// The name, cut at 64 characters.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no {}", self.name, self.what)
    }
}

impl std::error::Error for UnknownName {}

/// Declares an enumeration with `ALL`, `as_str`, `Display` and `FromStr` from one list.
macro_rules! named {
    (
        $(#[$meta:meta])*
        $what:literal $ty:ident { $( $(#[$member_meta:meta])* $member:ident = $name:literal ),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $ty {
            $( $(#[$member_meta])* $member ),+
        }

        impl $ty {
            /// Every member, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$member),+];

            /// The name of every member, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name in JSON and in filters.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$member => $name),+
                }
            }
        }

        impl std::fmt::Display for $ty {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $ty {
            type Err = $crate::model::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$member),)+
                    _ => Err($crate::model::name::UnknownName::new($what, name)),
                }
            }
        }
    };
}

pub(super) use named;
