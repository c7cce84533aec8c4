//! Binds headquarters' listening sockets in a thread that may take ports below 1024, and that is gone before anything is read from
//! them. Nobody else in the worker ever has that privilege.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use hanare_host::{Deed, HostError, privileges};

type Asked = (SocketAddr, bool);

/// The thread. It ends when this is dropped.
pub(super) struct Binder {
    ask: Option<SyncSender<Asked>>,
    answers: Receiver<io::Result<TcpListener>>,
    thread: Option<JoinHandle<()>>,
}

impl Binder {
    /// Starts it, while this process still has something to give away.
    pub(super) fn start() -> Result<Self, HostError> {
        let (ask, asked) = sync_channel::<Asked>(1);
        let (answer, answers) = sync_channel(1);
        let (ready, readiness) = sync_channel(1);
        let work = move || {
            let confined = privileges::become_binder();
            let is_confined = confined.is_ok();
            if ready.send(confined).is_err() || !is_confined {
                return;
            }
            for (address, free) in asked {
                if answer.send(hanare_hq::bind(address, free)).is_err() {
                    return;
                }
            }
        };
        let started = std::thread::Builder::new().name("binder".to_owned()).stack_size(64 * 1024).spawn(work);
        let thread = started.map_err(|error| HostError::io(Deed::Worker, &error))?;
        readiness.recv().unwrap_or(Err(HostError::Gone))?;
        Ok(Self { ask: Some(ask), answers, thread: Some(thread) })
    }

    /// Binds one.
    pub(super) fn bind(&mut self, address: SocketAddr, free: bool) -> io::Result<TcpListener> {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.ask.as_ref().ok_or_else(gone)?.send((address, free)).map_err(|_| gone())?;
        self.answers.recv().map_err(|_| gone())?
    }
}

impl Drop for Binder {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            // It has no more to say.
            let _ = thread.join();
        }
    }
}
