//! Policy routing rules: which table answers for which packet.

use rtnetlink::packet_route::route::RouteProtocol;
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage, RulePortRange};
use rtnetlink::packet_route::{AddressFamily, IpProtocol, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};

use super::Netlink;
use crate::deed::{Attempt, Deed};
use crate::error::HostError;

/// One rule, for one family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// Whether it is for IPv6.
    pub v6: bool,
    /// Lower is asked first; `ip rule` calls it preference.
    pub priority: u32,
    /// The table that answers.
    pub table: u32,
    /// Only packets without this firewall mark.
    pub not_mark: Option<u32>,
    /// Answers of the table with a prefix this short or shorter do not count.
    pub suppress_prefix_length: Option<u32>,
    /// Only this protocol (6 TCP, 17 UDP) and destination port.
    pub service: Option<(u8, u16)>,
}

impl Netlink {
    /// Adds a rule; `false` if it was there.
    ///
    /// # Errors
    /// [`HostError::NoNetAdmin`], [`HostError::Netlink`].
    pub fn add_rule(&mut self, rule: &Rule) -> Result<bool, HostError> {
        self.create(&what(Deed::AddRule, rule), RouteNetlinkMessage::NewRule(message(rule)))
    }

    /// Removes a rule; `false` if it was not there.
    ///
    /// # Errors
    /// [`HostError::NoNetAdmin`], [`HostError::Netlink`].
    pub fn remove_rule(&mut self, rule: &Rule) -> Result<bool, HostError> {
        self.remove(&what(Deed::RemoveRule, rule), RouteNetlinkMessage::DelRule(message(rule)))
    }
}

fn what(deed: Deed, rule: &Rule) -> Attempt {
    deed.of(format_args!("{} (IPv{})", rule.priority, if rule.v6 { 6 } else { 4 }))
}

fn message(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = if rule.v6 { AddressFamily::Inet6 } else { AddressFamily::Inet };
    message.header.action = RuleAction::ToTable;
    message.attributes.push(RuleAttribute::Priority(rule.priority));
    message.attributes.push(RuleAttribute::Table(rule.table));
    message.attributes.push(RuleAttribute::Protocol(RouteProtocol::Static));
    if let Some(mark) = rule.not_mark {
        message.header.flags = RuleFlags::Invert;
        message.attributes.push(RuleAttribute::FwMark(mark));
        message.attributes.push(RuleAttribute::FwMask(u32::MAX));
    }
    if let Some(length) = rule.suppress_prefix_length {
        message.attributes.push(RuleAttribute::SuppressPrefixLen(length));
    }
    if let Some((protocol, port)) = rule.service {
        message.attributes.push(RuleAttribute::IpProtocol(IpProtocol::from(i32::from(protocol))));
        message
            .attributes
            .push(RuleAttribute::DestinationPortRange(RulePortRange { start: port, end: port }));
    }
    message
}
