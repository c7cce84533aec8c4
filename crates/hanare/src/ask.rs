//! Questions to the person: a confirmation before something is destroyed.

use std::fmt::Display;
use std::io::{self, BufRead as _, IsTerminal as _};

use clap::Args;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// The flags of everything that destroys.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Confirmation {
    #[arg(long)]
    yes: bool,
    #[arg(long)]
    dry_run: bool,
}

impl Confirmation {
    /// Whether nothing is to be changed.
    pub(crate) const fn is_dry_run(self) -> bool {
        self.dry_run
    }

    /// Whether to go on: not after `--dry-run`; at once with `--yes`; otherwise a person is asked, and where nobody can be
    /// asked it is wrong usage. `what` is what would go, in the person's language.
    pub(crate) fn go_on(self, context: &Context, what: &dyn Display) -> Result<bool, Failure> {
        if self.dry_run {
            context.out.talk("dry-run", &[("what", what)]);
            return Ok(false);
        }
        if self.yes {
            return Ok(true);
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::new(Exit::Usage, "wants-yes").with("what", what));
        }
        context.out.warn("confirm", &[("what", what)]);
        let mut answer = String::new();
        io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(|error| Failure::new(Exit::Impossible, "terminal").because(&error))?;
        let answer = answer.trim().to_lowercase();
        if ["y", "yes", "はい", "ｙ"].contains(&answer.as_str()) {
            return Ok(true);
        }
        Err(Failure::new(Exit::No, "not-confirmed").with("what", what))
    }
}
