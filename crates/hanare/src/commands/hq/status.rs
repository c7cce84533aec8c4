//! `hanare hq status`: whether headquarters forwards, and where it is found.

use hanare_hq::admin::{self, StatusShow};
use hanare_hq::{FirewallState, ObjectsStanding};
use hanare_ledger::sshsig;

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::foreign;
use crate::table;
use crate::times;
use crate::voice::Voice;

pub(crate) fn run(context: &Context) -> Outcome {
    let status = context.ask_now(StatusShow {})?;
    context.out.result("hq.status", &status, |voice| show(&status, voice))?;
    // Where work goes is part of it, too.
    let is_unknown = status.wipes.unknown > 0 || status.wipes.alarms > 0 || status.objects.trouble.is_some();
    Ok(match (status.forwarding, status.firewall) {
        (false, _) | (true, FirewallState::Lost) => Exit::No,
        (true, FirewallState::Behind) => Exit::Incomplete,
        // What became of a room's work is part of how headquarters stands: unknown is never good.
        (true, FirewallState::InForce) if is_unknown => Exit::Incomplete,
        (true, FirewallState::InForce) => Exit::Good,
    })
}

fn show(status: &admin::Status, voice: &Voice) -> String {
    let state = match (status.forwarding, status.firewall) {
        (_, FirewallState::Lost) => "hq-firewall-lost",
        (false, _) => "hq-does-not-forward",
        (true, FirewallState::Behind) => "hq-firewall-behind",
        (true, FirewallState::InForce) => "hq-forwards",
    };
    let nodes = voice.say_with("hq-nodes", &[("enrolled", &status.nodes.enrolled), ("up", &status.nodes.up)]);
    let known = &status.wipes;
    let counts: [crate::voice::Argument<'_>; 3] =
        [("open", &known.open), ("unknown", &known.unknown), ("alarms", &known.alarms)];
    let wipes = voice.say_with("hq-wipes", &counts);
    let internet = match status.internet {
        hanare_model::Internet::ViaHq => "internet-via-hq",
        hanare_model::Internet::None => "internet-none",
    };
    let mut fields = vec![
        ("label-state", voice.say(state)),
        ("label-nodes", nodes),
        ("label-wipes", wipes),
        ("label-objects", objects(&status.objects, voice)),
        ("label-interface", status.interface.clone()),
        ("label-addresses", table::list(&status.addresses)),
        ("label-endpoints", table::list(&status.endpoints)),
        ("label-listen", status.listen.to_string()),
        ("label-api", status.api.to_string()),
        ("label-overlay", table::list(&status.overlay)),
        ("label-networks", table::list(&status.networks)),
        ("label-internet", voice.say(internet)),
        ("label-public-key", status.public_key.to_string()),
        ("label-signing-key", sshsig::openssh_key(&status.signing_key, "hanare-hq")),
        ("label-pin", status.pin.clone()),
        ("label-since", times::tell(status.since)),
    ];
    if let Some(seen) = status.put_back {
        let at = times::tell(seen.at);
        let said = voice.say_with("hq-put-back", &[("at", &at), ("nodes", &seen.nodes)]);
        fields.insert(1, ("label-put-back", said));
    }
    table::fields(voice, fields)
}

/// Where the objects of work data are, and that they cannot be had. Nothing where that is as usual.
fn objects(objects: &ObjectsStanding, voice: &Voice) -> String {
    let Some(bucket) = &objects.bucket else { return String::new() };
    let Some(trouble) = &objects.trouble else { return bucket.clone() };
    let (at, cause) =
        (times::tell(trouble.since), foreign::bucket_cause(trouble.refused, trouble.text.clone()));
    voice.say_with("hq-bucket-trouble", &[("bucket", bucket), ("at", &at), ("cause", &cause.say(voice))])
}
