//! Names that people give to companies, persons, offices, rooms and nodes, checked once where they enter.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest id, in bytes: an id becomes part of file names, nft comments and DNS labels (63 bytes at most).
pub const MAX_ID_LEN: usize = 48;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("an id must not be empty")]
    Empty,
    /// More than [`MAX_ID_LEN`] bytes.
    #[error("an id has at most {MAX_ID_LEN} characters, this one has {0}")]
    TooLong(usize),
    /// A character outside `a-z 0-9 -`, or a `-` at either end.
    #[error("{0:?} is not an id: a-z, 0-9 and - inside")]
    Character(String),
    /// A room is written `OFFICE/ROOM`.
    #[error("{0:?} is not a room: write OFFICE/ROOM, for example kofu/306")]
    Room(String),
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_LEN {
        return Err(IdError::TooLong(text.len()));
    }
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.bytes().all(good) || text.starts_with('-') || text.ends_with('-') {
        return Err(IdError::Character(text.to_owned()));
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                check(&text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A tenant.
    CompanyId
}
id! {
    /// A satellite office building, such as `kofu`.
    OfficeId
}
id! {
    /// An employee; unique within one headquarters.
    PersonId
}
id! {
    /// Anything with a `WireGuard` key; unique within one headquarters.
    NodeName
}

/// A partition of an office leased to one company, written `OFFICE/ROOM`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomId {
    office: OfficeId,
    room: String,
}

impl RoomId {
    /// The building that the room is in.
    #[must_use]
    pub fn office(&self) -> &OfficeId {
        &self.office
    }

    /// The room's name inside its office.
    #[must_use]
    pub fn room(&self) -> &str {
        &self.room
    }
}

impl FromStr for RoomId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (office, room) = text.split_once('/').ok_or_else(|| IdError::Room(text.to_owned()))?;
        check(room)?;
        Ok(Self { office: office.parse()?, room: room.to_owned() })
    }
}

impl TryFrom<String> for RoomId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<RoomId> for String {
    fn from(id: RoomId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.office, self.room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_an_office_and_a_room() {
        let room: RoomId = "kofu/306".parse().unwrap();
        assert_eq!((room.office().as_str(), room.room()), ("kofu", "306"));
        assert_eq!(room.to_string(), "kofu/306");
        assert!("kofu".parse::<RoomId>().is_err());
        assert!("kofu/30/6".parse::<RoomId>().is_err());
    }

    #[test]
    fn an_id_cannot_smuggle_anything() {
        for bad in ["", "-a", "a-", "A", "a b", "a\n", "甲府", "../x", "a;b"] {
            assert!(bad.parse::<CompanyId>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(MAX_ID_LEN + 1).parse::<NodeName>().is_err());
        assert!("a".repeat(MAX_ID_LEN).parse::<NodeName>().is_ok());
    }
}
