//! The expressions of one nftables rule, followed through their registers to what they ask of a packet.

use std::collections::BTreeMap;

use crate::firewall::{Condition, Rule, Verdict, be32};
use crate::netlink::{attribute, attributes, text, u32_at};

/// An expression's name and attributes.
pub(crate) type Expression<'a> = (String, Vec<(u16, &'a [u8])>);

/// What a register holds.
#[derive(Clone)]
enum Held {
    InterfaceIndex,
    InterfaceName,
    State,
    /// The state with only these bits left.
    States(u32),
    Family,
    Protocol,
    Port(u32),
    Mark,
    Strange(String),
}

/// Connection states (`nf_conntrack_common.h`): established and related.
const OLD: u32 = 2 | 4;
/// Expressions that note something and let the next one decide.
const SILENT: [&str; 4] = ["counter", "log", "notrack", "last"];

/// Expressions that ask or change something and never let a packet through themselves.
const NO_VERDICT: [&str; 26] = [
    "bitwise",
    "byteorder",
    "cmp",
    "connlimit",
    "ct",
    "dup",
    "dynset",
    "exthdr",
    "fib",
    "hash",
    "immediate",
    "inner",
    "limit",
    "lookup",
    "match",
    "meta",
    "numgen",
    "objref",
    "osf",
    "payload",
    "quota",
    "range",
    "rt",
    "socket",
    "tunnel",
    "xfrm",
];

/// A rule's expressions as conditions and a verdict.
pub(crate) fn conditions(expressions: &[Expression<'_>]) -> Rule {
    let mut registers: BTreeMap<u32, Held> = BTreeMap::new();
    let mut rule = Rule { conditions: Vec::new(), verdict: Verdict::None };
    for (name, data) in expressions {
        let number = |kind| attribute(data, kind).and_then(be32);
        let held = |registers: &BTreeMap<u32, Held>, kind| {
            number(kind).and_then(|register| registers.get(&register).cloned())
        };
        let (loaded, asked) = match name.as_str() {
            silent if SILENT.contains(&silent) => continue,
            "meta" => (number(1).zip(Some(meta(number(2)))), None),
            "ct" if number(2) == Some(0) => (number(1).zip(Some(Held::State)), None),
            "payload" => (number(1).zip(Some(payload(number(2), number(3), number(4)))), None),
            "bitwise" => {
                let mask = attribute(data, 4).and_then(value).and_then(|mask| u32_at(&mask, 0));
                let flips =
                    attribute(data, 5).and_then(value).is_some_and(|bits| bits.iter().any(|byte| *byte != 0));
                let masked = match (held(&registers, 1), mask) {
                    (Some(Held::State), Some(mask)) if !flips => Held::States(mask),
                    (_, _) => Held::Strange(name.clone()),
                };
                (number(2).zip(Some(masked)), None)
            }
            "cmp" => {
                let wanted = attribute(data, 3).and_then(value).unwrap_or_default();
                (None, Some(compared(held(&registers, 1), number(2), &wanted)))
            }
            // What is in a set is not read. Of ports it need not be: those that listen are judged by themselves.
            "lookup" if number(3).is_none() && number(5).unwrap_or(0) == 0 => {
                (None, Some(one_of(held(&registers, 2).as_ref(), name)))
            }
            "range" if number(2) == Some(0) => (None, Some(one_of(held(&registers, 1).as_ref(), name))),
            "reject" => {
                rule.verdict = Verdict::Drop;
                continue;
            }
            "immediate" if number(1) == Some(0) => {
                let verdict = verdict(data);
                let strange = verdict.is_none().then(|| Condition::NotUnderstood("verdict".to_owned()));
                // One that is not understood may let everything through.
                rule.verdict = verdict.unwrap_or(Verdict::Accept);
                (None, strange)
            }
            strange => {
                // `queue`, a target of xtables, whatever comes after us: it may let everything through.
                if rule.verdict == Verdict::None && !NO_VERDICT.contains(&strange) {
                    rule.verdict = Verdict::Accept;
                }
                (None, Some(Condition::NotUnderstood(strange.to_owned())))
            }
        };
        registers.extend(loaded);
        rule.conditions.extend(asked);
    }
    rule
}

/// `enum nft_meta_keys`.
fn meta(key: Option<u32>) -> Held {
    match key {
        Some(3) => Held::Mark,
        Some(4 | 5) => Held::InterfaceIndex,
        Some(6 | 7) => Held::InterfaceName,
        Some(15) => Held::Family,
        Some(16) => Held::Protocol,
        Some(_) | None => Held::Strange("meta".to_owned()),
    }
}

/// Base 2 is the transport header: ports are its first four bytes.
fn payload(base: Option<u32>, offset: Option<u32>, length: Option<u32>) -> Held {
    match (base, offset, length) {
        (Some(2), Some(offset @ (0 | 2)), Some(2)) => Held::Port(offset),
        (_, _, _) => Held::Strange("payload".to_owned()),
    }
}

fn one_of(held: Option<&Held>, name: &str) -> Condition {
    match held {
        Some(Held::Port(offset)) => Condition::Port(format!("{} {name}", end(*offset))),
        Some(_) | None => Condition::NotUnderstood(name.to_owned()),
    }
}

const fn end(offset: u32) -> &'static str {
    if offset == 0 { "from" } else { "to" }
}

