//! Whether the kill switch lets the tunnel talk to headquarters as it was found. It is tried every second where it did not take
//! that, and told once for each change: a log that says the same every second hides the rest.

use hanare_host::HostError;

/// How the last try went.
#[derive(Debug, Default)]
pub(super) struct Permitted {
    failure: Option<HostError>,
}

/// What is new.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It failed, or fails for another reason.
    Failed,
    /// It failed before, and does not any more.
    Mended,
}

impl Permitted {
    /// Whether it has to be tried again.
    pub(super) const fn is_due(&self) -> bool {
        self.failure.is_some()
    }

    /// Takes the outcome of a try.
    pub(super) fn note(&mut self, outcome: Result<(), HostError>) -> Option<Turn> {
        let before = std::mem::replace(&mut self.failure, outcome.err());
        match &self.failure {
            Some(_) if self.failure == before => None,
            Some(_) => Some(Turn::Failed),
            None => before.map(|_| Turn::Mended),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_every_second_is_told_once_for_each_reason() {
        let failed =
            |text: &str| Err(HostError::Program { program: "nft".to_owned(), text: text.to_owned() });
        let mut permitted = Permitted::default();
        let told =
            [failed("busy"), failed("busy"), failed("gone"), failed("gone"), Ok(()), Ok(()), failed("busy")]
                .map(|outcome| permitted.note(outcome));
        let (failed, mended) = (Some(Turn::Failed), Some(Turn::Mended));
        assert_eq!(told, [failed, None, Some(Turn::Failed), None, mended, None, Some(Turn::Failed)]);
        assert!(permitted.is_due());
    }
}
