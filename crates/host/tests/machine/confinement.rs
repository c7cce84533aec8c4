//! What a worker in an attacker's hands tries past its host process.

use std::io::Write as _;
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use hanare_host::confine::{self, Access, Confinement, Grants};
use hanare_host::hands::Client;
use hanare_host::unix;
use rustix::net::{AddressFamily, SocketType};

use crate::hands::{Host, machine};
use crate::worker::state;
use crate::world::inside;

/// A process of the worker's own, started while that was possible.
static BYSTANDER: AtomicI32 = AtomicI32::new(0);

/// The first step, before anything else; `hq-loose` leaves it out.
pub(crate) fn begin(kind: &str) {
    if kind == "hq-old-kernel" {
        forget_landlock();
    }
    #[expect(clippy::zombie_processes, reason = "it ends with the namespaces of this test")]
    let bystander = Command::new("sleep").arg("60").spawn().unwrap();
    BYSTANDER.store(i32::try_from(bystander.id()).unwrap(), Ordering::Relaxed);
    if kind == "hq-loose" {
        return;
    }
    let paths = vec![(state().join("node"), Access::Write), ("/etc/hosts".into(), Access::Read)];
    let confinement = confine::confine(&Grants { paths, listen: vec![51821], ..Grants::default() }).unwrap();
    let landlock = confinement.landlock.is_some();
    assert_eq!(landlock, kind == "hq-confined", "this kernel has Landlock, or is made to have none");
    assert_eq!(confinement, Confinement { landlock: confinement.landlock, system_calls: true });
    assert_eq!(confinement.is_whole(), landlock);
}

/// The second step, then the attacks; what is granted goes on.
pub(crate) fn try_everything(client: &Client, kind: &str) {
    let tunnel = client.tunnel(1360, SocketAddr::from((Ipv6Addr::UNSPECIFIED, 51820)), true).unwrap();
    if kind != "hq-loose" {
        assert!(confine::close_doors().unwrap());
        std::thread::spawn(|| assert!(std::fs::read("/etc/hosts").is_ok())).join().unwrap();
    }
    let mut text = String::new();
    for (what, could) in attacks(tunnel.tun.as_fd()) {
        text += if could { "could " } else { "could not " };
        text += what;
        text += "\n";
    }
    std::fs::write(state().join("node").join("tried"), text).unwrap();
    client.ready("tried").unwrap();
    std::thread::sleep(Duration::from_mins(1));
}

fn attacks(tun: BorrowedFd<'_>) -> Vec<(&'static str, bool)> {
    let append = |path: PathBuf| {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(b"\n")).is_ok()
    };
    let change_mode = |path: &str| {
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).is_ok()
    };
    let host = rustix::process::getppid().unwrap();
    let outside = SocketAddr::from(([192, 0, 2, 2], 9999));
    vec![
        ("read the passwords", std::fs::read("/etc/shadow").is_ok()),
        ("read the host process's files", std::fs::read(state().join("host.lock")).is_ok()),
        ("list a directory", std::fs::read_dir("/proc").is_ok()),
        ("write into the undo log", append(state().join("undo.jsonl"))),
        ("write into /etc", std::fs::write("/etc/evil", "").is_ok()),
        ("open a file to everybody", change_mode("/etc/shadow")),
        ("start a shell", Command::new("sh").args(["-c", "true"]).status().is_ok()),
        ("connect out by TCP", TcpStream::connect_timeout(&outside, Duration::from_secs(2)).is_ok()),
        ("ask another service as root", unix::connect(&state().join("service.sock")).is_ok()),
        ("ask the kernel", rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, None).is_ok()),
        ("stop the host process", rustix::process::test_kill_process(host).is_ok()),
        ("take a process over", seize(BYSTANDER.load(Ordering::Relaxed))),
        ("leave what it shares", unshare()),
        ("write on a file by a newer call", attribute(&state().join("host.lock"))),
        ("keep the tunnel's interface for good", keep(tun)),
        ("take the terminal's keys", asks_terminal(tun)),
        ("share memory with other programs of root", share()),
        ("slow a process down", slow(BYSTANDER.load(Ordering::Relaxed))),
        ("end a process by a file's signal", end_by_file(BYSTANDER.load(Ordering::Relaxed))),
    ]
}

/// `setxattrat(2)`, since Linux 6.13: an access list opens a file to everybody, and Landlock does not look at it.
fn attribute(path: &Path) -> bool {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
    let value = [0u64, 0u64];
    // SAFETY: the strings end in zero and live through the call, as does the structure: no value, no flags.
    let set = unsafe {
        libc::syscall(
            463,
            libc::AT_FDCWD,
            path.as_ptr(),
            0u32,
            c"user.hanare".as_ptr(),
            &raw const value,
            16usize,
        )
    };
    set == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS)
}

