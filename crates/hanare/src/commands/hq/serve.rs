//! `hanare hq serve`: the host process of headquarters; its worker does the rest.

use std::ffi::OsString;
use std::net::SocketAddr;

use hanare_host::hands::{self, Role, Setup};
use hanare_host::unix;
use hanare_hq::admin::SOCKET_NAME;
use serde_json::json;

use super::ended;
use crate::context::{Context, Outcome, block_on};
use crate::{foreign, service};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "ADDR:PORT", default_value = "[::]:51820")]
    pub(crate) listen: SocketAddr,
    #[arg(long, value_name = "ADDR:PORT", default_value = "[::]:51821")]
    pub(crate) api: SocketAddr,
    #[arg(long, value_name = "IFNAME", default_value = "hnhq0")]
    pub(crate) interface: String,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let overlay = block_on(hanare_hq::overlay(&context.state))?.map_err(foreign::serve_error)?;
        let mut worker = context.inherited.clone();
        worker.extend(["worker", "hq", "--listen"].map(OsString::from));
        worker.push(self.listen.to_string().into());
        worker.extend(["--api".into(), self.api.to_string().into()]);
        worker.extend(["--interface".into(), self.interface.clone().into()]);
        context.prepare_runtime();
        let socket = context.runtime.join(SOCKET_NAME);
        let document = json!({"interface": self.interface, "pid": std::process::id()});
        let mut serves = context.out.once_ready("hq.serve", &document)?;
        let setup = Setup {
            state: context.state.clone(),
            interface: self.interface,
            role: Role::Hq { overlay, listen: self.listen },
            worker,
            on_ready: Box::new(move |status| {
                // Without it root alone administers, which is the safe side.
                if let Err(error) = unix::give_to_admins(&socket) {
                    tracing::warn!(%error, "the group hanare cannot administer");
                }
                service::ready(status);
                serves.tell();
            }),
            on_stopping: Some(Box::new(service::stopping)),
        };
        let outcome = hands::serve(setup).map_err(foreign::host_error)?;
        Ok(ended(outcome))
    }
}
