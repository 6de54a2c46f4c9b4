//! Nothing acknowledged is lost (D1 to D6, D10): the real program, and what may happen to it. It is killed, its database is
//! killed, the power fails, a sync fails, the disk is full, a rebuild is cut short, a mail server hangs up; and nothing that it says of all this holds anybody's words
//! (C6).
//!
//! Faults of the disk come from outside: `strace` fails or records the program's calls, a small tmpfs is full. Where such a
//! tool cannot run, the test fails and says what it needs. Each promise runs in a short form here, and whole with
//! `THROUGHLINE_TEST_IN_FULL=1` (docs/OPERATIONS.md, "The promises in full"). Chance is seeded, so that what failed once
//! can be tried again: `THROUGHLINE_TEST_SEED`.
#![cfg(test)]

mod chance;
mod disk;
mod full;
mod kill;
mod mail;
mod place;
mod power;
mod rebuild;
mod said;
mod sync;
mod writers;
