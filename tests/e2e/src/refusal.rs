//! What a command says when it does not do what it was asked: the status of the interface, and in both languages what
//! happened, why and what to do.

use std::time::Duration;

use hanare_lab::{Host, Output, Program, Result};
use serde_json::Value;

/// Longest time for one command: `join` tries for 30 s before it gives up.
const LIMIT: Duration = Duration::from_secs(45);

/// What is expected of a refusal: exit status and stable code.
#[derive(Debug, Clone, Copy)]
pub struct Refusal(pub i32, pub &'static str);

impl Refusal {
    /// Runs a command with `--json` in English and in Japanese, with `input` on its standard input, and takes everything
    /// but this refusal for a failure. The English document.
    ///
    /// # Errors
    /// If the command cannot be started or does not end.
    ///
    /// # Panics
    /// If it is not refused like this.
    #[track_caller]
    pub fn of(self, program: &Program, host: &Host, arguments: &[&str], input: &str) -> Result<Value> {
        let [english, japanese] = ["en", "ja"].map(|language| -> Result<Value> {
            let mut command = host.command(program.path());
            command.args(["--lang", language, "--json", "--runtime", "/run/hanare", "--state"]);
            command.arg(host.directory().join("state")).args(arguments);
            Ok(self.read(&hanare_lab::run(&mut command, input, LIMIT)?))
        });
        let (english, japanese) = (english?, japanese?);
        for part in ["text", "fix"] {
            let said = text(&japanese, part);
            assert!(!said.is_ascii(), "{part} is not Japanese: {said}");
            assert_ne!(said, text(&english, part));
        }
        Ok(english)
    }

    /// The error document of a command that was refused like this.
    ///
    /// # Panics
    /// If it was not.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "that it returns at all is what most callers want")]
    pub fn read(self, output: &Output) -> Value {
        let Self(status, code) = self;
        assert_eq!(output.code(), Some(status), "{output:?}");
        let document = output.json().unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert_eq!(text(&document, "schema"), "hanare.error/1");
        assert_eq!(text(&document, "code"), code, "{document}");
        for part in ["text", "cause", "fix"] {
            assert!(!text(&document, part).is_empty(), "{part} of {document}");
        }
        document
    }
}

fn text<'a>(document: &'a Value, part: &str) -> &'a str {
    document.get(part).and_then(Value::as_str).unwrap_or_default()
}
