//! One record: what happened, who did it, to what, and its place in the chain.

use std::fmt;
use std::str::FromStr;

use hanare_model::Timestamp;
use ring::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The longest line that a record may become, in bytes: a verifier may bound its buffer by it.
pub const MAX_LINE: usize = 64 * 1024;
/// What the signed bytes of every record begin with, so that no other document of the same key can stand in for a record.
const CONTEXT: &[u8] = b"hanare-ledger-record/1\n";

/// A SHA-256 hash; 64 lower-case hexadecimal digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first record of a chain has as `prev`.
    pub const GENESIS: Self = Self([0; 32]);

    /// Hashes one record's line, given without its newline.
    #[must_use]
    pub fn of(line: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, line).as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = hex::FromHexError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a chain ends: the last record's number and hash. An auditor who takes it home can demand that a later chain extends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Number of the last record; 0 for an empty chain.
    pub seq: u64,
    /// Its hash; [`Hash::GENESIS`] for an empty chain.
    pub hash: Hash,
}

impl Head {
    /// The head of an empty chain.
    pub const GENESIS: Self = Self { seq: 0, hash: Hash::GENESIS };
}

impl Default for Head {
    fn default() -> Self {
        Self::GENESIS
    }
}

/// What is to be recorded. Holds no secret and no file name of anybody's work: the ledger is read by auditors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, by the writer's clock.
    pub at: Timestamp,
    /// Who: an account (`uid 0`), a node's name, an address, or `hq` itself.
    pub actor: String,
    /// What kind of act, such as `node.revoked`.
    pub kind: String,
    /// To what: the id of a room, a node, an invite.
    pub subject: String,
    /// Details: an object of strings, whole numbers, booleans, lists and objects.
    pub data: Value,
}

/// Why an entry cannot become a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A fraction has more than one spelling, so its bytes would not be canonical.
    #[error("the data of ledger entry {kind:?} holds a fraction; use whole numbers")]
    Fraction {
        /// The entry's kind.
        kind: String,
    },
    /// More than [`MAX_LINE`] bytes.
    #[error("ledger entry {kind:?} would take {length} bytes, at most {MAX_LINE} are allowed")]
    TooLong {
        /// The entry's kind.
        kind: String,
        /// What it would take.
        length: usize,
    },
    /// The chain has used up its numbers.
    #[error("the ledger is full: no sequence number is left")]
    Exhausted,
}

/// One record of the chain, as it is signed. Made by [`crate::append`], read by [`crate::Verifier`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Number in the chain, from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What kind of act.
    pub kind: String,
    /// To what.
    pub subject: String,
    /// Details.
    pub data: Value,
    /// Hash of the record before; [`Hash::GENESIS`] for the first.
    pub prev: Hash,
    /// Ed25519, base64, over everything above.
    pub signature: String,
}

/// The members that the signature covers, in their order.
#[derive(Serialize)]
struct Body<'a> {
    seq: u64,
    at: Timestamp,
    actor: &'a str,
    kind: &'a str,
    subject: &'a str,
    data: &'a Value,
    prev: Hash,
}

impl Record {
    /// The record as the one line that stands for it, without the newline.
    ///
    /// # Errors
    /// Never in practice: every member has a JSON form.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads a line, and refuses every other spelling of the same record.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        if line.len() > MAX_LINE {
            return None;
        }
        let record: Self = serde_json::from_str(line).ok()?;
        let canonical = Self { data: sorted(&record.data)?, ..record };
        (canonical.line().ok()?.as_str() == line).then_some(canonical)
    }

    /// The bytes that the signature covers.
    pub(crate) fn signed_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let Self { seq, at, actor, kind, subject, data, prev, signature: _ } = self;
        let body = Body { seq: *seq, at: *at, actor, kind, subject, data, prev: *prev };
        let mut bytes = CONTEXT.to_vec();
        serde_json::to_writer(&mut bytes, &body)?;
        Ok(bytes)
    }
}

/// The same value with every object's members in order, whatever map `serde_json` was built with; `None` for a fraction.
pub(crate) fn sorted(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
        Value::Number(number) => {
            if number.is_f64() {
                return None;
            }
            value.clone()
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect::<Option<_>>()?),
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort();
            let mut out = serde_json::Map::new();
            for key in keys {
                out.insert(key.clone(), sorted(members.get(key)?)?);
            }
            Value::Object(out)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_has_one_spelling() {
        let record = Record {
            seq: 1,
            at: Timestamp::from_seconds(0),
            actor: "uid 0".to_owned(),
            kind: "room.added".to_owned(),
            subject: "kofu/306".to_owned(),
            data: json!({"a": 1, "b": "甲府"}),
            prev: Hash::GENESIS,
            signature: "AA==".to_owned(),
        };
        let line = record.line().unwrap();
        assert_eq!(Record::parse(&line), Some(record));
        assert_eq!(Record::parse(&line.replace("\"seq\":1", "\"seq\": 1")), None);
        assert_eq!(
            Record::parse(&line.replace("{\"a\":1,\"b\":\"甲府\"}", "{\"b\":\"甲府\",\"a\":1}")),
            None
        );
        assert_eq!(Record::parse(&line.replace("甲", "\\u7532")), None);
        assert_eq!(Record::parse(&line.replace("\"a\":1", "\"a\":1.0")), None);
        assert_eq!(Record::parse(&format!("{line} ")), None);
    }
}
