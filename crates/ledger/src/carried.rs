//! A node's own records on their way to headquarters' ledger: what is sent, and what headquarters takes of it.

use hanare_model::VerifyKey;
use serde::{Deserialize, Serialize};

use crate::record::{Head, Record};
use crate::verify::{Fault, Verifier};

/// The most records in one request.
pub const MAX_RECORDS: usize = 16;
/// The longest of a node's own records: a reason and a program's name, 200 characters each, take less than half of it.
pub const MAX_RECORD: usize = 4 * 1024;

/// `POST /v1/records`: what follows in the node's own chain. Without lines it only asks where headquarters stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeRecords {
    /// Where the node takes headquarters to stand.
    pub after: Head,
    /// `after` is not where headquarters stands. From [`Head::GENESIS`]: the node's chain does not hold what headquarters has of
    /// it, as its state was put back, and it sends all that it has. From further on: what is between cannot be read any more.
    pub anew: bool,
    /// Its records' lines, oldest first, at most [`MAX_RECORDS`] of at most [`MAX_RECORD`] bytes.
    pub lines: Vec<String>,
}

/// Where headquarters stands in the node's chain now: what follows is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsTaken {
    /// The last record that headquarters holds.
    pub head: Head,
}

/// A record with the line that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// What it says.
    pub record: Record,
    /// Byte for byte.
    pub line: String,
}

impl NodeRecords {
    /// Asks where headquarters stands.
    #[must_use]
    pub const fn question() -> Self {
        Self { after: Head::GENESIS, anew: false, lines: Vec::new() }
    }

    /// What is new to whoever holds the chain up to `held`, and where they stand then. A request that was sent again because its
    /// answer was lost brings nothing.
    ///
    /// # Errors
    /// The first [`Fault`]; then nothing is taken. [`Fault::Sequence`] for what begins anew in the middle of what is held.
    pub fn take(&self, held: Head, key: VerifyKey) -> Result<(Vec<Carried>, Head), Fault> {
        if self.lines.len() > MAX_RECORDS || self.lines.iter().any(|line| line.len() > MAX_RECORD) {
            return Err(Fault::Form);
        }
        if self.lines.is_empty() || (self.after != held && !self.anew) {
            return Ok((Vec::new(), held));
        }
        if self.after != held && self.after != Head::GENESIS && self.after.seq <= held.seq {
            return Err(Fault::Sequence);
        }
        let mut verifier = Verifier::after(self.after, key);
        let mut taken = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            taken.push(Carried { record: verifier.accept(line)?, line: line.clone() });
        }
        Ok((taken, verifier.head()))
    }
}

#[cfg(test)]
mod tests {
    use hanare_model::{SigningKey, Timestamp};

    use super::*;
    use crate::{Chain, Entry};

    fn chain(reasons: &[&str], key: &SigningKey) -> (Vec<String>, Vec<Head>) {
        let mut chain = Chain::default();
        let mut heads = vec![chain.head()];
        let lines = reasons.iter().map(|reason| {
            let entry = Entry {
                at: Timestamp::from_seconds(0),
                actor: "uid 1000".to_owned(),
                kind: "kill-switch.unlock".to_owned(),
                subject: "pc-1".to_owned(),
                data: serde_json::json!({ "reason": reason }),
            };
            let line = chain.append(entry, key).unwrap().line;
            heads.push(chain.head());
            line
        });
        let lines = lines.collect();
        (lines, heads)
    }

    fn sent(after: Head, lines: &[String]) -> NodeRecords {
        NodeRecords { after, anew: false, lines: lines.to_vec() }
    }

    #[test]
    fn what_follows_is_taken_once_and_nothing_else_is() {
        let key = SigningKey::from_seed([7; 32]);
        let (lines, heads) = chain(&["a", "b", "c"], &key);
        let public = key.verify_key();
        assert_eq!(NodeRecords::question().take(heads[2], public), Ok((Vec::new(), heads[2])));
        let (first, held) = sent(heads[0], &lines[..2]).take(Head::GENESIS, public).unwrap();
        assert_eq!((first.len(), held), (2, heads[2]));
        assert_eq!(first[1].line, lines[1]);
        // The answer was lost.
        assert_eq!(sent(heads[0], &lines[..2]).take(held, public), Ok((Vec::new(), heads[2])));
        let (third, held) = sent(heads[2], &lines[2..]).take(held, public).unwrap();
        assert_eq!((third[0].record.data["reason"].as_str(), held), (Some("c"), heads[3]));

        let changed = lines[2].replace("\"c\"", "\"d\"");
        assert_eq!(sent(heads[2], &[changed]).take(heads[2], public), Err(Fault::Signature));
        let (others, _) = chain(&["a"], &SigningKey::from_seed([8; 32]));
        assert_eq!(sent(heads[0], &others).take(heads[0], public), Err(Fault::Signature));
        assert_eq!(sent(heads[0], &lines[1..]).take(heads[0], public), Err(Fault::Sequence));
        assert_eq!(sent(heads[0], &vec![lines[0].clone(); 17]).take(heads[0], public), Err(Fault::Form));
        let (long, _) = chain(&[&"x".repeat(MAX_RECORD)], &key);
        assert_eq!(sent(heads[0], &long).take(heads[0], public), Err(Fault::Form));
    }

    #[test]
    fn a_chain_that_was_put_back_begins_anew_when_the_node_says_so() {
        let key = SigningKey::from_seed([7; 32]);
        let (_, earlier) = chain(&["a", "b", "c"], &key);
        let (lines, heads) = chain(&["a", "other"], &key);
        let told = sent(Head::GENESIS, &lines);
        assert_eq!(told.take(earlier[3], key.verify_key()), Ok((Vec::new(), earlier[3])));
        let (new, head) = NodeRecords { anew: true, ..told }.take(earlier[3], key.verify_key()).unwrap();
        assert_eq!((new.len(), head), (2, heads[2]));
    }

    #[test]
    fn what_cannot_be_read_is_passed_over_and_nothing_is_taken_again() {
        let key = SigningKey::from_seed([7; 32]);
        let (lines, heads) = chain(&["a", "b", "c", "d"], &key);
        let behind = NodeRecords { anew: true, ..sent(heads[2], &lines[2..]) };
        let (new, head) = behind.take(heads[1], key.verify_key()).unwrap();
        assert_eq!((new.len(), new[0].record.seq, head), (2, 3, heads[4]));
        // The answer was lost, and the same is said again.
        assert_eq!(behind.take(head, key.verify_key()), Err(Fault::Sequence));
    }
}
