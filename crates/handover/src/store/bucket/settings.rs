//! Where a bucket is and as whom it is asked, from a file that a person wrote. Its secret is never in it.

use std::net::IpAddr;
use std::path::PathBuf;

use hanare_model::Position;
use hanare_model::form::{self, Misformed};
use hyper::http::Uri;
use serde::Deserialize;
use toml::Spanned;

/// The version of the file that this program reads.
pub const BUCKET_VERSION: u32 = 1;
/// The longest file in bytes.
pub const MAX_BUCKET_LEN: usize = 16 * 1024;
/// Debian's certificates of those who vouch for servers.
const CA: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The longest prefix, region and key id.
const MAX_TEXT: usize = 128;

/// What is wrong with the file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {fault}")]
pub struct BucketFileError {
    /// Where.
    pub position: Position,
    /// What.
    pub fault: BucketFault,
}

/// What can be wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketFault {
    /// Not TOML, or another one's: the parser's words.
    #[error("{0}")]
    Form(String),
    /// Longer than [`MAX_BUCKET_LEN`].
    #[error("such a file has at most {most} bytes, this one has {0}", most = MAX_BUCKET_LEN)]
    TooLong(usize),
    /// Another version than [`BUCKET_VERSION`].
    #[error("version {0} is not known: this program reads version {known}", known = BUCKET_VERSION)]
    Version(u32),
    /// No address of a server.
    #[error("{0:?} is not an endpoint such as https://s3.example.jp")]
    Endpoint(String),
    /// Everybody on the way could read and change what goes there.
    #[error("{0} is not this machine, and is not asked by https: say allow_http = true if that is meant")]
    Plain(String),
    /// No name of a bucket.
    #[error("{0:?} is not a bucket's name: 3 to 63 of a-z, 0-9, - and .")]
    Name(String),
    /// No prefix of names.
    #[error("{0:?} is not a prefix: words of a-z, A-Z, 0-9, -, _ and . with / between them")]
    Prefix(String),
    /// No region.
    #[error("{0:?} is not a region")]
    Region(String),
    /// No id of an access key.
    #[error("this is not the id of an access key")]
    KeyId,
    /// Certificates at a path that depends on where the program runs.
    #[error("{0:?} does not begin with a slash")]
    Relative(String),
}

/// Where a bucket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSettings {
    /// The server's host: a name, or an address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is asked by TLS.
    pub tls: bool,
    /// The region's name, which is part of what is signed.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// What the names of all objects begin with; empty for nothing.
    pub prefix: String,
    /// As whom it is asked.
    pub access_key_id: String,
    /// Certificates of those who vouch for the server, in PEM.
    pub ca: PathBuf,
}

#[derive(Deserialize)]
struct VersionOnly {
    version: Spanned<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "version")]
    _version: u32,
    endpoint: Spanned<String>,
    region: Spanned<String>,
    bucket: Spanned<String>,
    prefix: Option<Spanned<String>>,
    access_key_id: Spanned<String>,
    ca: Option<Spanned<String>>,
    #[serde(default)]
    allow_http: bool,
}

impl BucketSettings {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`BucketFileError`] for the first thing that is wrong.
    pub fn read(text: &str) -> Result<Self, BucketFileError> {
        if text.len() > MAX_BUCKET_LEN {
            let fault = BucketFault::TooLong(text.len());
            return Err(BucketFileError { position: Position::of(text, 0), fault });
        }
        let misformed = |error: Misformed| BucketFileError {
            position: error.position,
            fault: BucketFault::Form(error.message),
        };
        let at = |value: &Spanned<String>, fault: fn(String) -> BucketFault| BucketFileError {
            position: Position::of(text, value.span().start),
            fault: fault(value.get_ref().clone()),
        };
        // The version first: a newer file's other words are not wrong, only not known here.
        let VersionOnly { version } = form::read(text).map_err(misformed)?;
        if *version.get_ref() != BUCKET_VERSION {
            let fault = BucketFault::Version(*version.get_ref());
            return Err(BucketFileError { position: Position::of(text, version.span().start), fault });
        }
        let file: File = form::read(text).map_err(misformed)?;
        let (tls, host, port) =
            endpoint(file.endpoint.get_ref()).ok_or_else(|| at(&file.endpoint, BucketFault::Endpoint))?;
        if !(tls || file.allow_http || is_here(&host)) {
            return Err(at(&file.endpoint, BucketFault::Plain));
        }
        check(&file.region, is_word, |region| at(region, BucketFault::Region))?;
        check(&file.bucket, is_bucket, |bucket| at(bucket, BucketFault::Name))?;
        check(&file.access_key_id, is_word, |id| at(id, |_| BucketFault::KeyId))?;
        if let Some(prefix) = &file.prefix {
            check(prefix, is_prefix, |prefix| at(prefix, BucketFault::Prefix))?;
        }
        if let Some(ca) = &file.ca {
            check(ca, |path| path.starts_with('/'), |ca| at(ca, BucketFault::Relative))?;
        }
        Ok(Self {
            host,
            port,
            tls,
            region: file.region.into_inner(),
            bucket: file.bucket.into_inner(),
            prefix: file.prefix.map(Spanned::into_inner).unwrap_or_default(),
            access_key_id: file.access_key_id.into_inner(),
            ca: file.ca.map_or_else(|| CA.into(), |path| path.into_inner().into()),
        })
    }

    /// The server's address, as requests name it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let (scheme, usual) = if self.tls { ("https", 443) } else { ("http", 80) };
        let is_v6 = self.host.contains(':');
        let host = if is_v6 { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == usual {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{}", self.port)
        }
    }

    /// Whether two files mean the same objects.
    #[must_use]
    pub fn is_same_place(&self, other: &Self) -> bool {
        let place = |of: &Self| (of.endpoint(), of.bucket.clone(), of.prefix.clone());
        place(self) == place(other)
    }
}

