//! Token buckets, by address and alone: what anybody may ask of us is bounded.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A bucket: `burst` at once, then one every `every`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub burst: u32,
    pub every: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    /// When the bucket is full again.
    full_at: Instant,
}

impl Bucket {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes one, or says how long to wait.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.take_all(1, rate, now)
    }

    /// Takes so many, at most a burst of them, or none and says how long to wait.
    fn take_all(&mut self, count: u32, rate: Rate, now: Instant) -> Result<(), Duration> {
        let count = count.min(rate.burst);
        let debt = self.full_at.saturating_duration_since(now) + rate.every.saturating_mul(count);
        let most = rate.every.saturating_mul(rate.burst);
        if debt > most {
            return Err(debt.saturating_sub(most));
        }
        self.full_at = now + debt;
        Ok(())
    }

    /// Whether nothing is taken, or too much.
    fn full(&self, now: Instant) -> bool {
        self.full_at <= now
    }

    fn empty(&self, rate: Rate, now: Instant) -> Option<Duration> {
        let debt = self.full_at.saturating_duration_since(now) + rate.every;
        let most = rate.every.saturating_mul(rate.burst);
        (debt > most).then(|| debt.saturating_sub(most))
    }
}

/// Buckets by address. An IPv6 attacker has a /64 at least, so that is one address here.
#[derive(Debug)]
pub(crate) struct Limiter {
    rate: Rate,
    buckets: BTreeMap<IpAddr, Bucket>,
}

/// Addresses that are remembered at most; beyond, unknown addresses share one bucket so that memory stays bounded.
const MAX_BUCKETS: usize = 4096;

impl Limiter {
    pub(crate) const fn new(rate: Rate) -> Self {
        Self { rate, buckets: BTreeMap::new() }
    }

    /// Takes one for this address.
    pub(crate) fn take(&mut self, from: IpAddr, now: Instant) -> Result<(), Duration> {
        self.take_all(from, 1, now)
    }

    /// Takes so many for this address, or none.
    pub(crate) fn take_all(&mut self, from: IpAddr, count: u32, now: Instant) -> Result<(), Duration> {
        let mut from = network(from);
        if self.buckets.len() >= MAX_BUCKETS {
            self.buckets.retain(|_, bucket| !bucket.full(now));
            if self.buckets.len() >= MAX_BUCKETS && !self.buckets.contains_key(&from) {
                from = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
            }
        }
        self.buckets.entry(from).or_insert_with(|| Bucket::new(now)).take_all(count, self.rate, now)
    }

    /// Whether this address has taken too much, without taking.
    pub(crate) fn wait(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        self.buckets.get(&network(from)).and_then(|bucket| bucket.empty(self.rate, now))
    }
}

pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => std::net::Ipv6Addr::from(u128::from(v6) >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, every: Duration::from_secs(1) };

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        for _ in 0..3 {
            assert_eq!(bucket.take(RATE, start), Ok(()));
        }
        assert_eq!(bucket.take(RATE, start), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(RATE, start + Duration::from_secs(1)), Ok(()));
        assert!(bucket.take(RATE, start + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn several_are_taken_together_or_not_at_all() {
        let start = Instant::now();
        let mut limiter = Limiter::new(RATE);
        let from = std::net::Ipv4Addr::LOCALHOST.into();
        assert_eq!(limiter.take_all(from, 2, start), Ok(()));
        assert_eq!(limiter.take_all(from, 2, start), Err(Duration::from_secs(1)));
        assert_eq!(
            limiter.take_all(from, 2, start + Duration::from_secs(1)),
            Ok(()),
            "a refusal cost something"
        );
        assert_eq!(
            limiter.take_all(from, 9, start + Duration::from_secs(4)),
            Ok(()),
            "more than a burst never passed"
        );
    }

    #[test]
    fn a_neighbour_in_the_same_64_is_the_same_address() {
        let now = Instant::now();
        let mut limiter = Limiter::new(RATE);
        for host in 1..=3 {
            assert!(limiter.take(format!("2001:db8::{host}").parse().unwrap(), now).is_ok());
        }
        assert!(limiter.take("2001:db8::9".parse().unwrap(), now).is_err());
        assert!(limiter.wait("2001:db8::a".parse().unwrap(), now).is_some());
        assert!(limiter.take("2001:db8:0:1::9".parse().unwrap(), now).is_ok());
    }

    #[test]
    fn many_addresses_do_not_take_more_memory() {
        let now = Instant::now();
        let mut limiter = Limiter::new(RATE);
        for number in 0..20_000u32 {
            let _ = limiter.take(std::net::Ipv4Addr::from(number + 0x0a00_0000).into(), now);
        }
        assert!(limiter.buckets.len() <= MAX_BUCKETS + 1);
    }
}
