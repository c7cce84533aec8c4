//! What a worker in an attacker's hands tries past its host process.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use hanare_host::confine::{self, Access, Confinement, Grants};
use hanare_host::hands::Client;
use hanare_host::unix;
use rustix::net::{AddressFamily, SocketType};

use crate::worker::state;

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
    let confinement = confine::confine(&Grants { paths, listen: Some(51821) }).unwrap();
    let landlock = confinement.landlock.is_some();
    assert_eq!(landlock, kind == "hq-confined", "this kernel has Landlock, or is made to have none");
    assert_eq!(confinement, Confinement { landlock: confinement.landlock, system_calls: true });
    assert_eq!(confinement.is_whole(), landlock);
}

/// The second step, then the attacks; what is granted goes on.
pub(crate) fn try_everything(client: &Client, kind: &str) {
    if kind != "hq-loose" {
        assert!(confine::close_doors().unwrap());
        std::thread::spawn(|| assert!(std::fs::read("/etc/hosts").is_ok())).join().unwrap();
    }
    let mut text = String::new();
    for (what, could) in attacks() {
        text += if could { "could " } else { "could not " };
        text += what;
        text += "\n";
    }
    std::fs::write(state().join("node").join("tried"), text).unwrap();
    client.ready("tried").unwrap();
    std::thread::sleep(Duration::from_mins(1));
}

fn attacks() -> Vec<(&'static str, bool)> {
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
    ]
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
