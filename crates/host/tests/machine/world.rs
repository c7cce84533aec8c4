//! Namespaces, a wire between them, probes on one side and a capture on the other.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::process::Command;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Set inside the namespaces: for which of a test's calls of [`inside`] they were made.
const INSIDE: &str = "HANARE_TEST_INSIDE";

/// Runs `body` in fresh namespaces: this binary starts itself again through `unshare`. As an ordinary user, or with
/// `user`, in a user namespace as well.
pub(crate) fn inside(test: &str, user: bool, body: impl FnOnce()) {
    if let Ok(whose) = std::env::var(INSIDE) {
        if whose != user.to_string() {
            // Another call's namespaces, with what its body left there: the kernel takes wires away some time after their ends.
            return;
        }
        run("ip link set lo up");
        private_files();
        body();
        return;
    }
    let root = rustix::process::geteuid().is_root();
    let flags = if user || !root { "-Urnmp" } else { "-nmp" };
    let status = Command::new("unshare")
        .args([flags, "--fork", "--kill-child", "--mount-proc"])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env(INSIDE, user.to_string())
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .status()
        .expect("unshare (util-linux) is needed");
    assert!(status.success(), "{test} inside namespaces");
}

#[test]
fn each_call_has_namespaces_of_its_own() {
    for user in [false, true] {
        inside("world::each_call_has_namespaces_of_its_own", user, || {
            assert!(!works("ip link show hn9"), "another body ran here");
            run("ip link add hn9 type veth peer name hn8");
            // Root's own namespace has no map of users but the whole one.
            let whole = run("cat /proc/self/uid_map").split_whitespace().eq(["0", "0", "4294967295"]);
            assert!(!(user && whole), "the namespaces are what was asked for");
        });
    }
}

/// Gives these namespaces an `/etc` and a `/run` of their own: a resolver setting must never reach the machine. What an
/// ordinary user cannot read is not needed here.
fn private_files() {
    run("mount -t tmpfs tmpfs /run && mkdir /run/etc && { cp -a /etc/. /run/etc 2>/dev/null; \
         rm -f /run/etc/resolv.conf; echo nameserver 192.0.2.2 > /run/etc/resolv.conf; mount --bind /run/etc /etc; }");
}

