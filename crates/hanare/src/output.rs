//! The one owner of stdout and stderr: data goes to the one, talk to the other.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;
use serde_json::{Value, json};

use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::voice::{Argument, Voice};

/// Prints.
pub(crate) struct Printer {
    voice: Voice,
    json: bool,
    quiet: bool,
}

/// Why nothing more can be printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrintError {
    /// The reader of a pipe has read enough: that is success.
    #[error("nobody reads any more")]
    NobodyReads,
    /// The output cannot be written.
    #[error("cannot write the output")]
    Write(#[source] io::Error),
    /// Our bug.
    #[error("cannot write the output as JSON")]
    Json(#[source] serde_json::Error),
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::NobodyReads } else { Self::Write(error) }
    }
}

impl From<PrintError> for Failure {
    fn from(error: PrintError) -> Self {
        match error {
            PrintError::NobodyReads => Self::new(Exit::Good, "output"),
            PrintError::Write(source) => Self::new(Exit::Impossible, "output").because(&source),
            PrintError::Json(source) => Self::new(Exit::Bug, "bug").because(&source),
        }
    }
}

impl Printer {
    /// Speaks with `voice`; `json` makes documents of data, `quiet` keeps everything but data and errors back.
    pub(crate) const fn new(voice: Voice, json: bool, quiet: bool) -> Self {
        Self { voice, json, quiet }
    }

    /// The voice, for labels and tables.
    pub(crate) const fn voice(&self) -> &Voice {
        &self.voice
    }

    /// Whether data is wanted as JSON.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// Prints a command's result: the document `hanare.NAME/1` with `--json`, otherwise what a person reads.
    pub(crate) fn result<T: Serialize>(
        &self,
        name: &str,
        data: &T,
        text: impl FnOnce(&Voice) -> String,
    ) -> Result<(), PrintError> {
        if self.json { self.document(name, data) } else { self.data(&text(&self.voice)) }
    }

    /// Begins a result that is a list and comes in pages: the document `hanare.NAME/1` with all of them in `member`, or text for
    /// each page.
    pub(crate) const fn list(&self, name: &'static str, member: &'static str) -> List<'_> {
        List { printer: self, name, member, is_begun: false }
    }

    /// Prints text as data: one newline at its end, nothing at all if it is empty.
    #[expect(clippy::unused_self, reason = "whoever prints owns the printer: stdout has one owner")]
    pub(crate) fn data(&self, text: &str) -> Result<(), PrintError> {
        print(text)
    }

    /// A line of talk, kept back by `--quiet` and by `--json`.
    pub(crate) fn talk(&self, id: &str, arguments: &[Argument<'_>]) {
        if !self.quiet && !self.json {
            tell(&self.voice.say_with(id, arguments));
        }
    }

    /// The same of a sentence that was said already.
    pub(crate) fn talk_text(&self, text: &str) {
        if !self.quiet && !self.json {
            tell(text);
        }
    }

    /// A warning: also with `--quiet`.
    pub(crate) fn warn(&self, id: &str, arguments: &[Argument<'_>]) {
        tell(&self.voice.say_with(id, arguments));
    }

    /// What another process of this program has said already, in the same language and form.
    pub(crate) fn relay(&self, text: &str) {
        if self.json {
            // Its document is this command's; nobody is left to hear that it could not be written.
            let _ = self.data(text);
        } else {
            tell(text.trim_end());
        }
    }

    /// A failure: `hanare.error/1` on stdout with `--json`, otherwise what happened, why and what to do on stderr.
    pub(crate) fn failure(&self, failure: &Failure) {
        let told = failure.tell(&self.voice);
        if self.json {
            let document =
                json!({"code": failure.code, "text": told.text, "cause": told.cause, "fix": told.fix});
            // Nobody is left to hear that this did not work.
            let _ = self.document("error", &document);
            return;
        }
        let colour = io::stderr().is_terminal() && !environment::no_color();
        let (bold, plain) = if colour { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
        let mut text = format!("{bold}{}{plain} {}", self.voice.say("label-error"), told.text);
        for (label, part) in [("label-cause", &told.cause), ("label-fix", &told.fix)] {
            if !part.is_empty() {
                text.extend(["\n  ", &self.voice.say(label), " ", part]);
            }
        }
        tell(&text);
    }

    /// What a service says on stdout once it serves: the document `hanare.NAME/1` with `--json`, otherwise nothing.
    pub(crate) fn once_ready<T: Serialize>(&self, name: &str, data: &T) -> Result<Readiness, PrintError> {
        let text = if self.json { Some(document(name, data)?) } else { None };
        Ok(Readiness { text })
    }

    fn document<T: Serialize>(&self, name: &str, data: &T) -> Result<(), PrintError> {
        self.data(&document(name, data)?)
    }
}

/// A document that is printed when a service serves.
pub(crate) struct Readiness {
    text: Option<String>,
}

impl Readiness {
    /// Prints it, the first time. That nobody reads it stops no service.
    pub(crate) fn tell(&mut self) {
        if let Some(text) = self.text.take()
            && let Err(error) = print(&text)
        {
            tracing::warn!(%error, "nobody reads the output");
        }
    }
}

fn document<T: Serialize>(name: &str, data: &T) -> Result<String, PrintError> {
    let mut members = serde_json::Map::new();
    members.insert("schema".to_owned(), Value::String(format!("hanare.{name}/1")));
    match serde_json::to_value(data).map_err(PrintError::Json)? {
        Value::Object(rest) => members.extend(rest),
        Value::Null => {}
        other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            members.insert("value".to_owned(), other);
        }
    }
    serde_json::to_string(&Value::Object(members)).map_err(PrintError::Json)
}

fn print(text: &str) -> Result<(), PrintError> {
    if text.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// A list that is printed while it comes. What fails in the middle leaves a document without an end, which nobody takes for whole.
pub(crate) struct List<'a> {
    printer: &'a Printer,
    name: &'static str,
    member: &'static str,
    is_begun: bool,
}

impl List<'_> {
    /// Prints some more.
    pub(crate) fn page<T: Serialize>(
        &mut self,
        items: &[T],
        text: impl FnOnce(&Voice) -> String,
    ) -> Result<(), PrintError> {
        if !self.printer.json {
            self.is_begun = true;
            return self.printer.data(&text(&self.printer.voice));
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        for item in items {
            if self.is_begun {
                out.write_all(b",")?;
            } else {
                write!(out, "{{\"schema\":\"hanare.{}/1\",\"{}\":[", self.name, self.member)?;
                self.is_begun = true;
            }
            let text = serde_json::to_string(item).map_err(PrintError::Json)?;
            out.write_all(text.as_bytes())?;
        }
        Ok(out.flush()?)
    }

    /// Ends it; `text` is said where nothing was printed.
    pub(crate) fn end(self, text: impl FnOnce(&Voice) -> String) -> Result<(), PrintError> {
        match (self.printer.json, self.is_begun) {
            (true, true) => self.printer.data("]}"),
            (true, false) => self.printer.document(self.name, &json!({self.member: []})),
            (false, true) => Ok(()),
            (false, false) => self.printer.data(&text(&self.printer.voice)),
        }
    }
}

/// Writes talk; a closed stderr stops nothing.
fn tell(text: &str) {
    let mut out = io::stderr().lock();
    let _ = writeln!(out, "{text}");
}

/// Whether stdout goes to a person's screen.
pub(crate) fn on_screen() -> bool {
    io::stdout().is_terminal()
}
