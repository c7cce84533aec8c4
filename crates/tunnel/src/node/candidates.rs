//! Which of headquarters' addresses the tunnel uses, and which is next when it stays silent; decides, does nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hanare_model::Endpoint;

/// How long an address that has not answered yet is tried: wire's handshake tries are 5 s apart at first, and two of them
/// fit. Short, so that after an outage a dead address in the list costs little of the 15 s in which traffic resumes.
pub(crate) const TRY: Duration = Duration::from_secs(8);

/// Headquarters' endpoints with what their names resolved to.
#[derive(Debug, Clone)]
pub(crate) struct Candidates {
    list: Vec<(Endpoint, SocketAddr)>,
    active: usize,
    since: Instant,
}

impl Candidates {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { list: Vec::new(), active: 0, since: now }
    }

    /// Takes a new list; the address in use stays in use if it is still there.
    pub(crate) fn replace(&mut self, list: Vec<(Endpoint, SocketAddr)>, now: Instant) {
        let kept = self.address().and_then(|active| list.iter().position(|(_, address)| *address == active));
        self.list = list;
        self.active = kept.unwrap_or(0);
        if kept.is_none() {
            self.since = now;
        }
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.list.get(self.active).map(|(_, address)| *address)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn endpoint(&self) -> Option<&Endpoint> {
        self.list.get(self.active).map(|(endpoint, _)| endpoint)
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.list.iter().map(|(_, address)| *address)
    }

    /// Whether the one in use had its time and stayed silent beyond `patience`.
    pub(crate) fn is_spent(&self, silence: Duration, patience: Duration, now: Instant) -> bool {
        silence >= patience && now.saturating_duration_since(self.since) >= TRY
    }

    /// Goes on to the next one, round and round; true if that is another address.
    pub(crate) fn advance(&mut self, now: Instant) -> bool {
        let before = self.address();
        self.since = now;
        self.active = if self.active + 1 < self.list.len() { self.active + 1 } else { 0 };
        self.address() != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ports: &[u16]) -> Vec<(Endpoint, SocketAddr)> {
        let one =
            |port: &u16| (format!("hq:{port}").parse().unwrap(), SocketAddr::from(([192, 0, 2, 1], *port)));
        ports.iter().map(one).collect()
    }

    #[test]
    fn silence_leads_round_and_round() {
        let start = Instant::now();
        let mut candidates = Candidates::new(start);
        candidates.replace(list(&[1, 2]), start);
        assert!(!candidates.is_spent(TRY, TRY, start + TRY / 2), "a fresh address gets its time");
        assert!(!candidates.is_spent(TRY, 2 * TRY, start + TRY), "an answer keeps it");
        assert!(candidates.is_spent(TRY, TRY, start + TRY));
        assert!(candidates.advance(start + TRY));
        assert_eq!(candidates.address().unwrap().port(), 2);
        assert!(candidates.advance(start + 2 * TRY));
        assert_eq!(candidates.address().unwrap().port(), 1);
    }

    #[test]
    fn a_new_answer_of_the_resolver_keeps_what_still_holds() {
        let start = Instant::now();
        let mut candidates = Candidates::new(start);
        candidates.replace(list(&[1, 2]), start);
        candidates.advance(start);
        candidates.replace(list(&[3, 2]), start);
        assert_eq!(candidates.address().unwrap().port(), 2);
        candidates.replace(list(&[4]), start);
        assert_eq!(candidates.address().unwrap().port(), 4);
        assert!(!candidates.advance(start), "one address has no next");
    }

    #[test]
    fn without_addresses_nothing_breaks() {
        let mut candidates = Candidates::new(Instant::now());
        assert!(!candidates.advance(Instant::now()));
        assert_eq!(candidates.address(), None);
    }
}
