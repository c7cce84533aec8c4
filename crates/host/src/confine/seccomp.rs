//! A filter of system calls (`seccomp(2)`): a list of what no worker needs and a hijacked one would want.

#![expect(unsafe_code, reason = "the C library has no function for seccomp")]

use libc::c_long;
use rustix::io::Errno;

use crate::error::HostError;

/// One entry of a filter; what no entry refuses goes through. Arguments are compared by their lower 32 bits, which is all
/// that the kernel reads of those named here.
#[derive(Debug, Clone)]
pub(super) enum Refuse {
    /// Always.
    Call(c_long),
    /// As if this kernel did not know it: the C library then does it in an older way, which can be looked into.
    Unknown(c_long),
    /// If an argument has one of these bits.
    WithBits(c_long, u32, u32),
    /// If an argument has none of these bits.
    WithoutBits(c_long, u32, u32),
    /// If an argument is one of these.
    Being(c_long, u32, Vec<u32>),
    /// If an argument is none of these.
    NotBeing(c_long, u32, Vec<u32>),
}

use Refuse::{Being, Call, NotBeing, Unknown, WithBits, WithoutBits};

/// What gives another program, another namespace, another process's memory, the kernel or the machine.
pub(super) fn dangerous() -> Vec<Refuse> {
    let own = rustix::process::getpid().as_raw_nonzero().get().cast_unsigned();
    let mut list = vec![
        Unknown(libc::SYS_clone3),
        WithBits(libc::SYS_clone, 0, NAMESPACES),
        // A thread, not a process.
        WithoutBits(libc::SYS_clone, 0, libc::CLONE_THREAD.cast_unsigned()),
        NotBeing(libc::SYS_tgkill, 0, vec![own]),
        NotBeing(libc::SYS_prlimit64, 0, vec![0, own]),
        // Its end with its host process is not its own to take back.
        Being(libc::SYS_prctl, 0, vec![libc::PR_SET_PDEATHSIG.cast_unsigned()]),
        // Typing into the terminal that it shares with a person.
        Being(libc::SYS_ioctl, 1, vec![TIOCSTI, TIOCLINUX]),
        NotBeing(
            libc::SYS_socket,
            0,
            [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6].map(i32::cast_unsigned).to_vec(),
        ),
    ];
    list.extend(DANGEROUS.iter().copied().map(Call));
    #[cfg(target_arch = "x86_64")]
    list.extend(
        [libc::SYS_fork, libc::SYS_vfork, libc::SYS_mknod, libc::SYS_iopl, libc::SYS_ioperm].map(Call),
    );
    list
}

/// What a worker needs until its sockets stand, and never again.
pub(super) fn doors() -> Vec<Refuse> {
    let mut list: Vec<Refuse> = DOORS.iter().copied().map(Call).collect();
    #[cfg(target_arch = "x86_64")]
    list.extend([libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown].map(Call));
    list
}

const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET)
    .cast_unsigned();
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541C;
/// Not yet in the C library's headers everywhere: the number is the same on every architecture.
const SYS_FCHMODAT2: c_long = 452;

const DANGEROUS: [c_long; 58] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_bpf,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_syslog,
    libc::SYS_personality,
    libc::SYS_mknodat,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
];

const DOORS: [c_long; 16] = [
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    SYS_FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];

// From <linux/audit.h>, <linux/seccomp.h>, <linux/filter.h>.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_003E);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_00B7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: Option<u32> = None;
/// Numbers from here on are the x32 calling convention's: another name for each call of the list.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;
const SET_MODE_FILTER: u32 = 1;
const ALL_THREADS: u32 = 1;
const ALLOW: u32 = 0x7FFF_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

/// Puts a filter in force for every thread of this process; false where this kernel or architecture knows none.
pub(super) fn install(list: &[Refuse]) -> Result<bool, HostError> {
    let Some(architecture) = ARCHITECTURE else { return Ok(false) };
    let mut program = program(architecture, list);
    let failed = |error: std::io::Error| HostError::io("a filter of system calls", &error);
    let length = u16::try_from(program.len()).map_err(|_| failed(std::io::ErrorKind::InvalidInput.into()))?;
    let filter = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    // SAFETY: `filter` describes `program`, both live through the call, and the kernel only reads them.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, ALL_THREADS, &raw const filter) };
    if answer == 0 {
        return Ok(true);
    }
    let error = std::io::Error::last_os_error();
    match Errno::from_io_error(&error) {
        // A kernel built without it.
        Some(Errno::NOSYS | Errno::INVAL) if answer < 0 => Ok(false),
        // A positive answer is the thread that could not follow.
        _ => Err(failed(error)),
    }
}

fn program(architecture: u32, list: &[Refuse]) -> Vec<libc::sock_filter> {
    let mut program = vec![load(ARCH), skip_if(libc::BPF_JEQ, architecture, 1, 0), give(KILL_PROCESS)];
    program.push(load(NUMBER));
    #[cfg(target_arch = "x86_64")]
    program.extend([skip_if(libc::BPF_JGE, X32, 0, 1), give(ERRNO | libc::EPERM.cast_unsigned())]);
    for entry in list {
        program.extend(refusal(entry));
    }
    program.push(give(ALLOW));
    program
}

fn refusal(entry: &Refuse) -> Vec<libc::sock_filter> {
    let no = give(ERRNO | libc::EPERM.cast_unsigned());
    // Once the number matches: tests of one argument, each of which skips `no` or what is left.
    let (call, body) = match entry {
        Call(call) => return vec![equals(*call, 1), no],
        Unknown(call) => return vec![equals(*call, 1), give(ERRNO | libc::ENOSYS.cast_unsigned())],
        WithBits(call, argument, bits) => {
            (call, vec![load_argument(*argument), skip_if(libc::BPF_JSET, *bits, 0, 1), no])
        }
        WithoutBits(call, argument, bits) => {
            (call, vec![load_argument(*argument), skip_if(libc::BPF_JSET, *bits, 1, 0), no])
        }
        Being(call, argument, values) => {
            let mut body = vec![load_argument(*argument)];
            body.extend(values.iter().flat_map(|value| [skip_if(libc::BPF_JEQ, *value, 0, 1), no]));
            (call, body)
        }
        NotBeing(call, argument, values) => {
            let mut body = vec![load_argument(*argument)];
            for (left, value) in (1..=values.len()).rev().zip(values) {
                body.push(skip_if(libc::BPF_JEQ, *value, u8::try_from(left).unwrap_or(u8::MAX), 0));
            }
            body.push(no);
            (call, body)
        }
    };
    let length = u8::try_from(body.len() + 1).unwrap_or(u8::MAX);
    let mut whole = vec![equals(*call, length)];
    whole.extend(body);
    // The next entry compares the number again.
    whole.push(load(NUMBER));
    whole
}

/// Goes on if the number is `call`'s, otherwise skips `others`.
fn equals(call: c_long, others: u8) -> libc::sock_filter {
    skip_if(libc::BPF_JEQ, u32::try_from(call).unwrap_or(u32::MAX), 0, others)
}

/// The lower half of an argument; both architectures store it first.
fn load_argument(argument: u32) -> libc::sock_filter {
    load(ARGUMENTS + 8 * argument)
}

fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0)
}

fn skip_if(test: u32, value: u32, then: u8, otherwise: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | test | libc::BPF_K, value, then, otherwise)
}

fn give(answer: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, answer, 0, 0)
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: u16::try_from(code).unwrap_or(u16::MAX), jt, jf, k }
}
