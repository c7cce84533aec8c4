//! The command: one file per subcommand, the voice in Japanese and English, tables, exit statuses.
//!
//! A command parses its arguments, asks a library crate, and hands what it learned to `output::Printer`, the one owner of
//! stdout and stderr. What a person reads comes from the catalogue in `locales/`; see [`voice`].

mod agent;
mod ask;
mod boot;
mod classes;
mod commands;
mod context;
mod durations;
mod environment;
mod exit;
mod failure;
mod foreign;
mod guards;
mod help;
mod input;
mod output;
mod program;
mod qr;
mod serve;
mod service;
mod show;
mod sizes;
mod table;
mod times;
mod typed;

pub use environment::language;
pub use exit::Exit;
pub use guards::Guards;
pub use hanare_voice as voice;
pub use help::command;
pub use program::{main, main_with};

#[cfg(test)]
#[path = "../tests/words/mod.rs"]
mod words;
