//! A PC at work: the units as the README installs them, an account, PAM, a person with a password and a phone, headquarters on the
//! other end of a cable. Made once in a process; every test boots a copy.

use std::sync::Mutex;
use std::time::Instant;

use hanare_lab::Authenticator;
use hanare_vm::{Answer, Guest, Image, Result};
use serde_json::Value;

use crate::systemd::{CABLE, HQ, headquarters, until};

const PASSWORD: &str = "correct horse battery";
/// Seconds that the policy gives an end until the key goes: for programs, handing over and sealing.
pub(crate) const LIMITS: u64 = 5 + 20 + 20;
/// No `[confine]`: a guest that boots again and again wants its own `/tmp`.
const POLICY: &str = "version = 1
name = \"day\"
[volume]
kinds = [\"dm-crypt\"]
size = \"128M\"
[confine]
swap = \"as-is\"
[person]
user = \"work\"
usb = []
[limits]
countdown_seconds = 2
close_seconds = 5
handover_seconds = 20
seal_seconds = 20
";
/// `su` asks as a log-in screen would, and `su -l` opens a session of the log-in manager too.
const PAM: &str = "auth requisite pam_exec.so expose_authtok stdout /usr/bin/hanare work pam --shared
auth required pam_permit.so
account required pam_permit.so
session required pam_permit.so
";
const PAM_SESSION: &str =
    "auth include su\naccount include su\nsession include su\nsession optional pam_systemd.so\n";
/// What headquarters' unit needs in a guest that has it beside the node: it is there before the tunnel, and goes after it.
const BESIDE: &str = "[Unit]\nRequires=cable.service\nAfter=cable.service\nBefore=hanare-up.service\n";

/// The machine, switched off, and the person's phone.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) image: Image,
    pub(crate) phone: Authenticator,
}

static MADE: Mutex<Option<Desk>> = Mutex::new(None);

impl Desk {
    /// The one that this process has made.
    pub(crate) fn made() -> Result<Self> {
        let mut made = MADE.lock().expect("no test has failed while it made one");
        if let Some(desk) = made.as_ref() {
            return Ok(desk.clone());
        }
        let desk = Self::make(&Image::make()?, &[])?;
        *made = Some(desk.clone());
        Ok(desk)
    }

    /// One whose day ends when one of these USB devices is pulled out, after so many seconds.
    pub(crate) fn with_usb(devices: &[&str], countdown: u64) -> Result<Self> {
        let devices = format!("usb = {devices:?}");
        let countdown = format!("countdown_seconds = {countdown}");
        let changed = [("usb = []", devices.as_str()), ("countdown_seconds = 2", countdown.as_str())];
        Self::make(&Image::with_usb()?, &changed)
    }

    fn make(image: &Image, changed: &[(&str, &str)]) -> Result<Self> {
        let (folder, begun) = (image.folder()?, Instant::now());
        let policy = changed.iter().fold(POLICY.to_owned(), |policy, (from, to)| policy.replace(from, to));
        let mut guest = Guest::boot(image, folder.path())?;
        headquarters(&mut guest)?;
        let phone = first_password(&mut guest)?;
        let cable = format!(
            "[Unit]\nBefore=hanare-hq.service hanare-up.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\n\
             ExecStart=/bin/sh -c '{CABLE}'\n[Install]\nWantedBy=multi-user.target\n"
        );
        for (path, content) in [
            ("/etc/hanare/wipe.toml", policy.as_str()),
            ("/etc/pam.d/su", PAM),
            ("/etc/pam.d/su-l", PAM_SESSION),
            ("/etc/systemd/system/cable.service", cable.as_str()),
            ("/etc/systemd/system/hanare-hq.service.d/order.conf", BESIDE),
        ] {
            put(&mut guest, path, content)?;
        }
        guest
            .run(
                "useradd --create-home --shell /bin/bash work && useradd --create-home stranger && \
                 hanare wipe volume create --policy /etc/hanare/wipe.toml /var/lib/work.img && \
                 systemctl daemon-reload && \
                 systemctl enable cable hanare-hq hanare-up hanare-wipe-resume hanare-wipe-agent",
            )?
            .must()?;
        guest.switch_off_with("systemctl poweroff")?;
        guest.cut();
        println!("measured: a desk took {} s", begun.elapsed().as_secs());
        Ok(Self { image: image.left_by(folder.path())?, phone })
    }
}

/// A person who has proven themselves once, on a machine that keeps no volume yet, and has a password of their own since.
fn first_password(guest: &mut Guest) -> Result<Authenticator> {
    guest.run("systemctl start hanare-up")?.must()?;
    tunnel_is_up(guest)?;
    let given = guest.run(&format!("{HQ} --json person add hanako"))?.must()?.json()?;
    let text = |field: &str| given[field].as_str().unwrap_or_default().to_owned();
    let mut phone = Authenticator::new(&text("totp_secret"))?;
    let (temporary, code) = (text("password"), phone.code());
    guest
        .run(&format!(
            "printf 'hanako\\n{temporary}\\n{code}\\n{PASSWORD}\\n' | hanare work open --stdin && \
             hanare work close --abandon"
        ))?
        .must()?;
    Ok(phone)
}

