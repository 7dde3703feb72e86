//! Programs a person would want to run and look at.
//!
//! | program | what it is |
//! |---|---|
//! | `hello` | asyncio's Hello World |
