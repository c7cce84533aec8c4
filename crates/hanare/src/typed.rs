//! What a person types, or a program writes in their stead: lines that may be secrets, and are never echoed if they are.

use std::io;

use hanare_model::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;

/// The longest line.
const MAX_LINE: usize = 4096;

/// The next line of the standard input; `None` at its end.
pub(crate) fn line() -> Result<Option<Secret>, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LINE));
    loop {
        match byte()? {
            None if bytes.is_empty() => return Ok(None),
            Some(b'\n') | None => break,
            Some(byte) => push(&mut bytes, byte)?,
        }
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    text(&bytes).map(Some)
}

/// A line from the terminal that nobody sees.
pub(crate) fn hidden() -> Result<Secret, Failure> {
    let cancelled = || Failure::new(Exit::No, "work-cancelled");
    let quiet = Quiet::new()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LINE));
    loop {
        match byte()? {
            Some(b'\n' | b'\r') => break,
            // Ctrl-C, and Ctrl-D on an empty line: the terminal leaves them to us, so that it is never left quiet.
            Some(3) | None => return Err(cancelled()),
            Some(4) if bytes.is_empty() => return Err(cancelled()),
            Some(8 | 127) => erase(&mut bytes),
            Some(21) => bytes.clear(),
            Some(byte) => push(&mut bytes, byte)?,
        }
    }
    drop(quiet);
    text(&bytes)
}

/// A byte at a time and past the standard library's buffer, which nobody would wipe.
fn byte() -> Result<Option<u8>, Failure> {
    let mut byte = [0];
    match rustix::io::retry_on_intr(|| rustix::io::read(io::stdin(), &mut byte)) {
        Ok(0) => Ok(None),
        Ok(_) => Ok(byte.first().copied()),
        Err(error) => Err(Failure::new(Exit::Impossible, "terminal").because(&io::Error::from(error))),
    }
}

fn push(bytes: &mut Vec<u8>, byte: u8) -> Result<(), Failure> {
    // It never grows beyond what it has: a copy would be left behind.
    if bytes.len() >= MAX_LINE {
        return Err(Failure::new(Exit::Input, "work-input"));
    }
    bytes.push(byte);
    Ok(())
}

/// Takes the last character away, all of its bytes.
fn erase(bytes: &mut Vec<u8>) {
    while let Some(byte) = bytes.pop() {
        if byte & 0xc0 != 0x80 {
            break;
        }
    }
}

fn text(bytes: &[u8]) -> Result<Secret, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_| Failure::new(Exit::Input, "work-input"))?;
    Ok(Secret::new(text.to_owned()))
}

/// A terminal that shows nothing, until this is dropped.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn new() -> Result<Self, Failure> {
        let fail = |error: rustix::io::Errno| {
            Failure::new(Exit::Impossible, "terminal").because(&io::Error::from(error))
        };
        let before = tcgetattr(io::stdin()).map_err(fail)?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet).map_err(fail)?;
        Ok(Self { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nobody is left to tell, and nothing else to try.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_taken_away_whole() {
        let mut bytes = "aあ".as_bytes().to_vec();
        erase(&mut bytes);
        assert_eq!(bytes, b"a");
        erase(&mut bytes);
        erase(&mut bytes);
        assert!(bytes.is_empty());
    }
}
