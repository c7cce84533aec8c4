//! nftables, as far as it decides what comes in and goes out: every chain, every rule, every expression decoded, or said not
//! to be understood.

use rustix::io::Errno;
use rustix::net::netlink::NETFILTER;
use serde::{Deserialize, Serialize};

use crate::decode::conditions;
use crate::fact::{Gap, GapKind};
use crate::netlink::{Message, attribute, attributes, dump, text};
use crate::root::kind_of;

const SOURCE: &str = "netlink: nftables";
/// `NFNL_SUBSYS_NFTABLES`, in the upper byte of a message's type.
const SUBSYSTEM: u16 = 10 << 8;
const GET_CHAIN: u16 = SUBSYSTEM | 4;
const GET_RULE: u16 = SUBSYSTEM | 7;
/// `nfgenmsg`: family, version, resource.
const HEADER: usize = 4;

/// What nftables holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Firewall {
    /// Every chain with its rules.
    pub chains: Vec<Chain>,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// The family of its table.
    pub family: Family,
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Where packets enter it by themselves; `None` for one that others jump to.
    pub hook: Option<Hook>,
    /// Whether a packet that no rule decided about goes no further.
    pub drops: bool,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// A table's family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Both versions of IP.
    Inet,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// ARP, bridges, devices.
    Other,
}

/// Where packets enter a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// To this machine.
    Input,
    /// Through it.
    Forward,
    /// From it.
    Output,
    /// Another.
    Other,
}

/// A rule: what a packet must be, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What a packet must be; every packet if empty.
    pub conditions: Vec<Condition>,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What a packet must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// From or to this machine itself.
    Loopback,
    /// On an interface of that name, or of that number.
    Interface(String),
    /// Part of, or about, a connection that was let through.
    Established,
    /// Of IPv4 or IPv6 alone.
    Family,
    /// Of a protocol above IP, by its number.
    Protocol(u8),
    /// From or to a port, or ports.
    Port(String),
    /// Marked by this machine.
    Mark,
    /// An expression that this program does not understand.
    NotUnderstood(String),
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing: the next rule decides.
    None,
    /// It goes on.
    Accept,
    /// It goes no further.
    Drop,
    /// Another chain decides, then the next rule.
    Jump(String),
    /// Another chain decides.
    Goto(String),
    /// The chain before this one decides.
    Return,
}

pub(crate) fn firewall() -> Result<Firewall, Gap> {
    let not_understood = || Gap::new(GapKind::NotUnderstood, SOURCE);
    let read = |kind| match dump(Some(NETFILTER), kind, &[0; HEADER]) {
        // Without the module there is no rule.
        Err(Errno::INVAL | Errno::PROTONOSUPPORT) => Ok(Vec::new()),
        read => read.map_err(|errno| Gap::new(kind_of(errno), SOURCE)),
    };
    let chains: Option<Vec<Chain>> = read(GET_CHAIN)?.iter().map(chain).collect();
    let mut chains = chains.ok_or_else(not_understood)?;
    for message in read(GET_RULE)? {
        let (family, table, name, rule) = rule(&message).ok_or_else(not_understood)?;
        let is_its =
            |chain: &&mut Chain| chain.family == family && chain.table == table && chain.name == name;
        chains.iter_mut().find(is_its).ok_or_else(not_understood)?.rules.push(rule);
    }
    Ok(Firewall { chains })
}

/// `NFPROTO_*`.
fn family(message: &Message) -> Option<Family> {
    Some(match message.body.first()? {
        1 => Family::Inet,
        2 => Family::Ip,
        10 => Family::Ip6,
        _ => Family::Other,
    })
}

fn chain(message: &Message) -> Option<Chain> {
    let found = attributes(&message.body, HEADER)?;
    let family = family(message)?;
    let hook = match attribute(&found, 4) {
        None => None,
        Some(hook) => Some(match (family, be32(attribute(&attributes(hook, 0)?, 1)?)?) {
            (Family::Other, _) => Hook::Other,
            (_, 1) => Hook::Input,
            (_, 2) => Hook::Forward,
            (_, 3) => Hook::Output,
            (_, _) => Hook::Other,
        }),
    };
    let drops = attribute(&found, 5).and_then(be32) == Some(0);
    let (table, name) = (text(attribute(&found, 1)?)?, text(attribute(&found, 3)?)?);
    Some(Chain { family, table, name, hook, drops, rules: Vec::new() })
}

fn rule(message: &Message) -> Option<(Family, String, String, Rule)> {
    let found = attributes(&message.body, HEADER)?;
    let expressions = match attribute(&found, 4) {
        None => Vec::new(),
        Some(list) => attributes(list, 0)?,
    };
    let mut decoded = Vec::new();
    for (_, expression) in expressions {
        let parts = attributes(expression, 0)?;
        let data = match attribute(&parts, 2) {
            None => Vec::new(),
            Some(data) => attributes(data, 0)?,
        };
        decoded.push((text(attribute(&parts, 1)?)?, data));
    }
    let (table, name) = (text(attribute(&found, 1)?)?, text(attribute(&found, 2)?)?);
    Some((family(message)?, table, name, conditions(&decoded)))
}

/// A number as nftables writes it.
pub(crate) fn be32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?))
}
