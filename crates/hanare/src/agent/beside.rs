//! What would hold the agent's one thread for long, an opening that waits for swap to come in, goes on beside it: the socket
//! answers, the watchdog is told, and what happens meanwhile is heard afterwards.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use super::notify_alive;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::guards::Guards;
use crate::output::Printer;
use crate::voice::{Language, Voice};

/// How often the watchdog hears of what goes on.
const ALIVE: Duration = Duration::from_secs(10);
/// How long it hears of one thing at most: what hangs is ended.
const LONGEST: Duration = Duration::from_mins(10);

/// Tells the watchdog that this agent lives, until it is dropped: each step has its own limit, and nothing is to cut it off.
#[derive(Debug)]
pub(super) struct Alive(JoinHandle<()>);

impl Alive {
    pub(super) fn begin() -> Self {
        Self::telling(ALIVE, Duration::MAX, notify_alive)
    }

    fn telling(step: Duration, longest: Duration, tell: impl Fn() + Send + 'static) -> Self {
        let begun = Instant::now();
        Self(tokio::spawn(async move {
            while begun.elapsed() < longest {
                tell();
                sleep(step).await;
            }
        }))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does it on another thread, and waits for it without holding this one.
pub(super) async fn beside<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce(&Context) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let there = There::of(context);
    let alive = Alive::telling(ALIVE, LONGEST, notify_alive);
    let done = spawn_blocking(move || work(&there.context())).await;
    drop(alive);
    done.map_err(|error| Failure::new(Exit::Bug, "bug").reported("cause-panic", error))?
}

/// What makes a context on another thread: a voice stays on its own.
struct There {
    state: PathBuf,
    runtime: PathBuf,
    language: Language,
    guards: Guards,
}

impl There {
    fn of(context: &Context) -> Self {
        let Context { out, state, runtime, inherited: _, guards } = context;
        let language = out.voice().language();
        Self { state: state.clone(), runtime: runtime.clone(), language, guards: *guards }
    }

    fn context(self) -> Context {
        let Self { state, runtime, language, guards } = self;
        let out = Printer::new(Voice::new(language), false, true);
        Context { out, state, runtime, inherited: Vec::new(), guards }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::context::block_on;

    fn context() -> Context {
        Context {
            out: Printer::new(Voice::new(Language::Japanese), true, false),
            state: "/state".into(),
            runtime: "/run/here".into(),
            inherited: vec!["--json".into()],
            guards: Guards::default(),
        }
    }

    #[test]
    fn what_takes_long_keeps_nobody_from_being_answered() {
        let answered = Arc::new(AtomicU64::new(0));
        let (counted, here) = (Arc::clone(&answered), context());
        let said = block_on(async move {
            tokio::spawn(async move {
                loop {
                    counted.fetch_add(1, Ordering::Relaxed);
                    sleep(Duration::from_millis(1)).await;
                }
            });
            beside(&here, move |there| {
                // It ends once others were answered meanwhile, and not before.
                let until = Instant::now() + Duration::from_secs(20);
                while answered.load(Ordering::Relaxed) < 5 && Instant::now() < until {
                    std::thread::yield_now();
                }
                let language = there.out.voice().language();
                Ok((answered.load(Ordering::Relaxed), language, there.state.clone(), there.runtime.clone()))
            })
            .await
        });
        let (answered, language, state, runtime) = said.ok().and_then(Result::ok).unwrap();
        assert!(answered >= 5, "nobody else was answered");
        assert_eq!((language, state, runtime), (Language::Japanese, "/state".into(), "/run/here".into()));
    }

    #[test]
    fn the_watchdog_hears_of_what_goes_on_and_not_for_ever() {
        let told = Arc::new(AtomicU64::new(0));
        let tell = |told: &Arc<AtomicU64>| {
            let told = Arc::clone(told);
            move || {
                told.fetch_add(1, Ordering::Relaxed);
            }
        };
        let step = Duration::from_millis(1);
        let heard = block_on(async {
            let alive = Alive::telling(step, LONGEST, tell(&told));
            while told.load(Ordering::Relaxed) < 5 {
                sleep(step).await;
            }
            drop(alive);
            sleep(step * 5).await;
            let heard = told.load(Ordering::Relaxed);
            let _hangs = Alive::telling(step, Duration::ZERO, tell(&told));
            sleep(step * 20).await;
            heard
        });
        assert_eq!(heard.ok(), Some(told.load(Ordering::Relaxed)), "what hangs is ended");
    }
}
