//! A rate that what is sent does not exceed, so that a call on the same line stays clear: without one a queue builds up before
//! the line, and the call waits in it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// So much is sent at once: on a line of 2 Mbit/s a call waits 16 ms behind it.
const PIECE: usize = 4 * 1024;
/// Timers come late by about a millisecond; what was missed is made up for within this.
const SLACK: Duration = Duration::from_millis(5);

/// A rate that several streams share.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_second: u64,
    /// When all that was sent will have been sent at this rate.
    paid: Mutex<Instant>,
}

impl Pace {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), paid: Mutex::new(Instant::now()) }
    }

    /// How long sending so many bytes takes at this rate.
    pub(crate) fn time_for(&self, bytes: u64) -> Duration {
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// Until when to wait before more is sent.
    fn wait(&self, now: Instant) -> Option<Instant> {
        let paid = *self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        (paid > now + SLACK).then_some(paid)
    }

    fn sent(&self, bytes: usize, now: Instant) {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        // Who was silent has saved nothing.
        *paid = (*paid).max(now) + self.time_for(bytes as u64);
    }
}

/// A stream whose sending keeps to a rate, if there is one.
#[derive(Debug)]
pub(crate) struct Paced<S> {
    stream: S,
    pace: Option<Arc<Pace>>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    pub(crate) const fn new(stream: S, pace: Option<Arc<Pace>>) -> Self {
        Self { stream, pace, waiting: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(pace) = self.pace.clone() else {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        };
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(context));
                self.waiting = None;
            }
            match pace.wait(Instant::now()) {
                Some(until) => self.waiting = Some(Box::pin(sleep_until(until))),
                None => break,
            }
        }
        let piece = bytes.get(..bytes.len().min(PIECE)).unwrap_or_default();
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, piece))?;
        pace.sent(written, Instant::now());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex, sink};

    use super::*;

    #[tokio::test]
    async fn two_streams_share_one_rate_and_silence_saves_nothing() {
        let pace = Arc::new(Pace::new(1_000_000));
        tokio::time::sleep(Duration::from_millis(300)).await;
        let start = Instant::now();
        let send = |pace: &Arc<Pace>| {
            let mut stream = Paced::new(sink(), Some(Arc::clone(pace)));
            async move { stream.write_all(&vec![0; 200_000]).await.unwrap() }
        };
        tokio::join!(send(&pace), send(&pace));
        // The last piece of each is on its way when its turn has come.
        let took = start.elapsed() + SLACK + pace.time_for(2 * PIECE as u64);
        assert!(took >= Duration::from_millis(400), "{took:?}");
    }

    #[tokio::test]
    async fn every_byte_arrives_in_its_order_with_and_without_a_rate() {
        for pace in [None, Some(Arc::new(Pace::new(5_000_000)))] {
            let (ours, mut theirs) = duplex(1000);
            let mut stream = Paced::new(ours, pace);
            let bytes: Vec<u8> = (0..50_000u32).flat_map(u32::to_le_bytes).collect();
            let sent = bytes.clone();
            let writing = tokio::spawn(async move {
                stream.write_all(&sent).await.unwrap();
                stream.shutdown().await.unwrap();
            });
            let mut read = Vec::new();
            theirs.read_to_end(&mut read).await.unwrap();
            writing.await.unwrap();
            assert!(read == bytes);
        }
    }
}
