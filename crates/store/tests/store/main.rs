//! The store, on SQLite and on PostgreSQL: every test runs on both.
#![cfg(test)]

mod limit;
mod log;
mod memory;
mod portion;
mod posts;
mod rows;
mod schema;
mod select;
mod stage;
mod trouble;
mod truth;
mod wall;