/// `TUNSETPERSIST` and `TUNSETOWNER`: the kernel asks whoever has the descriptor for no capability.
fn keep(tun: BorrowedFd<'_>) -> bool {
    let set = |request: libc::c_ulong, value: libc::c_ulong| {
        // SAFETY: both take a number, and no memory changes hands.
        unsafe { libc::ioctl(tun.as_raw_fd(), request, value) == 0 }
    };
    let (kept, given) = (set(0x4004_54CB, 1), set(0x4004_54CC, 1000));
    if kept {
        set(0x4004_54CB, 0);
    }
    kept || given
}

/// `TIOCSPGRP`, on a file that is no terminal: whether the kernel is asked at all.
fn asks_terminal(file: BorrowedFd<'_>) -> bool {
    let group: libc::pid_t = rustix::process::getpgrp().as_raw_nonzero().get();
    // SAFETY: the call reads a number of this type.
    let set = unsafe { libc::ioctl(file.as_raw_fd(), libc::TIOCSPGRP, &raw const group) };
    set == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::EPERM)
}

fn share() -> bool {
    // SAFETY: a segment of this process's own; nothing is mapped.
    let segment = unsafe { libc::shmget(libc::IPC_PRIVATE, 4096, libc::IPC_CREAT | 0o600) };
    // SAFETY: as above; removed again.
    segment >= 0 && unsafe { libc::shmctl(segment, libc::IPC_RMID, std::ptr::null_mut()) } == 0
}

fn slow(process: i32) -> bool {
    // SAFETY: plain numbers; the process is one that this test started.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, process.cast_unsigned(), 5) == 0 }
}

/// A file tells any process of its owner's user that it can be read, by whichever signal: SIGKILL too.
fn end_by_file(process: i32) -> bool {
    let (read, write) = rustix::pipe::pipe().unwrap();
    let set = |command: i32, value: i32| {
        // SAFETY: these commands take a number.
        unsafe { libc::fcntl(read.as_raw_fd(), command, value) == 0 }
    };
    // F_SETSIG is 10 on every architecture of ours.
    if !set(libc::F_SETOWN, process) || !set(10, libc::SIGKILL) || !set(libc::F_SETFL, libc::O_ASYNC) {
        return false;
    }
    rustix::io::write(&write, b"!").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let mut status = 0;
    // SAFETY: the kernel writes one number; the process is one that this test started.
    let ended = unsafe { libc::waitpid(process, &raw mut status, libc::WNOHANG) };
    ended == process && libc::WIFSIGNALED(status)
}

fn seize(process: i32) -> bool {
    // SAFETY: no memory is passed; the process is one that this test started.
    unsafe { libc::ptrace(libc::PTRACE_SEIZE, process, 0usize, 0usize) == 0 }
}

fn unshare() -> bool {
    // SAFETY: this thread gets a working directory of its own, no descriptor and no memory changes hands.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FS) }.is_ok()
}

/// Makes this kernel one that has never heard of Landlock, as far as this process can tell.
fn forget_landlock() {
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let number = libc::SYS_landlock_create_ruleset as u32;
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, 0x0005_0000 | libc::ENOSYS as u32, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, 0x7FFF_0000, 0, 0),
    ];
    let filter = libc::sock_fprog { len: 4, filter: program.as_mut_ptr() };
    // SAFETY: the filter describes a program that lives through the call.
    let set = unsafe { libc::syscall(libc::SYS_seccomp, 1u32, 0u32, &raw const filter) };
    assert_eq!(set, 0);
}

/// What a worker tried, and whether it could.
fn tried(kind: &str) -> Vec<String> {
    let state = tempfile::tempdir().unwrap();
    std::fs::create_dir(state.path().join("node")).unwrap();
    let _service = unix::listen(&state.path().join("service.sock"), 0o600).unwrap();
    let mut host = Host::ready(kind, state.path());
    let text = std::fs::read_to_string(state.path().join("node").join("tried")).unwrap();
    host.stop();
    text.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn a_confined_worker_reaches_nothing_that_it_was_not_given() {
    inside("confinement::a_confined_worker_reaches_nothing_that_it_was_not_given", false, || {
        let (outside, _room) = machine();
        outside.run(|| {
            let listener = std::net::TcpListener::bind("192.0.2.2:9999").unwrap();
            std::thread::spawn(move || listener.incoming().for_each(drop));
        });
        let loose = tried("hq-loose");
        assert!(loose.len() > 10 && loose.iter().all(|line| !line.starts_with("could not")), "{loose:#?}");
        let confined = tried("hq-confined");
        assert_eq!(confined.len(), loose.len());
        assert!(confined.iter().all(|line| line.starts_with("could not")), "{confined:#?}");
        // Without Landlock it says so, and the filter of system calls is there all the same.
        let old = tried("hq-old-kernel");
        let filtered = old.iter().filter(|line| line.starts_with("could not")).count();
        assert!(filtered >= 14 && filtered < old.len(), "{old:#?}");
    });
}