/// As people know it.
impl std::fmt::Display for BucketSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.endpoint(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

fn check<E>(
    value: &Spanned<String>,
    good: fn(&str) -> bool,
    fault: impl FnOnce(&Spanned<String>) -> E,
) -> Result<(), E> {
    if good(value.get_ref()) { Ok(()) } else { Err(fault(value)) }
}

fn endpoint(text: &str) -> Option<(bool, String, u16)> {
    let uri: Uri = text.parse().ok()?;
    let tls = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let authority = uri.authority()?;
    let has_more = !uri.path().trim_end_matches('/').is_empty() || uri.query().is_some();
    if has_more || authority.as_str().contains('@') || authority.host().is_empty() {
        return None;
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let port = match authority.port() {
        Some(port) => port.as_str().parse().ok()?,
        None if tls => 443,
        None => 80,
    };
    (port != 0).then_some((tls, host, port))
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn is_word(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_TEXT).contains(&text.len()) && text.bytes().all(good)
}

fn is_bucket(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    (3..=63).contains(&text.len()) && text.bytes().all(good) && !text.contains("..")
}

fn is_prefix(text: &str) -> bool {
    let good = |part: &str| is_word(part) && part != "." && part != "..";
    text.len() <= MAX_TEXT && text.split('/').all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(endpoint: &str, more: &str) -> String {
        format!(
            "version = 1\nendpoint = \"{endpoint}\"\nregion = \"garage\"\nbucket = \"hanare-work\"\naccess_key_id = \"GK1\"\n{more}"
        )
    }

    #[test]
    fn a_file_is_read_and_says_where_it_leads() {
        let read = |endpoint, more| BucketSettings::read(&text(endpoint, more)).unwrap();
        let plain = read("https://S3.example.jp", "");
        assert_eq!((plain.host.as_str(), plain.port, plain.tls), ("s3.example.jp", 443, true));
        assert_eq!(plain.to_string(), "https://s3.example.jp/hanare-work");
        assert_eq!(plain.ca.to_str(), Some(CA));
        let other =
            read("https://[2001:db8::1]:3900/", "prefix = \"hq/kofu\"\nca = \"/etc/hanare/ca.pem\"\n");
        assert_eq!((other.host.as_str(), other.port), ("2001:db8::1", 3900));
        assert_eq!(other.to_string(), "https://[2001:db8::1]:3900/hanare-work/hq/kofu");
        assert!(!plain.is_same_place(&other) && plain.is_same_place(&plain.clone()));
        for here in ["http://localhost:3900", "http://127.0.0.1", "http://[::1]:3900"] {
            assert!(!read(here, "").tls);
        }
        assert!(!read("http://10.0.0.7:3900", "allow_http = true\n").tls);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let refused = |text: String| {
            let error = BucketSettings::read(&text).unwrap_err();
            (error.position.line, error.fault)
        };
        for bad in
            ["s3.example.jp", "ftp://s3.example.jp", "https://s3/bucket", "https://a@s3", "https://s3:0"]
        {
            assert_eq!(refused(text(bad, "")), (2, BucketFault::Endpoint(bad.to_owned())), "{bad}");
        }
        let plain = "http://s3.example.jp".to_owned();
        assert_eq!(refused(text(&plain, "")), (2, BucketFault::Plain(plain)));
        for bad in ["/", "a//b", "../x", "a/../b", "名"] {
            let more = format!("prefix = \"{bad}\"\n");
            assert_eq!(refused(text("https://s3", &more)), (6, BucketFault::Prefix(bad.to_owned())));
        }
        let more = "ca = \"ca.pem\"\n";
        assert_eq!(refused(text("https://s3", more)), (6, BucketFault::Relative("ca.pem".to_owned())));
        // A secret has no place here, whatever it is called.
        let (line, fault) = refused(text("https://s3", "secret_access_key = \"x\"\n"));
        assert!(line == 6 && matches!(fault, BucketFault::Form(_)), "{fault:?}");
        let newer = "version = 2\nwhat = \"nobody knows yet\"\n".to_owned();
        assert_eq!(refused(newer), (1, BucketFault::Version(2)));
        let bucket = text("https://s3", "").replace("hanare-work", "Work");
        assert_eq!(refused(bucket), (4, BucketFault::Name("Work".to_owned())));
    }
}
