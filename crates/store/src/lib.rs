//! The log, the rows and the proofs, on SQLite and PostgreSQL. It knows bytes and names, and no coaching.
//!
//! This is the only crate with `sqlx`. A [`Store`] is an open database. Whoever reads takes a [`Snapshot`], whoever
//! writes a [`Batch`], which reads too; each is one transaction on one connection. What is written are the log's own
//! rows (`log`) and the rows of read models ([`Table`], [`Row`]); what is asked are positions, keys and a [`Select`].
//!
//! - `store`, `pools`, `schema`: opening, connections, migrations.
//! - `door`: the one way by which statements reach a database; `statement`: how they are written for two of them.
//! - `snapshot`, `select`, `lists`, `batch`, `log`, `value`: what can be read and written.
//! - `portion`: reading a log on, so many events or so many bytes at a time.
//! - `wall`: row-level security, for those who read single logs.
//! - `doorbell`: how nodes wake each other. [`limit`]: what the database alone could do.
//! - [`tree`], [`checkpoint`]: proofs over the log.
//! - [`objects`]: long bytes beside the database.
//!
//! There is no clock, no randomness and no decision here: times and ids are parameters, and who may see what comes in
//! as a [`Sight`]. There is no trait over databases either: an enum of two is all that is needed.

mod backlog;
mod batch;
pub mod checkpoint;
mod door;
mod doorbell;
mod error;
mod keys;
pub mod limit;
mod lists;
mod log;
pub mod objects;
mod place;
#[cfg(test)]
mod plans;
mod pools;
mod portion;
mod schema;
mod select;
mod snapshot;
mod statement;
mod store;
pub mod tree;
pub mod truth;
mod value;
mod wall;

pub use backlog::Overdue;
pub use batch::{Batch, Locked, Wait};
pub use doorbell::{Doorbell, Rung};
pub use error::Error;
pub use keys::KeyOrder;
pub use lists::{Lists, Parent};
pub use log::{Command, Event, Follower, Forgotten, Head, Key, Node, Outbox, SignedRoot, Work};
pub use objects::{Bucket, Objects, Shelf};
pub use portion::Portions;
pub use select::{Activity, Direction, Filter, Named, Owners, Select, Sight, Take};
pub use snapshot::{Due, Snapshot};
pub use store::{Database, Options, Store};
pub use value::{Id, Row, Table, Type, Value};
pub use wall::Wall;
