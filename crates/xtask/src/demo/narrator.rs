//! The demo's voice: what happens, when, in the person's language.

use std::error::Error;
use std::time::Instant;

use hanare_voice::{Argument, Language, Voice};

use super::report::Report;

/// Tells the story on stderr; what was found out goes to stdout.
pub(crate) struct Narrator {
    voice: Voice,
    start: Instant,
}

impl Narrator {
    pub(crate) fn new() -> Self {
        Self { voice: Voice::new(Language::of(|name| std::env::var(name).ok())), start: Instant::now() }
    }

    /// Tells one message of the catalogue.
    #[expect(clippy::print_stderr, reason = "the story is talk")]
    pub(crate) fn tell(&self, id: &str, arguments: &[Argument<'_>]) {
        eprintln!("{:5.1} s  {}", self.start.elapsed().as_secs_f64(), self.voice.say_with(id, arguments));
    }

    /// Says what went wrong, with its causes.
    pub(crate) fn complain(&self, error: &(dyn Error + 'static)) {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        if let Some(hanare_lab::Error::Missing { programs, line }) = error.downcast_ref() {
            self.tell("demo-missing", &[("programs", programs), ("line", line)]);
        } else {
            self.tell("demo-failed", &[("why", &text)]);
        }
    }

    /// Prints the report: one JSON document, or a list that a person reads.
    #[expect(clippy::print_stdout, reason = "the report is data")]
    pub(crate) fn print(&self, report: &Report, json: bool) {
        if json {
            match serde_json::to_string(report) {
                Ok(text) => println!("{text}"),
                Err(error) => self.complain(&error),
            }
            return;
        }
        let value = serde_json::to_value(report).unwrap_or_default();
        for (name, value) in value.as_object().into_iter().flatten() {
            println!("{name:<14} {value}");
        }
        self.tell(if report.good() { "demo-good" } else { "demo-bad" }, &[]);
    }
}
