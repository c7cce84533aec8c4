//! Where in its life a lease is; decides, does nothing.

use std::time::Duration;

use hanare_model::{Lease, Timestamp};

use crate::control::HqTime;

/// Between tries to renew while headquarters does not answer: rare while the lease still runs, urgent when it is over.
const CALM: Duration = Duration::from_mins(5);
const URGENT: Duration = Duration::from_secs(20);

/// Where a lease is in its life, by headquarters' clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Term {
    /// Less than half has passed.
    Fresh,
    /// More than half has passed: renew.
    Due,
    /// It ended; without headquarters the node goes on as it is.
    Grace,
    /// The grace period ended too: nothing travels.
    Over,
}

impl Term {
    pub(crate) fn of(lease: &Lease, now: Timestamp) -> Self {
        let half = lease.expires_at.since(lease.issued_at) / 2;
        let end = lease.expires_at.after(Duration::from_secs(lease.grace_seconds));
        if now < lease.issued_at.after(half) {
            Self::Fresh
        } else if now < lease.expires_at {
            Self::Due
        } else if now < end {
            Self::Grace
        } else {
            Self::Over
        }
    }

    /// How long to wait after a try that failed; `None` if there is nothing to renew.
    pub(crate) const fn pause(self) -> Option<Duration> {
        match self {
            Self::Fresh => None,
            Self::Due => Some(CALM),
            Self::Grace | Self::Over => Some(URGENT),
        }
    }
}

/// Headquarters' clock as seen from here: the machine's own is off by `offset` seconds, learnt from headquarters' answers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HqClock {
    offset: i64,
    /// What headquarters said last, and when by the boot clock, which nobody can set.
    heard: Option<HqTime>,
}

impl HqClock {
    /// Headquarters said that it is `hq` while it is `own` here.
    pub(crate) fn learn(&mut self, hq: Timestamp, own: Timestamp) {
        self.offset = hq.seconds().saturating_sub(own.seconds());
        self.heard = Some(HqTime { at: hq, boot_seconds: HqTime::boot_seconds() });
    }

    /// What it is by the boot clock: a machine's clock that is set changes nothing here.
    pub(crate) const fn heard(self) -> Option<HqTime> {
        self.heard
    }

    pub(crate) fn now(self, own: Timestamp) -> Timestamp {
        Timestamp::from_seconds(own.seconds().saturating_add(self.offset))
    }

    /// Far enough off to break certificates and logs of other programs.
    pub(crate) const fn is_far(self) -> bool {
        self.offset.unsigned_abs() > 300
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use hanare_model::{HqPeer, Internet, NodeKind, PresharedKey, PrivateKey, PublicKey};

    use super::*;

    pub(crate) fn lease(issued: i64, expires: i64, grace: u64) -> Lease {
        Lease {
            serial: 1,
            node: "pc-1".parse().unwrap(),
            kind: NodeKind::Endpoint,
            public_key: PublicKey::from_bytes([1; 32]),
            company: "aoi".parse().unwrap(),
            room: "kofu/306".parse().unwrap(),
            addresses: vec!["10.88.1.1/32".parse().unwrap()],
            lan: Vec::new(),
            devices: Vec::new(),
            unlock: hanare_model::unlock::UnlockTerms::default(),
            holidays: std::collections::BTreeSet::new(),
            sealing: None,
            hq: HqPeer {
                public_key: PrivateKey::from_bytes([2; 32]).public(),
                preshared_key: PresharedKey::from_bytes([3; 32]),
                endpoints: vec!["192.0.2.1:51820".parse().unwrap()],
                api: vec!["192.0.2.1:51821".parse().unwrap()],
                addresses: vec!["10.88.0.1".parse().unwrap()],
                api_port: 51821,
                allowed_ips: vec!["0.0.0.0/0".parse().unwrap()],
            },
            internet: Internet::ViaHq,
            dns: Vec::new(),
            mtu: 1360,
            issued_at: Timestamp::from_seconds(issued),
            expires_at: Timestamp::from_seconds(expires),
            grace_seconds: grace,
        }
    }

    #[test]
    fn a_lease_is_renewed_from_its_half_and_lives_through_its_grace() {
        let lease = lease(100, 200, 50);
        let at = |seconds| Term::of(&lease, Timestamp::from_seconds(seconds));
        assert_eq!(
            [at(0), at(149), at(150), at(199), at(200), at(249), at(250)],
            [Term::Fresh, Term::Fresh, Term::Due, Term::Due, Term::Grace, Term::Grace, Term::Over]
        );
    }

    #[test]
    fn a_wrong_clock_does_not_end_a_lease() {
        let mut clock = HqClock::default();
        clock.learn(Timestamp::from_seconds(1_000_000), Timestamp::from_seconds(5_000_000));
        assert_eq!(clock.now(Timestamp::from_seconds(5_000_010)), Timestamp::from_seconds(1_000_010));
        assert!(clock.is_far());
    }
}
