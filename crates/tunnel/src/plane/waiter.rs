//! What the data plane's thread sleeps on.
//!
//! An `epoll` instance, not `poll`: a thread that `poll` wakes takes itself off every queue that it waits in and asks every
//! descriptor again, which a packet on an idle tunnel pays at each step of its way.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use hanare_host::udp::{Family, Udp};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

const BELL: u64 = 0;
const TUN: u64 = 1;
const V4: u64 = 2;
const V6: u64 = 3;
const ALL: usize = 4;

/// Who has, or may have, something to read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ready {
    pub(super) tun: bool,
    pub(super) v4: bool,
    pub(super) v6: bool,
}

/// What a wait brought.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Woken {
    /// There are orders.
    pub(super) rung: bool,
    /// The socket that was full takes datagrams again.
    pub(super) writable: bool,
}

/// Waits for a bell, a TUN device and sockets.
#[derive(Debug)]
pub(super) struct Waiter {
    epoll: OwnedFd,
    /// The socket whose room is waited for, and the TUN device is not.
    blocked: Option<Family>,
}

impl Waiter {
    pub(super) fn new(bell: BorrowedFd<'_>, tun: BorrowedFd<'_>, udp: &Udp) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, bell, epoll::EventData::new_u64(BELL), epoll::EventFlags::IN)?;
        epoll::add(&epoll, tun, epoll::EventData::new_u64(TUN), epoll::EventFlags::IN)?;
        let waiter = Self { epoll, blocked: None };
        waiter.add_sockets(udp)?;
        Ok(waiter)
    }

    fn add_sockets(&self, udp: &Udp) -> io::Result<()> {
        for (fd, family) in Family::ALL.into_iter().filter_map(|family| Some((udp.fd(family)?, family))) {
            epoll::add(&self.epoll, fd, data(family), epoll::EventFlags::IN)?;
        }
        Ok(())
    }

    /// Goes on with other sockets. The old ones are named, since somebody else may have them open too.
    pub(super) fn replace_sockets(&mut self, old: &Udp, new: &Udp, tun: BorrowedFd<'_>) -> io::Result<()> {
        self.block(None, tun, old)?;
        for fd in Family::ALL.into_iter().filter_map(|family| old.fd(family)) {
            epoll::delete(&self.epoll, fd)?;
        }
        self.add_sockets(new)
    }

    /// Waits for room in a full socket and leaves the TUN device alone, or no longer.
    pub(super) fn block(
        &mut self,
        blocked: Option<Family>,
        tun: BorrowedFd<'_>,
        udp: &Udp,
    ) -> io::Result<()> {
        if blocked == self.blocked {
            return Ok(());
        }
        let tun_wanted = if blocked.is_some() { epoll::EventFlags::empty() } else { epoll::EventFlags::IN };
        epoll::modify(&self.epoll, tun, epoll::EventData::new_u64(TUN), tun_wanted)?;
        for (fd, family) in Family::ALL.into_iter().filter_map(|family| Some((udp.fd(family)?, family))) {
            let room =
                if blocked == Some(family) { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
            epoll::modify(&self.epoll, fd, data(family), epoll::EventFlags::IN | room)?;
        }
        self.blocked = blocked;
        Ok(())
    }

    /// Waits, and adds to `ready` who has something to read. The time is rounded up to milliseconds: `epoll` takes no less
    /// before Linux 5.11.
    pub(super) fn wait(&self, timeout: Duration, ready: &mut Ready) -> io::Result<Woken> {
        let milliseconds = timeout.as_nanos().div_ceil(1_000_000).min(60_000);
        let timeout = Timespec {
            tv_sec: i64::try_from(milliseconds / 1000).unwrap_or(0),
            tv_nsec: i64::try_from(milliseconds % 1000 * 1_000_000).unwrap_or(0),
        };
        let mut memory = [std::mem::MaybeUninit::uninit(); ALL];
        let events = match epoll::wait(&self.epoll, &mut memory, Some(&timeout)) {
            Ok((events, _)) => events,
            Err(Errno::INTR | Errno::AGAIN | Errno::NOMEM) => return Ok(Woken::default()),
            Err(error) => return Err(error.into()),
        };
        let mut woken = Woken::default();
        for event in events {
            let flags = event.flags;
            // Errors and hang-ups are read, too.
            let readable = flags.intersects(!epoll::EventFlags::OUT);
            let from = match event.data.u64() {
                BELL => {
                    woken.rung |= readable;
                    continue;
                }
                TUN => {
                    ready.tun |= readable;
                    continue;
                }
                V4 => {
                    ready.v4 |= readable;
                    Family::V4
                }
                _ => {
                    ready.v6 |= readable;
                    Family::V6
                }
            };
            woken.writable |= self.blocked == Some(from) && flags.intersects(epoll::EventFlags::OUT);
        }
        Ok(woken)
    }
}

