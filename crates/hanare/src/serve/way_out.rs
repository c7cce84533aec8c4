//! The worker's only way out: connections to the bucket with work data, by a process that can do nothing else. Where objects are on
//! the disk there is none.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::Arc;

use hanare_host::HostError;
use hanare_host::dial::Dialler;
use hanare_hq::{Dial, ServeOptions};
use tokio::sync::Notify;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;

/// It, and that it is lost.
#[derive(Debug, Default)]
pub(super) struct WayOut {
    lost: Arc<Notify>,
}

#[derive(Debug)]
struct Line {
    dialler: Dialler,
    lost: Arc<Notify>,
}

impl WayOut {
    /// Starts the process, if the objects are in a bucket, and tells `options` of that. Before this one is confined.
    pub(super) fn open(context: &Context, options: &mut ServeOptions) -> Result<Self, Failure> {
        let way_out = Self::default();
        let settings = hanare_hq::bucket_settings(&options.state).map_err(foreign::objects_error)?;
        let Some(settings) = settings else { return Ok(way_out) };
        let mut arguments = context.inherited.clone();
        arguments.extend(["worker", "dial", "--host"].map(OsString::from));
        arguments.push(settings.host.clone().into());
        arguments.extend(["--port".into(), settings.port.to_string().into()]);
        let dialler = Dialler::start(&arguments).map_err(foreign::host_error)?;
        let line = Line { dialler, lost: Arc::clone(&way_out.lost) };
        let credentials = options.credentials.as_deref();
        let bucket = hanare_hq::bucket(&options.state, credentials, settings, Arc::new(line));
        options.bucket = Some(bucket.map_err(foreign::objects_error)?);
        Ok(way_out)
    }

    /// Waits until the process has ended. A confined worker cannot start another one: a new worker can.
    pub(super) async fn lost(&self) -> Failure {
        self.lost.notified().await;
        Failure::new(Exit::Impossible, "way-out")
    }
}

impl Dial for Line {
    fn dial(&self) -> Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + '_>> {
        Box::pin(async {
            match self.dialler.dial().await {
                Ok(socket) => Ok(TcpStream::from(socket)),
                Err(error) => {
                    if error == HostError::Gone {
                        self.lost.notify_one();
                    }
                    Err(io::Error::other(error.to_string()))
                }
            }
        })
    }
}
