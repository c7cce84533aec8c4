//! Paths of work files: relative, below one person's work, and whatever bytes Linux lets a name have.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest path in bytes (`PATH_MAX` without its zero byte).
pub const MAX_PATH_LEN: usize = 4095;
/// The longest name in bytes (`NAME_MAX`).
pub const MAX_NAME_LEN: usize = 255;

/// Why bytes are not a work file's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing was given.
    #[error("a path must not be empty")]
    Empty,
    /// More than [`MAX_PATH_LEN`] bytes, or a name of more than [`MAX_NAME_LEN`].
    #[error("a path has at most {MAX_PATH_LEN} bytes and a name in it at most {MAX_NAME_LEN}")]
    TooLong,
    /// It begins with `/`, has an empty part, `.`, `..` or a zero byte.
    #[error("a path is relative and names every step, without . and ..")]
    Steps,
}

/// A file's path below a person's work. Names are bytes: NFC and NFD, `:` and names that are no UTF-8 stay what they are.
/// In JSON a text, or an array of bytes where it is no UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkPath(Box<[u8]>);

impl WorkPath {
    /// Checks and takes a path.
    ///
    /// # Errors
    /// [`PathError`] for what could lead outside or could not exist.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Result<Self, PathError> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Err(PathError::Empty);
        }
        if bytes.len() > MAX_PATH_LEN {
            return Err(PathError::TooLong);
        }
        for name in bytes.split(|byte| *byte == b'/') {
            if name.len() > MAX_NAME_LEN {
                return Err(PathError::TooLong);
            }
            if name.is_empty() || name == b"." || name == b".." || name.contains(&0) {
                return Err(PathError::Steps);
            }
        }
        Ok(Self(bytes))
    }

    /// The path's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path for the file system.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// Whether this is `folder`, or something in it.
    #[must_use]
    pub fn is_in(&self, folder: &Self) -> bool {
        self.0.strip_prefix(&*folder.0).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }

    /// The path from `folder` on; `None` for `folder` itself and for what is not in it.
    #[must_use]
    pub fn below(&self, folder: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(&*folder.0)?.strip_prefix(b"/")?;
        Self::new(rest).ok()
    }

    /// The last name of it.
    #[must_use]
    pub fn name(&self) -> Self {
        let start = self.0.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        Self(self.0.get(start..).unwrap_or_default().into())
    }

    /// The path of a second version beside this one: `NAME (conflict PERSON TIME)`, before the name's ending. A name that
    /// would be too long loses bytes of its own, never in the middle of a character; where the folder leaves no room for it,
    /// it lies in the nearest folder above that does.
    #[must_use]
    pub fn conflict(&self, person: &str, time: &str) -> Self {
        self.marked(&format!(" (conflict {person} {time})"))
    }

    /// The path of an older version beside this one: `NAME (TIME)`, in the same way.
    #[must_use]
    pub fn as_of(&self, time: &str) -> Self {
        self.marked(&format!(" ({time})"))
    }

    fn marked(&self, mark: &str) -> Self {
        let start = self.0.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let (mut folder, name) = self.0.split_at(start);
        // A dot at the beginning makes a hidden file, not an ending.
        let dot = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0).unwrap_or(name.len());
        let (stem, ending) = name.split_at(dot);
        while !folder.is_empty() && folder.len() + mark.len() > MAX_PATH_LEN {
            let above = folder.get(..folder.len() - 1).unwrap_or_default();
            let end = above.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
            folder = above.get(..end).unwrap_or_default();
        }
        let room = MAX_NAME_LEN.min(MAX_PATH_LEN - folder.len()).saturating_sub(mark.len());
        let ending = if ending.len() < room { ending } else { &[] };
        let mut len = stem.len().min(room.saturating_sub(ending.len()));
        while len < stem.len() && len > 0 && stem.get(len).is_some_and(|byte| byte & 0xc0 == 0x80) {
            len -= 1;
        }
        let stem = stem.get(..len).unwrap_or_default();
        Self([folder, stem, mark.as_bytes(), ending].concat().into())
    }
}

