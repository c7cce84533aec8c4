//! `hanare hq init`: makes this machine the headquarters.

use std::net::IpAddr;

use hanare_hq::InitOptions;
use hanare_ledger::sshsig;
use hanare_model::{CompanyId, Endpoint, Internet};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::json;

use crate::context::{Context, Outcome, block_on};
use crate::exit::Exit;
use crate::foreign;
use crate::table;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "ID")]
    company: CompanyId,
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', required = true)]
    endpoint: Vec<Endpoint>,
    #[arg(long, value_name = "CIDR4")]
    overlay: Option<Ipv4Net>,
    #[arg(long, value_name = "CIDR6")]
    overlay6: Option<Ipv6Net>,
    #[arg(long, value_name = "CIDR", value_delimiter = ',', num_args = 1..)]
    network: Vec<IpNet>,
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    dns: Vec<IpAddr>,
    #[arg(long, value_enum, value_name = "via-hq|none", default_value = "none")]
    internet: Access,
}

/// Whether rooms reach the internet.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Access {
    ViaHq,
    None,
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { company, endpoint, overlay, overlay6, network, dns, internet } = self;
        let nameless = dns.is_empty() && matches!(internet, Access::ViaHq);
        let options = InitOptions {
            state: context.state.clone(),
            company,
            endpoints: endpoint,
            overlay,
            overlay6,
            networks: network,
            internet: match internet {
                Access::ViaHq => Internet::ViaHq,
                Access::None => Internet::None,
            },
            dns,
            uid: rustix::process::getuid().as_raw(),
        };
        let made = block_on(hanare_hq::init(options))?.map_err(foreign::init_error)?;
        let key = sshsig::openssh_key(&made.signing_key, "hanare-hq");
        let pin = hex(&made.pin);
        let document = json!({
            "public_key": made.public_key, "signing_key": key, "pin": pin,
            "overlay": made.overlay, "addresses": made.addresses,
        });
        context.out.result("hq.init", &document, |voice| {
            table::fields(
                voice,
                vec![
                    ("label-overlay", table::list(&made.overlay)),
                    ("label-addresses", table::list(&made.addresses)),
                    ("label-public-key", made.public_key.to_string()),
                    ("label-signing-key", key.clone()),
                    ("label-pin", pin.clone()),
                ],
            )
        })?;
        if nameless {
            context.out.talk("hq-no-dns", &[]);
        }
        context.out.talk("hq-made", &[("state", &context.state.display())]);
        Ok(Exit::Good)
    }
}
