//! What the agent remembers of a password while a day lasts is made here, by the process that sees the password: an Argon2id hash with
//! the agent's salt of the day. The password itself goes to headquarters only.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_model::work::WorkOpen;
use hanare_model::{PersonId, Secret};
use zeroize::Zeroizing;

use crate::agent::{self, Answer, Asked, Salt};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};

/// As headquarters keeps them (`hanare-hq`, `identity::password`): OWASP's minimum for Argon2id with one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What holds from now on, if headquarters takes this.
pub(super) fn proven_by(claim: &WorkOpen) -> &Secret {
    claim.new_password.as_ref().unwrap_or(&claim.password)
}

/// Has the agent remember what a person has proven themselves with. Only root's word counts there; without it a screen that is
/// locked wants headquarters, and nothing else is missing.
pub(super) fn keep(context: &Context, person: &PersonId, password: &Secret) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let keeps = agent::ask(&context.runtime, &Asked::Status).is_some_and(|standing| standing.keeps_volume);
    if !keeps {
        return;
    }
    let kept = salt(context).and_then(|salt| {
        let asked = Asked::Keep { person: person.clone(), hash: hash(password, salt)? };
        Ok(agent::ask(&context.runtime, &asked).and_then(|standing| standing.answer))
    });
    if !matches!(kept, Ok(Some(Answer::Remembered))) {
        tracing::warn!("a locked screen will want headquarters");
    }
}

/// Lets somebody back to the day that is open, if one spelling of what they typed is what began it.
pub(super) fn unlock(context: &Context, spellings: &[Secret]) -> Result<(), Failure> {
    let salt = salt(context)?;
    let hashes = spellings.iter().map(|spelling| hash(spelling, salt)).collect::<Result<_, _>>()?;
    let standing = agent::ask(&context.runtime, &Asked::Unlock { hashes }).ok_or_else(silent)?;
    if standing.answer == Some(Answer::Right) {
        return Ok(());
    }
    if let Some(Answer::Wait { seconds }) = standing.answer {
        let span = Phrase::new("span-seconds").with("n", seconds);
        return Err(Failure::new(Exit::Refused, "work-pam-wait").with_phrase("span", span));
    }
    let unknown = standing.answer == Some(Answer::Unknown);
    Err(Failure::new(Exit::Refused, if unknown { "work-pam-unknown" } else { "work-pam-wrong" }))
}

/// Says to the agent that whoever is about to prove themselves is who began this day without headquarters: what they typed is the
/// same. Where it is not, the day ends with the proof, and another one begins.
pub(super) fn repeat(context: &Context, password: &Secret) {
    let alone = agent::ask(&context.runtime, &Asked::Status).is_some_and(|standing| standing.alone);
    if alone && let Err(failure) = unlock(context, std::slice::from_ref(password)) {
        tracing::debug!(code = failure.code, "it is not what began this day");
    }
}

/// The agent's salt of today.
pub(super) fn salt(context: &Context) -> Result<Salt, Failure> {
    let standing = agent::ask(&context.runtime, &Asked::Salt).ok_or_else(silent)?;
    let Some(Answer::Salt { salt }) = standing.answer else {
        return Err(Failure::new(Exit::Refused, "work-anothers"));
    };
    Ok(salt)
}

/// Hashes; takes tens of milliseconds and 19 MiB.
pub(super) fn hash(password: &Secret, salt: Salt) -> Result<Secret, Failure> {
    let failed =
        |error: argon2::Error| Failure::new(Exit::Impossible, "runtime").reported("cause-other", error);
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
    let mut hash = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.expose().as_bytes(), &salt, &mut *hash)
        .map_err(failed)?;
    Ok(Secret::new(STANDARD.encode(*hash)))
}

fn silent() -> Failure {
    Failure::new(Exit::Unreachable, "agent-silent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_one_password_and_one_salt() {
        let hashed = |text: &str, salt: u8| {
            let made = hash(&Secret::new(text.to_owned()), [salt; 16]);
            made.ok().map(|hash| hash.expose().to_owned()).unwrap()
        };
        let one = hashed("correct horse battery", 1);
        assert_eq!(one, hashed("correct horse battery", 1));
        assert_ne!(one, hashed("correct horse battery", 2));
        assert_ne!(one, hashed("correct horse batterx", 1));
        assert_eq!(STANDARD.decode(&one).unwrap().len(), 32);
        assert!(!one.contains("correct"));
    }

    #[test]
    fn what_holds_is_the_new_password_where_there_is_one() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let claim = |new_password| WorkOpen {
            person: "hanako".parse().unwrap(),
            password: secret("old"),
            code: secret("123456"),
            new_password,
        };
        assert_eq!(proven_by(&claim(None)), &secret("old"));
        assert_eq!(proven_by(&claim(Some(secret("new")))), &secret("new"));
    }
}
