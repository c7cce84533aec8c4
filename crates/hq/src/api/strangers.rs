//! Connections whose other end has not proven to be a node of ours: when there is no place left, the oldest makes room.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

/// Those that are open, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    tasks: BTreeMap<u64, Option<AbortHandle>>,
}

/// One of them; forgotten when dropped.
#[derive(Debug)]
pub(super) struct Stranger {
    strangers: Arc<Strangers>,
    number: u64,
}

impl Strangers {
    /// One that just came; its task is told as soon as there is one.
    pub(super) fn come(strangers: &Arc<Self>) -> Stranger {
        let mut open = strangers.open.lock().unwrap_or_else(PoisonError::into_inner);
        let number = open.next;
        open.next += 1;
        open.tasks.insert(number, None);
        Stranger { strangers: Arc::clone(strangers), number }
    }

    /// The task that serves it.
    pub(super) fn served_by(&self, number: u64, task: AbortHandle) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have ended already.
        if let Some(slot) = open.tasks.get_mut(&number) {
            *slot = Some(task);
        }
    }

    /// Ends the oldest; whether there was one.
    pub(super) fn evict(&self) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, task)) = open.tasks.pop_first() else { return false };
        if let Some(task) = task {
            task.abort();
        }
        true
    }
}

impl Stranger {
    pub(super) const fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut open = self.strangers.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.tasks.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_goes_first_and_who_is_known_stays() {
        let strangers = Arc::new(Strangers::default());
        let mut tasks = Vec::new();
        for known in [true, false, false] {
            let stranger = Strangers::come(&strangers);
            let number = stranger.number();
            let task = tokio::spawn(async move {
                let _held = (!known).then_some(stranger);
                std::future::pending::<()>().await;
            });
            strangers.served_by(number, task.abort_handle());
            tasks.push(task);
            tokio::task::yield_now().await;
        }
        assert!(strangers.evict());
        assert!(tasks.remove(1).await.unwrap_err().is_cancelled());
        assert!(tasks.iter().all(|task| !task.is_finished()));
        assert!(strangers.evict() && !strangers.evict(), "the first is no stranger");
    }
}
