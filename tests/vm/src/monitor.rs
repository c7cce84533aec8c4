//! QEMU's monitor (QMP): the power switch, and memory as it is.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::channel::connect;
use crate::{Result, content, system};

#[derive(Debug)]
pub(crate) struct Monitor(BufReader<UnixStream>);

impl Monitor {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut monitor = Self(BufReader::new(connect(path, Duration::from_secs(30))?));
        monitor.next(Duration::from_secs(30))?;
        monitor.ask("qmp_capabilities", &json!({}), Duration::from_secs(30))?;
        Ok(monitor)
    }

    /// Asks, and passes over events until the answer comes.
    pub(crate) fn ask(&mut self, command: &str, arguments: &Value, limit: Duration) -> Result<Value> {
        let text = format!("{}\n", json!({"execute": command, "arguments": arguments}));
        self.0.get_mut().write_all(text.as_bytes()).map_err(system("asking QEMU"))?;
        loop {
            let said = self.next(limit)?;
            if let Some(error) = said.get("error") {
                return Err(content(command, error));
            }
            if let Some(answer) = said.get("return") {
                return Ok(answer.clone());
            }
        }
    }

    pub(crate) fn wait_for(&mut self, event: &str, limit: Duration) -> Result<()> {
        loop {
            if self.next(limit)?.get("event").and_then(Value::as_str) == Some(event) {
                return Ok(());
            }
        }
    }

    fn next(&mut self, limit: Duration) -> Result<Value> {
        self.0.get_ref().set_read_timeout(Some(limit)).map_err(system("waiting for QEMU"))?;
        let mut line = String::new();
        self.0.read_line(&mut line).map_err(system("waiting for QEMU"))?;
        serde_json::from_str(&line).map_err(|error| content("what QEMU said", error))
    }
}
