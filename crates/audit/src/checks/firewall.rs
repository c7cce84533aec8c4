//! What a set of nftables chains lets through: every base chain of a hook, its jumps, its policy, for both families.

use hanare_facts::{Chain, Condition, Family, Firewall, Hook, Rule, Verdict};

/// Whether anything new may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Passage {
    /// Only what is excepted: this machine itself, old connections, named ports.
    Closed,
    /// Nobody can tell.
    Unclear,
    /// Everything, or everything of a kind.
    Open,
}

/// How a chain ends for a packet that nothing speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// No rule decided.
    Falls,
    /// A rule stopped it.
    Stops,
    /// A rule let it through.
    Passes,
    /// A rule that is not understood might have let it through.
    Unclear,
}

/// Chains that jump deeper than this are no firewall that anybody reads (the kernel's own limit is 16).
const DEPTH: usize = 16;

/// What passes a hook. One base chain that stops a packet is enough: a packet has to pass them all.
pub(super) fn passage(firewall: &Firewall, hook: Hook) -> Passage {
    [Family::Ip, Family::Ip6]
        .into_iter()
        .map(|family| of_family(firewall, hook, family))
        .max()
        .unwrap_or(Passage::Open)
}

fn of_family(firewall: &Firewall, hook: Hook, family: Family) -> Passage {
    let is_base =
        |chain: &&Chain| chain.hook == Some(hook) && (chain.family == family || chain.family == Family::Inet);
    let through = |chain: &Chain| match walked(firewall, chain, false, DEPTH) {
        End::Stops => Passage::Closed,
        End::Falls if chain.drops => Passage::Closed,
        End::Unclear => Passage::Unclear,
        End::Falls | End::Passes => Passage::Open,
    };
    firewall.chains.iter().filter(is_base).map(through).min().unwrap_or(Passage::Open)
}

fn walked(firewall: &Firewall, chain: &Chain, is_excepted: bool, depth: usize) -> End {
    let Some(depth) = depth.checked_sub(1) else { return End::Unclear };
    let mut is_unclear = false;
    let below = |name: &str, excepted| {
        let is_it =
            |other: &&Chain| other.family == chain.family && other.table == chain.table && other.name == name;
        firewall
            .chains
            .iter()
            .find(is_it)
            .map_or(End::Unclear, |other| walked(firewall, other, excepted, depth))
    };
    for rule in &chain.rules {
        let is_for_all = rule.conditions.is_empty() && !is_excepted;
        let excepted = is_excepted || is_exception(rule);
        let end = match &rule.verdict {
            Verdict::Accept if !excepted && has_riddle(rule) => End::Unclear,
            Verdict::Accept if !excepted => End::Passes,
            Verdict::Drop if is_for_all => End::Stops,
            Verdict::Return if is_for_all => break,
            Verdict::None | Verdict::Accept | Verdict::Drop | Verdict::Return => End::Falls,
            Verdict::Jump(name) | Verdict::Goto(name) => {
                let end = below(name, excepted);
                match end {
                    End::Passes if has_riddle(rule) => End::Unclear,
                    End::Stops if !is_for_all => End::Falls,
                    End::Falls if is_for_all && matches!(rule.verdict, Verdict::Goto(_)) => break,
                    End::Falls | End::Stops | End::Passes | End::Unclear => end,
                }
            }
        };
        match end {
            End::Falls => {}
            End::Unclear => is_unclear = true,
            End::Stops | End::Passes => {
                return if is_unclear && end == End::Stops { End::Unclear } else { end };
            }
        }
    }
    if is_unclear { End::Unclear } else { End::Falls }
}

/// Whether a rule speaks only for what may pass: this machine itself, old connections, what it marked, protocols without ports,
/// and ports, which are judged where they listen.
fn is_exception(rule: &Rule) -> bool {
    rule.conditions.iter().any(|condition| match condition {
        Condition::Loopback | Condition::Established | Condition::Mark => true,
        // Whoever sends chooses the port that it comes from.
        Condition::Port(port) => port.starts_with("to "),
        Condition::Protocol(number) => !WITH_PORTS.contains(number),
        Condition::Interface(_) | Condition::Family | Condition::NotUnderstood(_) => false,
    })
}

/// TCP, UDP, DCCP, SCTP, UDP-Lite.
const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];

fn has_riddle(rule: &Rule) -> bool {
    rule.conditions.iter().any(|condition| matches!(condition, Condition::NotUnderstood(_)))
}

/// The base chains of a hook as evidence: table, chain, policy and how many rules.
pub(super) fn said(firewall: &Firewall, hook: Hook) -> String {
    let chains = firewall.chains.iter().filter(|chain| chain.hook == Some(hook)).map(|chain| {
        let policy = if chain.drops { "drop" } else { "accept" };
        format!(
            "{:?} {} {}: policy {policy}, {} rules",
            chain.family,
            chain.table,
            chain.name,
            chain.rules.len()
        )
    });
    super::listed(&chains.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests;
