//! Who may ask at the same time: a seat for each question, so that one user's silence is not everybody's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Seats that only admins get …
const ADMINS: usize = 16;
/// … those of all other users together: whoever has many user ids must not have all of the admins' seats …
const OTHERS: usize = 16;
/// … and those of one of them.
const ONE_USER: usize = 4;

/// The seats of one socket.
#[derive(Debug, Clone, Default)]
pub struct Seats {
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    admins: usize,
    others: BTreeMap<u32, usize>,
}

/// One seat; dropping it gives it back.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    /// `None` for an admin's.
    user: Option<u32>,
}

impl Seats {
    /// A seat for this user, if there is one.
    #[must_use]
    pub fn take(&self, uid: u32, is_admin: bool) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if is_admin {
            if taken.admins >= ADMINS {
                return None;
            }
            taken.admins += 1;
        } else {
            let own = taken.others.get(&uid).copied().unwrap_or(0);
            if own >= ONE_USER || taken.others.values().sum::<usize>() >= OTHERS {
                return None;
            }
            taken.others.insert(uid, own + 1);
        }
        Some(Seat { seats: self.clone(), user: (!is_admin).then_some(uid) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(uid) = self.user else {
            taken.admins = taken.admins.saturating_sub(1);
            return;
        };
        if let Some(own) = taken.others.get_mut(&uid) {
            *own = own.saturating_sub(1);
        }
        taken.others.retain(|_, own| *own > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_takes_no_other_users_seats_and_nobody_an_admins() {
        let seats = Seats::default();
        let sit =
            |uid, is_admin| std::iter::from_fn(|| seats.take(uid, is_admin)).take(100).collect::<Vec<_>>();
        let first = sit(1000, false);
        assert_eq!(first.len(), ONE_USER);
        let second = sit(1001, false);
        assert_eq!(second.len(), ONE_USER);
        let many: Vec<_> = (2000..3000).flat_map(|uid| sit(uid, false)).collect();
        assert_eq!(first.len() + second.len() + many.len(), OTHERS);
        let admins = sit(0, true);
        assert_eq!(admins.len(), ADMINS);
        drop((first, admins));
        assert_eq!(sit(1000, false).len(), ONE_USER);
        assert!(seats.take(0, true).is_some());
        drop((second, many));
        assert!(seats.taken.lock().unwrap().others.is_empty(), "nothing is remembered of who has gone");
    }
}
