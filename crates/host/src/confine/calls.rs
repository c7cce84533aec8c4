//! The system calls that no worker needs and a hijacked one would want.

use libc::c_long;

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
        // A signal by way of a file goes to any process of the same user, SIGKILL too.
        Being(libc::SYS_fcntl, 1, vec![F_SETOWN, F_SETSIG, F_SETOWN_EX]),
        Being(libc::SYS_ioctl, 1, IOCTLS.to_vec()),
        NotBeing(libc::SYS_sched_setattr, 0, vec![0, own]),
        NotBeing(libc::SYS_sched_setparam, 0, vec![0, own]),
        NotBeing(libc::SYS_sched_setscheduler, 0, vec![0, own]),
        NotBeing(libc::SYS_sched_setaffinity, 0, vec![0, own]),
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

/// The same for who goes on connecting: neither to a service of this machine, nor for others to connect to.
pub(super) fn doors_but_out() -> Vec<Refuse> {
    let is_way_out = |call: c_long| [libc::SYS_socket, libc::SYS_connect].contains(&call);
    let mut list = doors();
    list.retain(|entry| !matches!(entry, Call(call) if is_way_out(*call)));
    let families = [libc::AF_INET, libc::AF_INET6].map(i32::cast_unsigned).to_vec();
    list.push(NotBeing(libc::SYS_socket, 0, families));
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
// From <asm-generic/fcntl.h>.
const F_SETOWN: u32 = 8;
const F_SETSIG: u32 = 10;
const F_SETOWN_EX: u32 = 15;
const IOCTLS: [u32; 12] = [
    // Typing into the terminal that it shares with a person, and taking what they type.
    0x5412, // TIOCSTI
    0x541C, // TIOCLINUX
    0x540E, // TIOCSCTTY
    0x5410, // TIOCSPGRP
    0x541D, // TIOCCONS
    0x5423, // TIOCSETD
    // As F_SETOWN.
    0x8901, // FIOSETOWN
    0x8902, // SIOCSPGRP
    // A tunnel interface that outlives its process, or that another user may open: no capability is asked for.
    0x4004_54CB, // TUNSETPERSIST
    0x4004_54CC, // TUNSETOWNER
    0x4004_54CD, // TUNSETLINK
    0x4004_54CE, // TUNSETGROUP
];
// Not yet in the C library's headers everywhere: the numbers are the same on every architecture.
const SYS_QUOTACTL_FD: c_long = 443;
const SYS_PROCESS_MRELEASE: c_long = 448;
const SYS_FCHMODAT2: c_long = 452;
const SYS_SETXATTRAT: c_long = 463;
const SYS_REMOVEXATTRAT: c_long = 466;
const SYS_OPEN_TREE_ATTR: c_long = 467;
const SYS_FILE_SETATTR: c_long = 469;

const DANGEROUS: [c_long; 76] = [
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
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    SYS_QUOTACTL_FD,
    SYS_PROCESS_MRELEASE,
    SYS_OPEN_TREE_ATTR,
    // What programs of the same user share, by numbers and names that Landlock does not know.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
];

const DOORS: [c_long; 19] = [
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
    SYS_SETXATTRAT,
    SYS_REMOVEXATTRAT,
    SYS_FILE_SETATTR,
];
