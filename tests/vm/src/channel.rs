//! The line into a guest: a script goes in, its status and what it said come back.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_lab::Error;

use crate::{Result, content, system};

/// What became of a script.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How it ended.
    pub status: i32,
    /// What it said on both streams.
    pub said: String,
    /// How long it took, as seen from outside.
    pub took: Duration,
}

impl Answer {
    /// Takes any status but zero for an error.
    ///
    /// # Errors
    /// [`Error::Failed`] with what it said.
    pub fn must(self) -> Result<Self> {
        if self.status == 0 {
            return Ok(self);
        }
        Err(Error::Failed {
            command: "a script in the guest".into(),
            status: self.status.to_string(),
            stderr: self.said,
        })
    }

    /// Its last line as a JSON document.
    ///
    /// # Errors
    /// [`Error::Content`] if it is none.
    pub fn json(&self) -> Result<serde_json::Value> {
        let last = self.said.lines().last().unwrap_or_default();
        serde_json::from_str(last)
            .map_err(|error| content("what the guest said", format!("{error}: {}", self.said)))
    }
}

#[derive(Debug)]
pub(crate) struct Channel(BufReader<UnixStream>);

impl Channel {
    /// Waits until the guest's agent says hello: it has booted then.
    pub(crate) fn open(path: &Path, limit: Duration) -> Result<Self> {
        let stream = connect(path, limit)?;
        let mut channel = Self(BufReader::new(stream));
        let hello = channel.line(limit)?;
        if hello.trim() == "HELLO" { Ok(channel) } else { Err(content("the guest's first word", hello)) }
    }

    pub(crate) fn run(&mut self, script: &str, limit: Duration) -> Result<Answer> {
        let start = Instant::now();
        self.send(script)?;
        let line = self.line(limit)?;
        let mut words = line.split_ascii_whitespace();
        let status = words.nth(1).and_then(|word| word.parse().ok());
        let said = STANDARD.decode(words.next().unwrap_or_default()).unwrap_or_default();
        let status = status.ok_or_else(|| content("the guest's answer", &line))?;
        let said = String::from_utf8_lossy(&said).into_owned();
        Ok(Answer { status, said, took: start.elapsed() })
    }

    /// For scripts that end the guest.
    pub(crate) fn send(&mut self, script: &str) -> Result<()> {
        let line = format!("{}\n", STANDARD.encode(script));
        self.0.get_mut().write_all(line.as_bytes()).map_err(system("sending to the guest"))
    }

    fn line(&mut self, limit: Duration) -> Result<String> {
        self.0.get_ref().set_read_timeout(Some(limit)).map_err(system("waiting for the guest"))?;
        let mut line = String::new();
        self.0.read_line(&mut line).map_err(system("waiting for the guest"))?;
        if line.is_empty() { Err(content("the guest's answer", "it has ended")) } else { Ok(line) }
    }
}

/// QEMU makes its sockets while it starts.
pub(crate) fn connect(path: &Path, limit: Duration) -> Result<UnixStream> {
    hanare_lab::until_some("QEMU's socket", limit, || UnixStream::connect(path).ok())
}
