//! Nodes that keep a room from being closed, and why.

use hanare_model::{NodeName, Timestamp};
use serde::{Deserialize, Serialize};

/// Why a node keeps its room from being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum WaitsFor {
    /// Work is open there.
    Open,
    /// Items wait there for headquarters.
    Items {
        /// How many, as it said last.
        items: u64,
    },
    /// Nobody knows whether items wait there.
    Silent {
        /// When it last said that none do.
        since: Timestamp,
    },
    /// Nobody knows: it never said anything.
    Unheard,
}

/// A node that keeps its room from being closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingNode {
    /// Which.
    pub node: NodeName,
    /// Whether its tunnel stands: what waits is on its way then.
    pub is_connected: bool,
    /// Why.
    #[serde(flatten)]
    pub why: WaitsFor,
}

impl WaitingNode {
    /// Whether that ends by itself, and soon: it is connected, and delivers what waits or says how it stands.
    pub(crate) const fn is_coming(&self) -> bool {
        self.is_connected && matches!(self.why, WaitsFor::Items { .. } | WaitsFor::Silent { .. })
    }
}

/// Their names, in one line.
pub(super) fn names(nodes: &[WaitingNode]) -> String {
    nodes.iter().map(|waiting| waiting.node.as_str()).collect::<Vec<_>>().join(", ")
}