impl fmt::Debug for WorkPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name of somebody's work has no place in a log.
        write!(f, "WorkPath({} bytes)", self.0.len())
    }
}

impl Serialize for WorkPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::text_or_bytes::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for WorkPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(crate::text_or_bytes::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(bytes: &[u8]) -> WorkPath {
        WorkPath::new(bytes).unwrap()
    }

    #[test]
    fn nothing_that_leads_outside_is_a_path() {
        for bad in ["", "/etc/passwd", "a//b", "a/", "./a", "a/..", "../a", "a\0b"] {
            assert!(WorkPath::new(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert_eq!(WorkPath::new(vec![b'x'; 256]), Err(PathError::TooLong));
        assert_eq!(WorkPath::new(vec![b'/'; 5000]), Err(PathError::TooLong));
        for good in ["a", "見積/第1版.xlsx", "...", "a:b", "🍣", "..a"] {
            assert!(WorkPath::new(good.as_bytes()).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn what_is_in_a_folder_is_told_by_whole_names() {
        let (folder, file) = (path("見積".as_bytes()), path("見積/a".as_bytes()));
        assert!(file.is_in(&folder) && folder.is_in(&folder) && !folder.is_in(&file));
        assert!(!path("見積書".as_bytes()).is_in(&folder));
        assert_eq!(file.below(&folder), Some(path(b"a")));
        assert_eq!((folder.below(&folder), path("見積書".as_bytes()).below(&folder)), (None, None));
    }

    #[test]
    fn a_conflict_keeps_folder_and_ending() {
        let at = "2026-11-26T05:04:03Z";
        let named = |from: &[u8]| path(from).conflict("hanako", at).as_bytes().to_vec();
        assert_eq!(named(b"a/b.tar.gz"), b"a/b.tar (conflict hanako 2026-11-26T05:04:03Z).gz");
        assert_eq!(named(b".profile"), b".profile (conflict hanako 2026-11-26T05:04:03Z)");
        assert_eq!(path(b"a/b.txt").as_of(at), path(b"a/b (2026-11-26T05:04:03Z).txt"));
        let long = format!("{}.xlsx", "見".repeat(83));
        let conflict = named(long.as_bytes());
        assert!(conflict.len() <= MAX_NAME_LEN && conflict.ends_with(b".xlsx"));
        assert!(std::str::from_utf8(&conflict).is_ok());
    }

    #[test]
    fn a_conflict_in_a_folder_without_room_lies_above_it() {
        let deep = format!("{}{}/x.txt", "d/".repeat(1990), "e".repeat(80));
        let conflict = path(deep.as_bytes()).conflict("hanako", "2026-11-26T05:04:03Z");
        let expected = format!("{}x (conflict hanako 2026-11-26T05:04:03Z).txt", "d/".repeat(1990));
        assert!(conflict.as_bytes() == expected.as_bytes(), "{}", conflict.as_bytes().len());
    }

    proptest! {
        #[test]
        fn a_conflict_is_a_path_however_long_its_file_s_is(
            names in proptest::collection::vec("[a-zé.]{1,120}", 1..40),
            cut in 1..=MAX_PATH_LEN,
        ) {
            let bytes = names.join("/").into_bytes();
            let bytes = bytes.repeat(MAX_PATH_LEN.div_ceil(bytes.len()));
            if let Ok(path) = WorkPath::new(&bytes[..cut.min(bytes.len())]) {
                let conflict = path.conflict("taro", "2026-11-26T05:04:03Z");
                prop_assert!(WorkPath::new(conflict.as_bytes()).is_ok(), "{} of {}", conflict.as_bytes().len(), cut);
            }
        }

        #[test]
        fn json_keeps_every_byte(bytes in proptest::collection::vec(1u8..=255, 1..40)) {
            if let Ok(path) = WorkPath::new(bytes) {
                let text = serde_json::to_string(&path).unwrap();
                prop_assert_eq!(&serde_json::from_str::<WorkPath>(&text).unwrap(), &path);
                let conflict = path.conflict("taro", "2026-11-26T05:04:03Z");
                prop_assert!(WorkPath::new(conflict.as_bytes()).is_ok());
            }
        }
    }
}
