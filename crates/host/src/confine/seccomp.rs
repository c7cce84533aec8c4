//! A filter of system calls (`seccomp(2)`), made of a list of refusals.

#![expect(unsafe_code, reason = "the C library has no function for seccomp")]

use libc::c_long;
use rustix::io::Errno;

use super::calls::Refuse::{self, Being, Call, NotBeing, Unknown, WithBits, WithoutBits};
use crate::deed::Deed;
use crate::error::HostError;

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
    let failed = |error: std::io::Error| HostError::io(Deed::Confine.of("seccomp"), &error);
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