/// Runs a shell command that must succeed.
pub(crate) fn run(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Whether a shell command succeeds.
pub(crate) fn works(command: &str) -> bool {
    Command::new("sh").args(["-c", command]).output().unwrap().status.success()
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own.
pub(crate) struct Peer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    pub(crate) tid: i32,
}

impl Peer {
    pub(crate) fn new() -> Self {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (say, tid) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            // SAFETY: only this thread's network namespace changes, and it holds no descriptor from the old one.
            unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }.unwrap();
            run("ip link set lo up");
            say.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
            for job in todo {
                job();
            }
        });
        Self { jobs: Some(jobs), thread: Some(thread), tid: tid.recv().unwrap() }
    }

    /// Runs `body` over there and waits for it.
    pub(crate) fn run<T: Send + 'static>(&self, body: impl FnOnce() -> T + Send + 'static) -> T {
        let (say, result) = mpsc::channel();
        let job: Job = Box::new(move || drop(say.send(body())));
        self.jobs.as_ref().unwrap().send(job).unwrap();
        result.recv().expect("the peer's job panicked")
    }

    /// A wire between here (`near`) and there (`far`), with addresses .1 and .2 of `192.0.2.0/24` and `2001:db8::/64`.
    pub(crate) fn wire(&self, near: &str, far: &str) {
        run(&format!("ip link add {near} type veth peer name {far} netns {}", self.tid));
        for (command, host) in [(near, 1), (far, 2)].map(|(name, host)| {
            let setup = format!(
                "echo 0 > /proc/sys/net/ipv6/conf/{name}/accept_dad 2>/dev/null; \
                 ip address add 192.0.2.{host}/24 dev {name}; ip -6 address add 2001:db8::{host}/64 dev {name} nodad; \
                 ip link set {name} up"
            );
            (setup, host)
        }) {
            if host == 1 {
                run(&command);
            } else {
                self.run(move || run(&command));
            }
        }
        std::thread::sleep(Duration::from_millis(200));
    }

    /// Counts frames that arrive on `interface` over there from now on and satisfy `matches`.
    pub(crate) fn capture(&self, interface: &str) -> Capture {
        let interface = interface.to_owned();
        Capture { socket: self.run(move || packet_socket(&interface)) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Frames on the other end of the wire.
pub(crate) struct Capture {
    socket: OwnedFd,
}

impl Capture {
    /// Frames that came so far and satisfy `matches`; the others are dropped too.
    pub(crate) fn count(&self, matches: impl Fn(&[u8]) -> bool) -> usize {
        std::thread::sleep(Duration::from_millis(100));
        let mut buffer = [0u8; 65536];
        let mut found = 0;
        while let Ok((_, length)) =
            rustix::net::recv(&self.socket, &mut buffer, rustix::net::RecvFlags::DONTWAIT)
        {
            found += usize::from(matches(&buffer[..length]));
        }
        found
    }
}

/// A raw socket bound to a device of this namespace.
pub(crate) fn packet_socket(interface: &str) -> OwnedFd {
    let index = index(interface);
    let all = u16::to_be(0x0003);
    // SAFETY: socket and bind with a sockaddr_ll that lives through the call; the descriptor is owned once.
    unsafe {
        let raw = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, i32::from(all));
        assert!(raw >= 0, "AF_PACKET: {}", std::io::Error::last_os_error());
        let socket = OwnedFd::from_raw_fd(raw);
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = all;
        address.sll_ifindex = index;
        let length = size_of::<libc::sockaddr_ll>() as u32;
        assert_eq!(libc::bind(raw, (&raw const address).cast(), length), 0);
        // What this side sends itself (an ICMP error quotes the canary) is no leak.
        let on: libc::c_int = 1;
        let size = size_of::<libc::c_int>() as u32;
        let quiet = libc::PACKET_IGNORE_OUTGOING;
        assert_eq!(libc::setsockopt(raw, libc::SOL_PACKET, quiet, (&raw const on).cast(), size), 0);
        socket
    }
}

/// Sends one raw frame, past IP; with `bypass` past the queues too. Whether the kernel took it.
pub(crate) fn send_frame(interface: &str, frame: &[u8], bypass: bool) -> bool {
    let socket = packet_socket(interface);
    if bypass {
        let on: libc::c_int = 1;
        // SAFETY: the option reads one int.
        let set = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_QDISC_BYPASS,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as u32,
            )
        };
        assert_eq!(set, 0);
    }
    rustix::net::send(&socket, frame, rustix::net::SendFlags::empty()).is_ok()
}

pub(crate) fn index(interface: &str) -> i32 {
    let text = run(&format!("ip -o link show dev {interface}"));
    text.split(':').next().unwrap().parse().unwrap()
}

/// An Ethernet frame to everybody with an IPv4 UDP datagram to `to`, carrying `canary`.
pub(crate) fn udp_frame(to: [u8; 4], port: u16, canary: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 8, 0]);
    let length = u16::try_from(28 + canary.len()).unwrap();
    let mut ip = vec![0x45, 0];
    ip.extend(length.to_be_bytes());
    ip.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1]);
    ip.extend(to);
    let sum: u32 = ip.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let sum = !(((sum & 0xffff) + (sum >> 16)) as u16);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    frame.extend(ip);
    frame.extend([0x30, 0x39]);
    frame.extend(port.to_be_bytes());
    frame.extend((length - 20).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(canary);
    frame
}

/// Whether a frame holds `canary`.
pub(crate) fn holds(frame: &[u8], canary: &[u8]) -> bool {
    frame.windows(canary.len()).any(|window| window == canary)
}
