//! Packets that wait for a session: few, small in sum, and never old.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes that wait for one peer: a TCP connection's first flight and some more.
const PEER_BYTES: usize = 32 * 1024;
/// Bytes that wait in a core, whatever the number of peers.
const CORE_BYTES: usize = 512 * 1024;
/// What a packet costs besides its bytes.
const OVERHEAD: usize = 64;
/// Nobody waits longer for an answer to one packet; a later one repeats it.
const AGE: Duration = Duration::from_secs(10);

/// Bytes that wait in all queues of a core.
#[derive(Debug, Default)]
pub(crate) struct Budget(usize);

/// One peer's packets, the oldest first.
#[derive(Default)]
pub(crate) struct Queue {
    packets: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Adds a packet; older ones make room for it. Answers how many were displaced, itself included if all peers'
    /// queues together are full.
    pub(crate) fn push(&mut self, packet: &[u8], now: Instant, budget: &mut Budget) -> usize {
        let cost = packet.len() + OVERHEAD;
        if cost > PEER_BYTES {
            return 1;
        }
        let mut displaced = 0;
        while self.bytes + cost > PEER_BYTES || (budget.0 + cost > CORE_BYTES && !self.is_empty()) {
            self.pop(budget);
            displaced += 1;
        }
        if budget.0 + cost > CORE_BYTES {
            return displaced + 1;
        }
        self.bytes += cost;
        budget.0 += cost;
        self.packets.push_back((now, packet.to_vec()));
        displaced
    }

    /// Takes the oldest packet.
    pub(crate) fn pop(&mut self, budget: &mut Budget) -> Option<Vec<u8>> {
        let (_, packet) = self.packets.pop_front()?;
        let cost = packet.len() + OVERHEAD;
        self.bytes -= cost;
        budget.0 -= cost;
        Some(packet)
    }

    /// Drops what waits too long; answers how many.
    pub(crate) fn expire(&mut self, now: Instant, budget: &mut Budget) -> usize {
        let before = self.packets.len();
        while self.packets.front().is_some_and(|(since, _)| now.saturating_duration_since(*since) > AGE) {
            self.pop(budget);
        }
        before - self.packets.len()
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self, budget: &mut Budget) {
        while self.pop(budget).is_some() {}
        self.packets = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_age_are_bounded_and_the_newest_packets_survive() {
        let (mut queue, mut budget, now) = (Queue::default(), Budget::default(), Instant::now());
        for n in 0..1000u16 {
            let _ = queue.push(&[n.to_be_bytes().as_slice(), &[0; 998]].concat(), now, &mut budget);
        }
        assert!(queue.bytes <= PEER_BYTES && budget.0 == queue.bytes);
        assert_eq!(queue.packets.back().unwrap().1[..2], 999u16.to_be_bytes());
        assert_eq!(
            queue.push(&vec![0; 65_535], now, &mut budget),
            1,
            "one that can never fit displaces nothing"
        );
        assert!(queue.packets.len() > 25);
        queue.clear(&mut budget);
        let _ = queue.push(&[0; 100], now, &mut budget);
        assert_eq!(queue.expire(now + AGE, &mut budget), 0);
        assert_eq!(queue.expire(now + AGE + Duration::from_millis(1), &mut budget), 1);
        assert!(queue.is_empty() && budget.0 == 0);
    }

    #[test]
    fn many_peers_share_one_budget() {
        let (mut budget, now) = (Budget::default(), Instant::now());
        let mut queues: Vec<Queue> = (0..100).map(|_| Queue::default()).collect();
        for queue in &mut queues {
            for _ in 0..50 {
                let _ = queue.push(&[0; 1000], now, &mut budget);
            }
        }
        assert!(budget.0 <= CORE_BYTES);
        for queue in &mut queues {
            queue.clear(&mut budget);
        }
        assert_eq!(budget.0, 0);
    }
}
