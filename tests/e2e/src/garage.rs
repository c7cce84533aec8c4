//! A real S3 server on a machine of its own: Debian has none, so it is Garage from the registry, below `target/tools`.

use std::path::PathBuf;
use std::time::Duration;

use hanare_lab::{Daemon, Error, Host, Output, Result, until};

/// Longest time until it answers.
const START: Duration = Duration::from_mins(1);
const QUICK: Duration = Duration::from_secs(20);
const PORT: u16 = 3900;

/// A running server with one bucket and one key.
#[derive(Debug)]
pub struct Garage {
    /// Where it runs.
    pub host: Host,
    /// Its process.
    pub daemon: Daemon,
    address: String,
    starts: u32,
}

impl Garage {
    /// The bucket.
    pub const BUCKET: &'static str = "hanare-work";
    /// The region that it says it is.
    pub const REGION: &'static str = "garage";
    /// The key's id.
    pub const KEY_ID: &'static str = "GK0123456789abcdef01234567";
    /// The key's secret.
    pub const SECRET: &'static str = "5ec0de5ec0de5ec0de5ec0de5ec0de5ec0de5ec0de5ec0de5ec0de5ec0de0001";

    /// Makes it on `host`, which has this address.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn open(host: &Host, address: &str) -> Result<Self> {
        let folder = host.directory().join("garage");
        let failed = |source| Error::Path { path: folder.clone(), source };
        std::fs::create_dir(&folder).map_err(failed)?;
        let at = |name: &str| folder.join(name).display().to_string();
        // Bit for bit what it is given, so that a search for what must not be there finds it.
        let text = format!(
            "metadata_dir = \"{}\"\ndata_dir = \"{}\"\ndb_engine = \"sqlite\"\nreplication_factor = 1\n\
             metadata_fsync = true\ndata_fsync = true\ncompression_level = \"none\"\n\
             rpc_bind_addr = \"127.0.0.1:3901\"\nrpc_public_addr = \"127.0.0.1:3901\"\nrpc_secret = \"{}\"\n\
             [s3_api]\ns3_region = \"{}\"\napi_bind_addr = \"{address}:{PORT}\"\n",
            at("meta"),
            at("data"),
            "07".repeat(32),
            Self::REGION,
        );
        std::fs::write(folder.join("garage.toml"), text).map_err(failed)?;
        let daemon = start(host, 0)?;
        let garage = Self { host: host.clone(), daemon, address: address.to_owned(), starts: 0 };
        garage.until_it_answers()?;
        Ok(garage)
    }

    /// Starts it again after it was killed.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn start_again(&mut self) -> Result<()> {
        self.starts += 1;
        self.daemon = start(&self.host, self.starts)?;
        self.until_it_answers()
    }

    /// Its own folder: all that it keeps.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.host.directory().join("garage")
    }

    /// One request of curl's, as the key's owner.
    ///
    /// # Errors
    /// If curl cannot be started.
    pub fn curl(&self, method: &str, path: &str) -> Result<Output> {
        let user = format!("{}:{}", Self::KEY_ID, Self::SECRET);
        let url = format!("http://{}:{PORT}/{}{path}", self.address, Self::BUCKET);
        let sign = format!("aws:amz:{}:s3", Self::REGION);
        let words = ["-sS", "--fail-with-body", "-X", method, "--aws-sigv4", &sign, "--user", &user];
        // SHA-256 of nothing.
        let empty = "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        self.host.run("curl", [&words[..], &["-H", empty, &url]].concat(), "", QUICK)
    }

    fn until_it_answers(&self) -> Result<()> {
        let answers = || self.curl("GET", "?list-type=2").is_ok_and(|output| output.good());
        until("an answer of garage", START, answers).map(drop).map_err(|error| {
            let why = format!("{:?}\n{}", self.curl("GET", "?list-type=2"), self.daemon.said());
            Error::Content { what: error.to_string(), why }
        })
    }
}

fn start(host: &Host, number: u32) -> Result<Daemon> {
    let mut command = host.command(program()?);
    command.arg("-c").arg(host.directory().join("garage/garage.toml"));
    command.args(["server", "--single-node", "--default-bucket"]);
    command.env("GARAGE_DEFAULT_ACCESS_KEY", Garage::KEY_ID);
    command.env("GARAGE_DEFAULT_SECRET_KEY", Garage::SECRET);
    command.env("GARAGE_DEFAULT_BUCKET", Garage::BUCKET);
    host.spawn(&format!("garage-{number}"), &mut command)
}

/// `cargo xtask test --long` puts it below `target/tools`, which lies above every test binary.
fn program() -> Result<PathBuf> {
    let current = std::env::current_exe().unwrap_or_default();
    let beside = current.ancestors().map(|directory| directory.join("tools/bin/garage"));
    beside.into_iter().find(|path| path.is_file()).ok_or_else(|| Error::Missing {
        programs: "garage".to_owned(),
        line: "cargo install --locked garage --version 2.5.0 --debug --no-default-features \
               --features bundled-libs,sqlite --root target/tools"
            .to_owned(),
    })
}
