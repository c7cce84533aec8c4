//! The kinds of changes that we make to a machine, and how each is taken back.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::control_group::ControlGroup;
use crate::error::HostError;
use crate::netlink::{Address, Netlink, Route, Rule};
use crate::nft::{Family, Transaction};
use crate::resolver;
use crate::sysctl;

/// One change, with what is needed to take it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// An address was added to a link.
    Address {
        /// The link's name.
        interface: String,
        /// The address.
        address: IpNet,
    },
    /// A link was brought up.
    Up {
        /// Its name.
        interface: String,
    },
    /// A route was added.
    Route {
        /// The link's name.
        interface: String,
        /// The route.
        route: Route,
    },
    /// A rule was added.
    Rule {
        /// The rule.
        rule: Rule,
    },
    /// Kernel settings were written.
    Sysctl {
        /// Paths below `/proc/sys` with their old values, in the order in which they are written back.
        values: Vec<(PathBuf, String)>,
        /// Whether every device of that time is among them, so that one that is not came later and has its setting from us.
        #[serde(default)]
        every_device: bool,
    },
    /// A firewall table was made; never the kill switch's.
    Table {
        /// Its family.
        family: Family,
        /// Its name.
        name: String,
    },
    /// A program was put into a control group of its own.
    ControlGroup {
        /// The group.
        group: ControlGroup,
    },
    /// The resolver was set.
    Resolver {
        /// How.
        way: resolver::Way,
    },
}

impl Change {
    /// Whether the change can still be in force, in this network and this mount namespace of this boot.
    pub(super) fn is_here(&self, network: bool, mounts: bool) -> bool {
        match self {
            Self::Resolver { way } => way.is_here(network, mounts),
            // Named by its path; one that is not there is no trouble.
            Self::ControlGroup { .. } => mounts,
            Self::Address { .. }
            | Self::Up { .. }
            | Self::Route { .. }
            | Self::Rule { .. }
            | Self::Sysctl { .. }
            | Self::Table { .. } => network,
        }
    }

    pub(super) fn revert(&self, netlink: &mut Netlink) -> Result<(), HostError> {
        match self {
            Self::Address { interface, address } => match netlink.link(interface)? {
                Some(link) => {
                    netlink.remove_address(&Address { index: link.index, address: *address }).map(drop)
                }
                None => Ok(()),
            },
            Self::Up { interface } => match netlink.link(interface)? {
                Some(link) => netlink.set_up(link.index, false),
                None => Ok(()),
            },
            Self::Route { interface, route } => match netlink.link(interface)? {
                Some(link) => netlink.remove_route(&Route { index: link.index, ..route.clone() }).map(drop),
                None => Ok(()),
            },
            Self::Rule { rule } => netlink.remove_rule(rule).map(drop),
            Self::Sysctl { values, every_device } => sysctl::write_back(values, *every_device),
            Self::Table { family, name } => {
                let mut rules = Transaction::default();
                rules.remove_table(*family, name);
                rules.commit()
            }
            Self::ControlGroup { group } => group.remove(),
            Self::Resolver { way } => way.revert(),
        }
    }
}
