//! What a table looks like to nft, so that what somebody else changed in it is seen.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;

use super::{Family, list};
use crate::error::HostError;

/// The looks of one or several tables: how many objects, and a digest of all they say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Looks {
    objects: usize,
    digest: DefaultHasher,
}

impl Looks {
    /// Adds a table; one that is not there adds nothing. `edit` takes away what may change without a change of meaning, and
    /// says whether the object counts at all; handles and counters are taken away already.
    pub(crate) fn add(
        &mut self,
        family: Family,
        table: &str,
        mut edit: impl FnMut(&mut Value) -> bool,
    ) -> Result<(), HostError> {
        for mut object in list(family, table)?.unwrap_or_default() {
            if object.get("metainfo").is_some() {
                continue;
            }
            forget(&mut object);
            if edit(&mut object) {
                self.objects += 1;
                object.to_string().hash(&mut self.digest);
            }
        }
        Ok(())
    }

    /// How many tables, chains, sets and rules there are.
    pub(crate) const fn objects(&self) -> usize {
        self.objects
    }
}

impl PartialEq for Looks {
    fn eq(&self, other: &Self) -> bool {
        (self.objects, self.digest.finish()) == (other.objects, other.digest.finish())
    }
}

/// Takes away what changes by itself.
fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("handle");
            if fields.contains_key("counter") {
                fields.insert("counter".to_owned(), Value::Null);
            }
            fields.values_mut().for_each(forget);
        }
        Value::Array(values) => values.iter_mut().for_each(forget),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
