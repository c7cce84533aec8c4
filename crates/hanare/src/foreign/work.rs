//! Why headquarters does not open a person's work, as failures.

use hanare_model::work::{MAX_PASSWORD, MIN_PASSWORD, PasswordFault, WorkRefusal};

use crate::exit::Exit;
use crate::failure::{Failure, Phrase};

pub(super) fn refused(refusal: WorkRefusal) -> Failure {
    let refused = |code| Failure::new(Exit::Refused, code);
    match refusal {
        WorkRefusal::Proof => refused("work-proof"),
        WorkRefusal::Locked { retry_after_seconds } => {
            refused("work-locked").with_phrase("span", span(retry_after_seconds))
        }
        WorkRefusal::Disabled => refused("work-disabled"),
        WorkRefusal::MustChange => refused("work-must-change"),
        WorkRefusal::Password { fault } => {
            Failure::new(Exit::Input, "work-password").with_phrase("cause", password_fault(fault))
        }
        WorkRefusal::NotHere => refused("work-not-here"),
        WorkRefusal::NotOpen => refused("work-not-open"),
        WorkRefusal::Overtime => refused("overtime-enough"),
    }
}

/// How long to wait, in words.
pub(super) fn span(seconds: u64) -> Phrase {
    if seconds < 120 {
        Phrase::new("span-seconds").with("n", seconds)
    } else {
        Phrase::new("span-minutes").with("n", seconds.div_ceil(60))
    }
}

fn password_fault(fault: PasswordFault) -> Phrase {
    match fault {
        PasswordFault::Short => Phrase::new("password-short").with("least", MIN_PASSWORD),
        PasswordFault::Long => Phrase::new("password-long").with("most", MAX_PASSWORD),
        PasswordFault::Same => Phrase::new("password-same"),
    }
}
