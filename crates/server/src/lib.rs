//! The `throughline` program: settings, wiring, the command line. The only crate that reads the environment and prints.
//!
//! Absent on purpose: rules, GraphQL's words, SQL. It opens what the settings name ([`open`](mod@open)), serves it
//! ([`serve`]), and looks into it for an operator ([`inspect`], [`prove`], [`doctor`]). The library is the whole program;
//! the binary calls [`cli::main`]. A test may start a server in its own process:
//! `server::serve::open(&settings, &world).await?` gives its address, its app and a way to stop it.

pub mod backup;
pub mod cli;
pub mod demo;
pub mod doctor;
mod error;
mod files;
mod front;
pub mod health;
pub mod inspect;
mod invented;
pub mod keys;
pub mod logs;
mod metrics;
pub mod open;
mod progress;
pub mod prove;
pub mod ready;
pub mod serve;
pub mod settings;
pub mod signals;
pub mod traces;

pub use error::Error;
pub use open::World;
pub use serve::Served;
pub use settings::Settings;
