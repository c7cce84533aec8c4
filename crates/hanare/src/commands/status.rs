//! `hanare status`: whether the tunnel is up, as a person wants to read it.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use hanare_tunnel::control::{Client, ControlError, HqStatus, KillSwitch, State, Status, WarningCode};
use hanare_tunnel::node;

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::voice::Voice;
use crate::{boot, foreign, show, table, times};

/// Between two looks with `--watch`.
const INTERVAL: Duration = Duration::from_secs(2);
/// Clears the screen and goes to its upper left corner (ECMA-48: ED, CUP).
const CLEAR: &str = "\x1b[2J\x1b[H";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    watch: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let exit = look(context, self.watch)?;
        if !self.watch {
            return Ok(exit);
        }
        loop {
            std::thread::sleep(INTERVAL);
            look(context, true)?;
        }
    }
}

fn look(context: &Context, clear: bool) -> Result<Exit, Failure> {
    let mut status = match Client::new(&context.runtime).status() {
        Ok(status) => status,
        Err(ControlError::NotRunning { .. }) => {
            node::offline_status(&context.state).map_err(foreign::state_error)?
        }
        Err(error) => return Err(foreign::control_error(error)),
    };
    let has_closed = matches!(status.kill_switch, Some(KillSwitch::Closed | KillSwitch::Unlocked));
    if has_closed && boot::is_unguarded(Path::new("/")) {
        status.warnings.push(WarningCode::GuardNotEnabled.warning());
    }
    for warning in &mut status.warnings {
        let id = format!("warning-{}", warning.code.as_str());
        let voice = context.out.voice();
        warning.text = voice.say(&id);
        warning.fix = voice.part(&id, "fix", &[]).unwrap_or_default();
    }
    let clear = clear && std::io::stdout().is_terminal();
    context.out.result("status", &status, |voice| {
        let text = shown(&status, voice);
        if clear { format!("{CLEAR}{text}") } else { text }
    })?;
    Ok(match status.state {
        State::Up => Exit::Good,
        State::Degraded => Exit::Incomplete,
        State::Down | State::Locked | State::Revoked => Exit::No,
    })
}

fn shown(status: &Status, voice: &Voice) -> String {
    let state = match status.state {
        State::Up => "state-up",
        State::Degraded => "state-degraded",
        State::Down => "state-down",
        State::Locked => "state-locked",
        State::Revoked => "state-revoked",
    };
    let kill_switch = match status.kill_switch {
        Some(KillSwitch::Closed) => voice.say("kill-switch-closed"),
        Some(KillSwitch::Open) => voice.say("kill-switch-open"),
        Some(KillSwitch::Unlocked) => {
            let until = times::tell_some(status.unlocked_until);
            voice.say_with("kill-switch-unlocked", &[("until", &until)])
        }
        None => voice.say("kill-switch-unknown"),
    };
    let text = |value: Option<String>| value.unwrap_or_default();
    let runs = matches!(status.state, State::Up | State::Degraded);
    let hq = |hq: &HqStatus| if runs { endpoint(hq, voice) } else { hq.endpoint.clone() };
    let hq: Vec<String> = status.hq.iter().map(hq).collect();
    let fields = table::fields(
        voice,
        vec![
            ("label-node", text(status.node.as_ref().map(ToString::to_string))),
            ("label-room", text(status.room.as_ref().map(ToString::to_string))),
            ("label-interface", text(status.interface.clone())),
            ("label-addresses", table::list(&status.addresses)),
            ("label-hq", hq.join("\n")),
            ("label-kill-switch", kill_switch),
            ("label-lease-until", times::tell_some(status.lease_until)),
        ],
    );
    let mut out = format!("{}\n\n{fields}", voice.say(state));
    for warning in &status.warnings {
        out.extend(["\n\n! ", &warning.text, "\n  ", &warning.fix]);
    }
    out
}

fn endpoint(hq: &HqStatus, voice: &Voice) -> String {
    if !hq.active {
        return voice.say_with("hq-standby", &[("endpoint", &hq.endpoint)]);
    }
    let handshake = show::handshake(hq.last_handshake_seconds.map(whole_seconds), voice);
    let traffic = show::traffic(hq.rx_bytes, hq.tx_bytes, voice);
    match hq.rtt_seconds {
        Some(rtt) => {
            let rtt = format!("{:.1}", rtt * 1000.0);
            voice.say_with(
                "hq-answers",
                &[
                    ("endpoint", &hq.endpoint),
                    ("rtt", &rtt),
                    ("handshake", &handshake),
                    ("traffic", &traffic),
                ],
            )
        }
        None => voice.say_with(
            "hq-silent",
            &[("endpoint", &hq.endpoint), ("handshake", &handshake), ("traffic", &traffic)],
        ),
    }
}

/// For a person's eyes: the fraction does not matter, and an age is never negative.
fn whole_seconds(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds).map_or(0, |duration| duration.as_secs())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::voice::Language;

    /// A time, and what stands for it: how it reads depends on the machine's time zone.
    const UNTIL: &str = "2026-11-30T00:00:00Z";

    fn screen(changes: &Value) -> String {
        let mut document = json!({
            "state": "up", "pid": 4711, "interface": "hn0", "addresses": ["10.88.1.2", "fd12:3456:789a:1::2"],
            "node": "pc", "room": "kofu/306", "kill_switch": "closed",
            "unlocked_until": null, "lease_until": UNTIL, "warnings": [],
            "hq": [
                {"endpoint": "hq.example.jp:51820", "active": true, "last_handshake_seconds": 12.5,
                 "rx_bytes": 3_200_000, "tx_bytes": 1_024, "rtt_seconds": 0.0042},
                {"endpoint": "192.0.2.1:51820", "active": false, "last_handshake_seconds": null,
                 "rx_bytes": 0, "tx_bytes": 0, "rtt_seconds": null},
            ],
        });
        for (key, value) in changes.as_object().unwrap() {
            document[key] = value.clone();
        }
        let status: Status = serde_json::from_value(document).unwrap();
        let until = times::tell(UNTIL.parse().unwrap());
        [Language::Japanese, Language::English]
            .map(|language| shown(&status, &Voice::new(language)).replace(&until, "(TIME)"))
            .join("\n----\n")
    }

    #[test]
    fn what_a_person_reads_of_a_tunnel() {
        let silent = json!([
            {"endpoint": "hq.example.jp:51820", "active": true, "last_handshake_seconds": null,
             "rx_bytes": 0, "tx_bytes": 592, "rtt_seconds": null},
        ]);
        let warning = json!([{"code": "hq-silent", "text": "WARNING", "fix": "FIX"}]);
        for (name, changes) in [
            ("up", json!({})),
            ("degraded", json!({"state": "degraded", "hq": silent, "warnings": warning})),
            ("unlocked", json!({"kill_switch": "unlocked", "unlocked_until": UNTIL})),
            ("locked", json!({"state": "locked", "interface": null, "pid": null})),
            ("down", json!({"state": "down", "interface": null, "pid": null, "kill_switch": "open"})),
            ("revoked", json!({"state": "revoked", "kill_switch": null, "lease_until": null})),
        ] {
            insta::assert_snapshot!(name, screen(&changes));
        }
    }
}
