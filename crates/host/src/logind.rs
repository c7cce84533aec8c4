//! systemd-logind over D-Bus: a shutdown that waits for work to end, a person who has logged out, a screen to be locked.

use std::os::fd::OwnedFd as StandardFd;
use std::time::Duration;

use futures_util::StreamExt as _;
use zbus::{
    Connection, DynamicType, MatchRule, Message, MessageStream, OwnedFd, OwnedObjectPath, OwnedVariant,
};

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const USER: &str = "org.freedesktop.login1.User";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const SOCKET: &str = "/run/dbus/system_bus_socket";
const PATIENCE: Duration = Duration::from_secs(3);

/// The connection to the log-in manager of this machine.
#[derive(Debug)]
pub struct Logind {
    bus: Connection,
    signals: MessageStream,
}

/// What the log-in manager tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The machine is about to go down, and waits for whoever holds it.
    GoingDown,
    /// It stays.
    Stays,
    /// Sessions came or went.
    Sessions,
}

/// What is to be held, and how long it may be.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "held until it is dropped")] StandardFd);

impl Logind {
    /// Connects, and begins to listen.
    ///
    /// # Errors
    /// Where there is no bus, or it does not answer in time.
    pub async fn connect() -> zbus::Result<Self> {
        if !std::path::Path::new(SOCKET).exists() {
            return Err(zbus::Error::Unsupported);
        }
        within(async {
            let bus = Connection::system().await?;
            let rule = MatchRule::builder()
                .msg_type(zbus::message::Type::Signal)
                .sender(NAME)
                .interface(MANAGER)
                .build()?;
            let signals = MessageStream::for_match_rule(rule, &bus, None).await?;
            Ok(Self { bus, signals })
        })
        .await
    }

    /// Makes a shutdown wait, for as long as `InhibitDelayMaxSec` allows; dropping it lets go.
    ///
    /// # Errors
    /// What the log-in manager says.
    pub async fn hold(&self, why: &str) -> zbus::Result<Hold> {
        let what = ("shutdown", "hanare", why, "delay");
        let reply = self.ask(PATH, MANAGER, "Inhibit", &what).await?;
        let fd: OwnedFd = reply.body().deserialize()?;
        Ok(Hold(fd.into()))
    }

    /// Waits for the next word; `None` when the bus is gone.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            let message = self.signals.next().await?.ok()?;
            let header = message.header();
            let member = header.member().map(ToString::to_string).unwrap_or_default();
            match member.as_str() {
                "PrepareForShutdown" => {
                    let starts = message.body().deserialize::<bool>().unwrap_or(true);
                    return Some(if starts { Told::GoingDown } else { Told::Stays });
                }
                "SessionNew" | "SessionRemoved" | "UserNew" | "UserRemoved" => return Some(Told::Sessions),
                _ => {}
            }
        }
    }

    /// Whether a user has a session that has not been logged out of.
    ///
    /// # Errors
    /// What the bus says; a user whom the log-in manager does not know has none.
    pub async fn is_logged_in(&self, uid: u32) -> zbus::Result<bool> {
        let path: OwnedObjectPath = match self.ask(PATH, MANAGER, "GetUser", &uid).await {
            Ok(reply) => reply.body().deserialize()?,
            Err(zbus::Error::MethodError(..)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let reply = match self.ask(path.as_str(), PROPERTIES, "Get", &(USER, "State")).await {
            Ok(reply) => reply,
            Err(zbus::Error::MethodError(..)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let state: OwnedVariant = reply.body().deserialize()?;
        let state = String::try_from(state).unwrap_or_default();
        Ok(["active", "online", "opening"].contains(&state.as_str()))
    }

    async fn ask<B>(&self, path: &str, interface: &str, method: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + DynamicType + Sync,
    {
        within(self.bus.call_method(Some(NAME), path, Some(interface), method, body)).await
    }
}

/// Whether systemd is on its way to turn this machine off: what is stopped then is not merely started anew.
pub async fn machine_is_stopping() -> bool {
    if !std::path::Path::new(SOCKET).exists() {
        return false;
    }
    let asked = within(async {
        let bus = Connection::system().await?;
        let about = ("org.freedesktop.systemd1.Manager", "SystemState");
        let path = "/org/freedesktop/systemd1";
        let reply =
            bus.call_method(Some("org.freedesktop.systemd1"), path, Some(PROPERTIES), "Get", &about).await?;
        let state: OwnedVariant = reply.body().deserialize()?;
        Ok(String::try_from(state).unwrap_or_default())
    });
    asked.await.is_ok_and(|state| state == "stopping")
}

async fn within<T>(work: impl Future<Output = zbus::Result<T>>) -> zbus::Result<T> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(zbus::Error::InputOutput(std::sync::Arc::new(std::io::ErrorKind::TimedOut.into()))),
    }
}
