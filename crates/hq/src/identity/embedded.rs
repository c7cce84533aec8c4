//! The provider that headquarters has by itself: a password (Argon2id) and a one-time code (TOTP).

use std::sync::Arc;

use futures_util::future::BoxFuture;
use hanare_model::work::{MAX_PASSWORD, PasswordFault, WorkOpen};
use hanare_model::{Secret, Timestamp};
use tokio::sync::Semaphore;

use super::{Account, Credentials, IdentityProvider, Overloaded, PasswordHash, Proof, TotpSecret, password};

/// Passwords that are hashed at a time: 19 MiB each, and the other threads that may block are for others.
const AT_ONCE: usize = 2;
/// Proofs that wait for that; the API gives each ten seconds.
const QUEUE: usize = 64;

/// Passwords and codes.
#[derive(Debug, Clone)]
pub(crate) struct Embedded {
    hashing: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Default for Embedded {
    fn default() -> Self {
        Self { hashing: Arc::new(Semaphore::new(AT_ONCE)), queue: Arc::new(Semaphore::new(QUEUE)) }
    }
}

impl Embedded {
    /// Hashes beside everything else, a few at a time, whoever waits for it.
    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Overloaded> + Send + 'static,
    ) -> Result<T, Overloaded> {
        let waiting = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| Overloaded)?;
        let turn = Arc::clone(&self.hashing).acquire_owned().await.map_err(|_| Overloaded)?;
        drop(waiting);
        // The turn ends with the work, not with whoever waits for it: an impatient client frees no memory.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|_| Overloaded)?
    }
}

impl IdentityProvider for Embedded {
    fn prove<'a>(
        &'a self,
        account: Option<Account>,
        claim: &'a WorkOpen,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Proof, Overloaded>> {
        let claim = claim.clone();
        Box::pin(self.beside(move || look(account, &claim, now)))
    }

    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, Overloaded>> {
        Box::pin(self.beside(|| {
            let password = password::temporary()?;
            let totp = TotpSecret::make().map_err(|_| Overloaded)?;
            let account = Account { password: PasswordHash::make(&password)?, totp };
            Ok(Credentials { password, account })
        }))
    }
}

/// Every way through it hashes once and makes three codes, whoever is there; only a right proof with a new password hashes
/// once more.
fn look(account: Option<Account>, claim: &WorkOpen, now: Timestamp) -> Result<Proof, Overloaded> {
    let is_there = account.is_some();
    let account = match account {
        Some(account) => account,
        None => {
            Account { password: PasswordHash::nobodys(), totp: TotpSecret::make().map_err(|_| Overloaded)? }
        }
    };
    let fits = claim.password.expose().len() <= MAX_PASSWORD;
    let none = Secret::new(String::new());
    let knows = account.password.matches(if fits { &claim.password } else { &none })?;
    let step = account.totp.step(&claim.code, now);
    Ok(match (is_there, knows, step) {
        (false, _, _) => Proof::Wrong("unknown-person"),
        (true, false, _) => Proof::Wrong("wrong-password"),
        (true, true, None) => Proof::Wrong("wrong-code"),
        (true, true, Some(step)) => {
            let new = claim.new_password.as_ref().map(|new| chosen(new, &claim.password)).transpose()?;
            Proof::Right { step, new }
        }
    })
}

fn chosen(new: &Secret, old: &Secret) -> Result<Result<PasswordHash, PasswordFault>, Overloaded> {
    match PasswordFault::of(new, old) {
        Some(fault) => Ok(Err(fault)),
        None => PasswordHash::make(new).map(Ok),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(password: &Secret, code: &Secret, new: Option<&str>) -> WorkOpen {
        WorkOpen {
            person: "hanako".parse().unwrap(),
            password: password.clone(),
            code: code.clone(),
            new_password: new.map(|text| Secret::new(text.to_owned())),
        }
    }

    #[tokio::test]
    async fn a_proof_is_password_and_code_together() {
        let (provider, now) = (Embedded::default(), Timestamp::from_seconds(3000));
        let Credentials { password, account } = provider.credentials().await.unwrap();
        let code = account.totp.shown(now);
        let wrong = Secret::new("wrong".to_owned());
        let prove = async |password: &Secret, code: &Secret, new, account: Option<&Account>| {
            provider.prove(account.cloned(), &claim(password, code, new), now).await.unwrap()
        };
        let known = Some(&account);
        assert!(matches!(prove(&password, &code, None, known).await, Proof::Right { step: 100, new: None }));
        assert!(matches!(prove(&wrong, &code, None, known).await, Proof::Wrong("wrong-password")));
        assert!(matches!(prove(&password, &wrong, None, known).await, Proof::Wrong("wrong-code")));
        assert!(matches!(prove(&password, &code, None, None).await, Proof::Wrong("unknown-person")));
        let Proof::Right { new: Some(Err(fault)), .. } = prove(&password, &code, Some("short"), known).await
        else {
            panic!("it is too short");
        };
        assert_eq!(fault, PasswordFault::Short);
        let Proof::Right { new: Some(Ok(hash)), .. } =
            prove(&password, &code, Some("correct horse battery"), known).await
        else {
            panic!("it is good");
        };
        assert!(hash.matches(&Secret::new("correct horse battery".to_owned())).unwrap());
    }

    #[tokio::test]
    async fn a_flood_is_turned_away_and_not_kept() {
        let provider = Embedded::default();
        let held = Arc::clone(&provider.hashing).acquire_many_owned(2).await.unwrap();
        let now = Timestamp::from_seconds(3000);
        let nothing = Secret::new(String::new());
        let asked = claim(&nothing, &nothing, None);
        let mut waiting = Vec::new();
        for _ in 0..QUEUE {
            let (provider, asked) = (provider.clone(), asked.clone());
            waiting.push(tokio::spawn(async move { provider.prove(None, &asked, now).await.is_ok() }));
        }
        while provider.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(provider.prove(None, &asked, now).await.is_err(), "one too many");
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
        for ended in waiting {
            let _ = ended.await;
        }
        drop(held);
        assert!(provider.prove(None, &asked, now).await.is_ok(), "their places are free again");
    }
}