/// `enum nft_cmp_ops`: equal, not equal, and four that bound a range.
fn compared(held: Option<Held>, operation: Option<u32>, wanted: &[u8]) -> Condition {
    let (is_equal, is_bound) = (operation == Some(0), operation.is_some_and(|operation| operation >= 2));
    let not = |what: &str| Condition::NotUnderstood(what.to_owned());
    let Some(held) = held else { return not("register") };
    match (held, is_equal) {
        (Held::InterfaceIndex, true) => match u32_at(wanted, 0) {
            Some(1) => Condition::Loopback,
            Some(index) => Condition::Interface(index.to_string()),
            None => not("interface"),
        },
        // A name is whole only if its zero byte is compared too: `lo*` is not `lo`.
        (Held::InterfaceName, true) => match wanted.contains(&0).then(|| text(wanted)).flatten() {
            Some(name) if name == "lo" => Condition::Loopback,
            Some(name) => Condition::Interface(name),
            None => not("interface"),
        },
        (Held::States(mask), false) if u32_at(wanted, 0) == Some(0) && mask & !OLD == 0 => {
            Condition::Established
        }
        (Held::Family, true) => Condition::Family,
        (Held::Protocol, true) => {
            wanted.first().map_or_else(|| not("protocol"), |number| Condition::Protocol(*number))
        }
        (Held::Port(offset), true) => match wanted {
            [high, low, ..] => {
                Condition::Port(format!("{} {}", end(offset), u16::from_be_bytes([*high, *low])))
            }
            _ => not("port"),
        },
        (Held::Port(offset), false) if is_bound => Condition::Port(format!("{} range", end(offset))),
        (Held::Mark, true) if u32_at(wanted, 0).is_some_and(|mark| mark != 0) => Condition::Mark,
        (Held::Strange(what), _) => not(&what),
        (_, _) => not("comparison"),
    }
}

/// `NFTA_DATA_VALUE`.
fn value(data: &[u8]) -> Option<Vec<u8>> {
    attribute(&attributes(data, 0)?, 1).map(<[u8]>::to_vec)
}

/// The verdict that an expression gives.
fn verdict(data: &[(u16, &[u8])]) -> Option<Verdict> {
    let inner = attributes(attribute(data, 2)?, 0)?;
    let verdict = attributes(attribute(&inner, 2)?, 0)?;
    let chain = || attribute(&verdict, 2).and_then(text);
    // `enum nft_verdicts`, `NF_DROP` and `NF_ACCEPT`.
    match be32(attribute(&verdict, 1)?)?.cast_signed() {
        0 => Some(Verdict::Drop),
        1 => Some(Verdict::Accept),
        -1 => Some(Verdict::None),
        -3 => chain().map(Verdict::Jump),
        -4 => chain().map(Verdict::Goto),
        -5 => Some(Verdict::Return),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Rule {
        let expressions: Vec<Expression<'_>> =
            names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        conditions(&expressions)
    }

    /// This kernel need not have them: a program behind `queue` decides, and so may what comes after us.
    #[test]
    fn an_expression_that_may_decide_lets_packets_through_and_one_that_only_asks_does_not() {
        for strange in ["queue", "target", "of-next-year"] {
            let rule = of(&["counter", strange]);
            assert_eq!(rule.verdict, Verdict::Accept, "{strange}");
            assert_eq!(rule.conditions, [Condition::NotUnderstood(strange.to_owned())]);
        }
        assert_eq!(of(&["limit"]).verdict, Verdict::None);
        assert_eq!(of(&["queue", "reject"]).verdict, Verdict::Drop);
        assert_eq!(of(&["counter", "log"]), Rule { conditions: Vec::new(), verdict: Verdict::None });
    }
}
