//! How many requests are on their way to a bucket at a time: fewer while the line carries so many of them too slowly for any to
//! end in time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// As many as there ever are.
const MOST: usize = 8;
/// What is at least so long, in bytes, counts as much as so many that are shorter.
const LARGE: usize = 256 * 1024;
const SMALL_ONES: usize = 16;

/// Seats for requests.
#[derive(Debug)]
pub(super) struct Seats {
    free: Semaphore,
    pace: Mutex<Pace>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    seats: &'a Seats,
    permit: Option<SemaphorePermit<'a>>,
    /// How often they had been halved when it was taken.
    halved: u64,
}

#[derive(Debug)]
struct Pace {
    /// Seats that there are, taken or free.
    there: usize,
    /// Those that there are to be.
    wanted: usize,
    /// What ended in time since this changed.
    in_time: usize,
    /// How often they were halved.
    halved: u64,
}

impl Default for Seats {
    fn default() -> Self {
        let pace = Pace { there: MOST, wanted: MOST, in_time: 0, halved: 0 };
        Self { free: Semaphore::new(MOST), pace: Mutex::new(pace) }
    }
}

impl Seats {
    /// Waits for one.
    pub(super) async fn take(&self) -> Seat<'_> {
        // It is never closed.
        let permit = self.free.acquire().await.ok();
        Seat { seats: self, permit, halved: self.pace().halved }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    const fn change(&mut self, wanted: usize) {
        (self.wanted, self.in_time) = (wanted, 0);
    }
}

impl Seat<'_> {
    /// What was asked ended in time, with so many bytes there and back: after as many objects as there are seats, there is one
    /// more. Small answers say little about a line.
    pub(super) fn in_time(self, bytes: usize) {
        let mut pace = self.seats.pace();
        pace.in_time += if bytes >= LARGE { SMALL_ONES } else { 1 };
        if pace.wanted < MOST && pace.in_time >= pace.wanted * SMALL_ONES {
            let more = pace.wanted + 1;
            pace.change(more);
            if pace.there < pace.wanted {
                pace.there += 1;
                self.seats.free.add_permits(1);
            }
        }
    }

    /// It did not: half as many are asked at a time.
    pub(super) fn late(self) {
        let mut pace = self.seats.pace();
        // Those that began together with it are late as well, and that says nothing new.
        if pace.halved == self.halved {
            pace.halved += 1;
            let half = (pace.wanted / 2).max(1);
            pace.change(half);
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut pace = self.seats.pace();
        if pace.there > pace.wanted {
            pace.there -= 1;
            if let Some(permit) = self.permit.take() {
                permit.forget();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn seats_are_halved_when_nothing_ends_in_time_and_come_back_one_by_one() {
        let seats = Seats::default();
        let mut taken = Vec::new();
        for _ in 0..MOST {
            taken.push(seats.take().await);
        }
        taken.into_iter().for_each(Seat::late);
        assert_eq!((seats.free.available_permits(), seats.pace().wanted), (4, 4), "once for all of them");
        for left in [2, 1, 1] {
            seats.take().await.late();
            // Those above it go as they are given back.
            for _ in 0..4 {
                drop(seats.take().await);
            }
            assert_eq!(seats.free.available_permits(), left);
        }
        // One that was late is late, whatever came back quickly meanwhile.
        let slow = seats.take().await;
        assert_eq!(seats.free.available_permits(), 0);
        drop(slow);
        for _ in 1..SMALL_ONES {
            seats.take().await.in_time(200);
            assert_eq!(seats.free.available_permits(), 1);
        }
        seats.take().await.in_time(200);
        let slow = seats.take().await;
        assert_eq!(seats.free.available_permits(), 1, "it grew by small ones, slowly");
        slow.late();
        drop(seats.take().await);
        assert_eq!((seats.free.available_permits(), seats.pace().wanted), (1, 1));
        for there in 2..=MOST {
            for _ in 1..there {
                assert_eq!(seats.free.available_permits(), there - 1);
                seats.take().await.in_time(LARGE);
            }
        }
        seats.take().await.in_time(LARGE);
        assert_eq!(seats.free.available_permits(), MOST);
    }
}
