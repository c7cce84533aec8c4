//! What stands between the rooms at headquarters, in one place, so that a test's binary can show what each part is good for.

use hanare_host::HostError;
use hanare_host::hands::Client;
use hanare_model::Segmentation;
use hanare_tunnel::plane::{SourceCheck, own_addresses_only};

/// The guards of a running headquarters. `hanare` itself has no way to ask for other ones than [`Guards::default`].
#[derive(Debug, Clone, Copy)]
pub struct Guards {
    /// The data plane's check of inner source addresses.
    pub source_check: SourceCheck,
    /// Puts the firewall between the rooms.
    pub segment: fn(&Client, &Segmentation) -> Result<(), HostError>,
}

impl Default for Guards {
    fn default() -> Self {
        Self { source_check: own_addresses_only, segment: Client::segment }
    }
}
