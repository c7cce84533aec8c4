//! From the sockets to the TUN device: datagrams become packets, packets of one flow are joined again.

use std::io;
use std::time::Instant;

use hanare_host::tun::{Batch, Tun};
use hanare_host::udp::{Family, ReceiveBuffer, Train, Udp};
use hanare_wire::{Core, MIN_OUT, Received};

use super::mss;
use super::outbound::Sources;

/// Room for two trains of decrypted packets.
const BATCH: usize = 160 * 1024;
/// Trains asked for where each is long: more would only make what comes after them wait.
const FEW: usize = 2;
/// Trains asked for where each is a datagram or two: no receive offload below us.
const MANY: usize = 16;
/// Datagrams per train from which on a few trains are enough.
const LONG: usize = 8;
/// Small packets that are handed over before their receiver gets a turn on a busy core: a socket's default buffer holds
/// some 250 of them, and what comes above is work for nothing. Measured with 64-byte UDP on 2 cores without and with
/// offloads below, thousands of packets that arrived each second: without a limit 139 and 133, with 128 165 and 195
/// (boringtun-cli 82 and 87). With turns of the usual length giving one up costs too much: 80 and 122.
const BURST: usize = 128;
/// Below this a flow is bound by packets, not by bytes.
const SMALL: usize = 256;

#[derive(Debug)]
pub(super) struct Inbound {
    buffer: ReceiveBuffer,
    batch: Batch,
    trains: usize,
    /// Small packets handed over since somebody else had a turn.
    burst: usize,
    /// Datagrams since [`Inbound::take_count`].
    count: usize,
}

impl Inbound {
    /// How many datagrams came since this was asked last.
    pub(super) fn take_count(&mut self) -> usize {
        std::mem::take(&mut self.count)
    }

    pub(super) fn new() -> Self {
        Self { buffer: ReceiveBuffer::default(), batch: Batch::new(BATCH), trains: MANY, burst: 0, count: 0 }
    }

    /// Asks for little next time: to prepare room for much costs time that a single datagram waits.
    pub(super) fn expect_little(&mut self) {
        self.trains = FEW;
    }

    /// Carries what one receive call brings; whether it brought as much as was asked for.
    ///
    /// # Errors
    /// Only when the interface is gone.
    #[expect(clippy::too_many_arguments, reason = "the shard's parts, borrowed one by one")]
    pub(super) fn turn(
        &mut self,
        family: Family,
        udp: &Udp,
        tun: &mut Tun,
        core: &mut Core,
        sources: &mut Sources,
        mtu: u16,
        now: Instant,
    ) -> io::Result<bool> {
        let asked = self.trains;
        let mut datagrams = match udp.receive(family, &mut self.buffer, asked) {
            Ok(datagrams) => datagrams,
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    tracing::debug!(%error, "receive");
                }
                return Ok(false);
            }
        };
        let trains = datagrams.trains();
        let mut count = 0;
        while let Some(datagram) = datagrams.next_datagram() {
            count += 1;
            let needed = datagram.bytes.len().max(MIN_OUT);
            if !self.batch.has_room(needed) || self.burst >= BURST {
                hand_over(&mut self.batch, &mut self.burst, tun)?;
            }
            match core.receive(datagram.from, datagram.bytes, self.batch.space(), now) {
                Received::Packet { len, peer } => {
                    sources.learn(peer, datagram.to);
                    mss::clamp(self.batch.pending(len), mtu);
                    self.batch.push(len);
                    self.burst += usize::from(len < SMALL);
                }
                Received::Reply { len } => {
                    let bytes = &*self.batch.pending(len);
                    let train = Train { to: datagram.from, from: datagram.to, bytes, stride: len };
                    if let Err(error) = udp.send(&train) {
                        tracing::trace!(to = %train.to, %error, "reply not sent");
                    }
                }
                Received::Nothing | Received::Dropped(_) => {}
            }
        }
        self.count += count;
        self.trains = if count >= trains * LONG { FEW } else { MANY };
        hand_over(&mut self.batch, &mut self.burst, tun)?;
        Ok(trains >= asked)
    }
}

fn hand_over(batch: &mut Batch, burst: &mut usize, tun: &mut Tun) -> io::Result<()> {
    tun.write(batch)?;
    if *burst >= BURST {
        std::thread::yield_now();
        *burst = 0;
    }
    Ok(())
}
