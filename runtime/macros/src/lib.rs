//! The attribute macros of loopscope.
