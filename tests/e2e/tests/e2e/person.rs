//! A person with a phone, for tests that open work.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hanare_e2e::{Deployment, Place};
use hanare_lab::{Output, Result};
use ring::hmac;

/// An authenticator: RFC 6238, written down a second time, from the secret as it was printed.
#[derive(Debug)]
pub(crate) struct Authenticator {
    key: hmac::Key,
    used: u64,
}

impl Authenticator {
    /// From the secret as it was printed.
    pub(crate) fn new(base32: &str) -> Self {
        let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
        for letter in base32.bytes() {
            let place = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == letter);
            buffer = buffer << 5 | u32::try_from(place.unwrap()).unwrap();
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push((buffer >> bits & 0xff) as u8);
            }
        }
        Self { key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes), used: 0 }
    }

    fn at(&self, step: u64) -> String {
        let tag = hmac::sign(&self.key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 0xf);
        let number = u32::from_be_bytes(tag[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }

    /// The code of the next step that was not used; waits until headquarters takes it.
    pub(crate) fn next(&mut self) -> String {
        let step = |seconds: u64| seconds / 30;
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let wanted = (self.used + 1).max(step(now()));
        while step(now()) + 1 < wanted {
            std::thread::sleep(Duration::from_secs(1));
        }
        self.used = wanted;
        self.at(wanted)
    }

    /// The code that was taken last.
    pub(crate) fn last(&self) -> String {
        self.at(self.used)
    }
}

/// An employee as headquarters gave them.
#[derive(Debug)]
pub(crate) struct Person {
    /// The temporary password.
    pub(crate) temporary: String,
    /// Their authenticator.
    pub(crate) phone: Authenticator,
}

/// `person add`.
pub(crate) fn add(deployment: &Deployment<'_>, id: &str, company: &str) -> Result<Person> {
    let given = deployment.hq.ask(&["person", "add", id, "--company", company, "--name", "山田 花子"])?;
    let text = |field: &str| given[field].as_str().unwrap().to_owned();
    let url = format!("otpauth://totp/hanare:{id}?secret={}&issuer=hanare", text("totp_secret"));
    assert_eq!(text("totp_url"), url);
    Ok(Person { temporary: text("password"), phone: Authenticator::new(&text("totp_secret")) })
}

/// `work open --stdin` with these lines.
pub(crate) fn open(deployment: &Deployment<'_>, at: &Place, lines: &[&str]) -> Result<Output> {
    let input: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    deployment.program.attempt(&at.host, &["--json", "work", "open", "--stdin"], &input)
}