/// Writes a file in the guest.
pub(crate) fn put(guest: &mut Guest, path: &str, content: &str) -> Result<()> {
    let script =
        format!("mkdir -p $(dirname {path}) && cat > {path} << 'END-OF-FILE'\n{content}\nEND-OF-FILE");
    guest.run(&script)?.must().map(drop)
}

const LOG: &str = "{ journalctl -q -u hanare-up -u hanare-hq -u hanare-wipe-agent | tail -15; false; }";

fn tunnel_is_up(guest: &mut Guest) -> Result<()> {
    until(guest, "the tunnel", &format!("hanare status > /dev/null || {LOG}"))
}

/// Waits until the tunnel is up and the agent answers.
pub(crate) fn is_up(guest: &mut Guest) -> Result<()> {
    tunnel_is_up(guest)?;
    until(guest, "the agent", &format!("hanare --json work status | grep -q keeps_volume.:true || {LOG}"))
}

/// Somebody at the log-in screen types into its one field: as another user, whom PAM asks. No session stays.
pub(crate) fn log_in(guest: &mut Guest, phone: &mut Authenticator) -> Result<()> {
    log_in_with(guest, phone, "")
}

/// The same with these variables in the environment of the log-in program.
pub(crate) fn log_in_with(guest: &mut Guest, phone: &mut Authenticator, variables: &str) -> Result<()> {
    let code = phone.code();
    let said = guest
        .run(&format!(
            "echo 'hanako {PASSWORD} {code}' | setpriv --reuid stranger --clear-groups env {variables} \
             su work -c 'id -un'; echo $?; journalctl -q -u hanare-wipe-agent | tail -5"
        ))?
        .said;
    assert!(said.contains("work\n0"), "{said}");
    Ok(())
}

/// The same, and a session of the log-in manager stays, in which `script` runs. [`get_up`] ends it.
pub(crate) fn sit_down(guest: &mut Guest, phone: &mut Authenticator, script: &str) -> Result<()> {
    put(guest, "/usr/local/bin/session", &format!("{script}\necho $$ > /tmp/seat\nexec sleep 36000"))?;
    let code = phone.code();
    guest
        .run(&format!(
            "rm -f /tmp/seat; echo 'hanako {PASSWORD} {code}' | setpriv --reuid stranger --clear-groups \
             su -l work -c 'sh /usr/local/bin/session' > /run/session.log 2>&1 &"
        ))?
        .must()?;
    until(
        guest,
        "a session",
        "test -s /tmp/seat && loginctl list-sessions | grep -q work && mountpoint -q /srv/work || \
         { cat /run/session.log; loginctl list-sessions; journalctl -q -u hanare-wipe-agent | tail -5; false; }",
    )?;
    // The agent looks at sessions every few seconds: it has seen this one then.
    guest.run("sleep 6")?.must().map(drop)
}

/// What the session waits for ends, and the session with it.
pub(crate) fn get_up(guest: &mut Guest) -> Result<()> {
    guest.run("kill $(cat /tmp/seat)")?.must().map(drop)
}

/// Runs a script as the account, in `/bin/sh`.
pub(crate) fn as_work(guest: &mut Guest, script: &str) -> Result<Answer> {
    put(guest, "/run/as-work", script)?;
    guest.run(
        "cd /; timeout 60 setpriv --reuid work --regid work --init-groups \
         env HOME=/home/work USER=work sh /run/as-work",
    )
}

/// Waits until headquarters has a file of this name.
pub(crate) fn hold(guest: &mut Guest, name: &str) -> Result<()> {
    until(guest, &format!("{name} at headquarters"), &format!("{HQ} handover list kofu/306 | grep -q {name}"))
}

/// Waits for receipt number `count`, the last one: its document.
pub(crate) fn receipt(guest: &mut Guest, count: usize) -> Result<Value> {
    let list = "hanare --json wipe receipt list";
    let waiting = format!(
        "for i in $(seq 300); do {list} | grep -o '\"cause\"' | wc -l | grep -qx {count} && exit; sleep 0.2; done; \
         journalctl -q -u hanare-wipe-agent | tail -20; {list}; exit 1"
    );
    guest.run(&waiting)?.must()?;
    let list = guest.run(list)?.must()?.json()?;
    let receipts = list["receipts"].as_array().cloned().unwrap_or_default();
    assert_eq!(receipts.len(), count, "{list}");
    let path = receipts.last().and_then(|last| last["path"].as_str()).unwrap_or_default().to_owned();
    guest.run(&format!("tr -d '\\n' < {path}"))?.must()?.json()
}

/// What a receipt says that is good, of such a day.
pub(crate) fn ended_well(receipt: &Value, cause: &str) {
    let outcome = &receipt["outcome"];
    let said =
        (&receipt["cause"], &outcome["verdict"], &outcome["lost"], &outcome["volume"]["key_destroyed"]);
    assert_eq!(said, (&cause.into(), &"pass".into(), &0.into(), &true.into()), "{receipt}");
}

/// How the day stands, by the agent.
pub(crate) fn standing(guest: &mut Guest) -> Result<Value> {
    Ok(guest.run("hanare --json work status")?.json()?["handover"].clone())
}
