//! A whole headquarters on loopback: what admins and devices see of it.

mod admins;
mod claims;
mod closing;
mod device;
mod enrolment;
mod handover;
mod holding;
mod leaving;
mod lockout;
mod lost;
mod overtime;
mod pages;
mod persons;
mod places;
mod receipts;
mod records;
mod refusals;
mod sealed;
mod sheet;
mod taking;
mod work;

use std::path::PathBuf;

use hanare_model::invite::Invite;

use crate::admin::{Client, CompanyAdd, InviteMake, RoomAdd};
use crate::{InitOptions, ServeOptions, Server, init};

/// A headquarters in directories of its own.
struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    async fn new() -> Self {
        let home = Self { directory: tempfile::tempdir().unwrap() };
        init(home.init_options()).await.unwrap();
        home
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn runtime(&self) -> PathBuf {
        self.directory.path().join("run")
    }

    fn init_options(&self) -> InitOptions {
        InitOptions {
            state: self.state(),
            company: "acme".parse().unwrap(),
            endpoints: vec!["192.0.2.1:51820".parse().unwrap(), "hq.example.jp:51820".parse().unwrap()],
            overlay: None,
            overlay6: None,
            networks: vec!["192.168.10.0/24".parse().unwrap()],
            internet: hanare_model::Internet::None,
            dns: Vec::new(),
            uid: 0,
        }
    }

    async fn serve(&self) -> Server {
        Server::start(self.serve_options()).await.unwrap()
    }

    fn serve_options(&self) -> ServeOptions {
        ServeOptions {
            state: self.state(),
            runtime: self.runtime(),
            listen: "127.0.0.1:51820".parse().unwrap(),
            api: "127.0.0.1:0".parse().unwrap(),
            interface: "hnhq0".to_owned(),
            credentials: None,
            bucket: None,
        }
    }

    fn admin(&self) -> Client {
        Client::new(&self.runtime())
    }
}

/// Two companies with a room each, `kofu/306` of acme and `gujo/1` of beta.
async fn rooms(admin: &Client) {
    admin.call(CompanyAdd { id: "beta".parse().unwrap(), name: None }).await.unwrap();
    for (room, company) in [("kofu/306", "acme"), ("gujo/1", "beta")] {
        let (id, company) = (room.parse().unwrap(), company.parse().unwrap());
        admin.call(RoomAdd { id, company, prefix: None }).await.unwrap();
    }
}

async fn invite(admin: &Client, room: &str, name: &str, seconds: u64) -> Invite {
    let ask = InviteMake {
        room: room.parse().unwrap(),
        kind: hanare_model::NodeKind::Endpoint,
        name: Some(name.parse().unwrap()),
        expires_seconds: seconds,
        sheet: false,
    };
    Invite::parse(&admin.call(ask).await.unwrap().text).unwrap()
}
