//! Connections that a process makes itself, where it is not confined.

use std::future::Future;
use std::io;
use std::net::TcpStream;
use std::pin::Pin;

use super::http::Dial;
use super::settings::BucketSettings;

/// Connects to a bucket's server.
#[derive(Debug, Clone)]
pub struct Direct {
    host: String,
    port: u16,
}

impl Direct {
    /// To the server of this bucket.
    #[must_use]
    pub fn to(settings: &BucketSettings) -> Self {
        Self { host: settings.host.clone(), port: settings.port }
    }
}

impl Dial for Direct {
    fn dial(&self) -> Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + '_>> {
        Box::pin(async {
            let stream = tokio::net::TcpStream::connect((self.host.as_str(), self.port)).await?;
            stream.into_std()
        })
    }
}