fn data(family: Family) -> epoll::EventData {
    epoll::EventData::new_u64(match family {
        Family::V4 => V4,
        Family::V6 => V6,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::os::fd::AsFd as _;

    use hanare_host::udp::{ReceiveBuffer, Train};
    use rustix::event::{EventfdFlags, eventfd};

    /// Something readable that stands for a bell or a TUN device.
    fn rung() -> OwnedFd {
        eventfd(1, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap()
    }

    fn socket() -> Udp {
        Udp::bind_to((Ipv4Addr::LOCALHOST, 0).into(), None).unwrap()
    }

    fn send_to_itself(udp: &Udp) {
        let to = (Ipv4Addr::LOCALHOST, udp.port()).into();
        udp.send(&Train { to, from: None, bytes: b"x", stride: 1 }).unwrap();
    }

    fn look(waiter: &Waiter) -> (Woken, Ready) {
        let mut ready = Ready::default();
        (waiter.wait(Duration::from_millis(20), &mut ready).unwrap(), ready)
    }

    #[test]
    fn what_was_left_unread_is_said_again() {
        let (bell, tun, udp) = (rung(), rung(), socket());
        let waiter = Waiter::new(bell.as_fd(), tun.as_fd(), &udp).unwrap();
        let (woken, ready) = look(&waiter);
        assert!(woken.rung && ready.tun && !ready.v4);
        for fd in [&bell, &tun] {
            rustix::io::read(fd, &mut [0u8; 8]).unwrap();
        }
        send_to_itself(&udp);
        send_to_itself(&udp);
        let mut buffer = ReceiveBuffer::default();
        for left in [true, true, false] {
            let (woken, ready) = look(&waiter);
            assert_eq!(ready.v4, left);
            assert!(!woken.rung && !ready.tun && !ready.v6);
            let _ = udp.receive(Family::V4, &mut buffer, 1);
        }
    }

    #[test]
    fn while_a_socket_is_full_its_room_counts_and_the_tun_device_does_not() {
        let (bell, tun, udp) = (rung(), rung(), socket());
        let mut waiter = Waiter::new(bell.as_fd(), tun.as_fd(), &udp).unwrap();
        waiter.block(Some(Family::V4), tun.as_fd(), &udp).unwrap();
        let (woken, ready) = look(&waiter);
        assert!(woken.writable && !ready.tun);
        waiter.block(None, tun.as_fd(), &udp).unwrap();
        let (woken, ready) = look(&waiter);
        assert!(!woken.writable && ready.tun);
    }

    #[test]
    fn a_socket_that_was_replaced_wakes_nobody_although_another_process_has_it_open() {
        let (bell, tun, old, new) = (rung(), rung(), socket(), socket());
        let _elsewhere = old.fd(Family::V4).unwrap().try_clone_to_owned().unwrap();
        let mut waiter = Waiter::new(bell.as_fd(), tun.as_fd(), &old).unwrap();
        waiter.replace_sockets(&old, &new, tun.as_fd()).unwrap();
        send_to_itself(&old);
        drop(old);
        assert!(!look(&waiter).1.v4);
        send_to_itself(&new);
        assert!(look(&waiter).1.v4);
    }
}
