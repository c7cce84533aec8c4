//! Canaries: what a day of work leaves on a disk, each with a mark that nothing else on the disk can have.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{XattrFlags, setxattr};

use crate::Result;

/// What a canary is hidden in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A file's contents, in every sector.
    Data,
    /// The same in UTF-16.
    Utf16,
    /// The same in base64.
    Base64,
    /// A file's name.
    Name,
    /// A directory's name.
    Folder,
    /// A name before a rename.
    OldName,
    /// The version before a new one was written beside it and renamed over it.
    OldVersion,
    /// What was cut off by a truncation, and the slack behind the new end.
    Tail,
    /// A file that was deleted before, and its name.
    Deleted,
    /// Islands in a sparse file.
    Island,
    /// An attribute in the inode.
    Attribute,
    /// An attribute in a block of its own.
    LongAttribute,
    /// The users of an access list.
    AccessList,
    /// A link's target in the inode.
    Link,
    /// A link's target in a block.
    LongLink,
    /// A file small enough to lie in its inode.
    Inline,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Data,
        Self::Utf16,
        Self::Base64,
        Self::Name,
        Self::Folder,
        Self::OldName,
        Self::OldVersion,
        Self::Tail,
        Self::Deleted,
        Self::Island,
        Self::Attribute,
        Self::LongAttribute,
        Self::AccessList,
        Self::Link,
        Self::LongLink,
        Self::Inline,
    ];

    /// The letter that stands for it in a canary.
    #[must_use]
    pub const fn letter(self) -> u8 {
        match self {
            Self::Data => b'D',
            Self::Utf16 => b'W',
            Self::Base64 => b'B',
            Self::Name => b'N',
            Self::Folder => b'P',
            Self::OldName => b'R',
            Self::OldVersion => b'O',
            Self::Tail => b'T',
            Self::Deleted => b'U',
            Self::Island => b'S',
            Self::Attribute => b'X',
            Self::LongAttribute => b'Y',
            Self::AccessList => b'A',
            Self::Link => b'L',
            Self::LongLink => b'M',
            Self::Inline => b'I',
        }
    }
}

/// What all canaries of a disk have in common: eight letters that nothing else on it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 8]);

impl Seed {
    /// Makes one from any text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let mut letters = [b'a'; 8];
        for (letter, byte) in letters.iter_mut().zip(digest.as_ref()) {
            *letter = b'a' + byte % 26;
        }
        Self(letters)
    }

    /// What stands before a canary's letter: 12 bytes, so that base64 has a form of its own for them.
    #[must_use]
    pub fn mark(self) -> Vec<u8> {
        [b"HNR-", self.0.as_slice()].concat()
    }

    /// The mark in base64.
    #[must_use]
    pub fn base64(self) -> String {
        STANDARD.encode(self.mark())
    }

    /// The mark as UTF-16 bytes.
    #[must_use]
    pub fn utf16(self) -> Vec<u8> {
        self.mark().iter().flat_map(|byte| [*byte, 0]).collect()
    }

    /// Entries of an access list for two users whose numbers are the seed's letters.
    #[must_use]
    pub fn access_list(self) -> Vec<u8> {
        let entry = |id: &[u8]| [&[2, 0, 7, 0], id].concat();
        let (first, second) = self.0.split_at(4);
        [entry(first), entry(second)].concat()
    }

    fn canary(self, kind: Kind, number: usize) -> String {
        let mark = String::from_utf8_lossy(&self.mark()).into_owned();
        format!("{mark}-{}-{number:06x}", char::from(kind.letter()))
    }
}

/// Plants canaries below a directory.
#[derive(Debug, Clone, Copy)]
pub struct Planter {
    /// Their seed.
    pub seed: Seed,
    /// Whether the file system has extended attributes, access lists and symbolic links.
    pub is_posix: bool,
}

impl Planter {
    /// A planter for a file system with everything.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self { seed, is_posix: true }
    }

    /// Plants `files` files of 4 KiB and `extra` of every other kind, and does a day's work on them.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn plant(&self, top: &Path, files: usize, extra: usize) -> Result<()> {
        self.files(top, files)?;
        let place = top.join("extra");
        fs::create_dir_all(&place)?;
        for number in 0..extra {
            self.extra(&place, number)?;
        }
        rustix::fs::syncfs(File::open(top)?)?;
        for number in 0..extra {
            self.work(&place, number)?;
        }
        rustix::fs::syncfs(File::open(top)?)?;
        Ok(())
    }

    /// Only files with a canary in every sector, a thousand in each directory.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn files(&self, top: &Path, files: usize) -> Result<()> {
        let mut place = top.to_path_buf();
        for number in 0..files {
            if number % 1000 == 0 {
                place = top.join(self.seed.canary(Kind::Folder, number));
                fs::create_dir_all(&place)?;
            }
            fs::write(place.join(self.seed.canary(Kind::Name, number)), self.body(Kind::Data, number, 4096))?;
        }
        Ok(())
    }

    /// One file with a canary in every sector.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn file(&self, path: &Path, length: usize) -> Result<()> {
        Ok(fs::write(path, self.body(Kind::Data, 0, length))?)
    }

    /// Bytes with a canary at the beginning of every sector.
    #[must_use]
    pub fn body(&self, kind: Kind, number: usize, length: usize) -> Vec<u8> {
        let canary = self.seed.canary(kind, number);
        let mut sector: Vec<u8> = format!("{canary} confidential ").into_bytes();
        while sector.len() < 512 {
            sector.extend_from_slice(b"confidential ");
        }
        sector.truncate(512);
        sector.iter().copied().cycle().take(length).collect()
    }

    fn extra(&self, place: &Path, number: usize) -> Result<()> {
        let at = |letter: &str| place.join(format!("{letter}{number}"));
        let canary = |kind| self.seed.canary(kind, number);
        let wide = format!("{} minutes of the meeting ", canary(Kind::Utf16)).repeat(20);
        fs::write(at("w"), wide.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())?;
        fs::write(at("b"), STANDARD.encode(self.body(Kind::Base64, number, 3000)))?;
        fs::write(place.join(canary(Kind::OldName)), [b'x'; 100])?;
        fs::write(at("o"), self.body(Kind::OldVersion, number, 4096))?;
        fs::write(at("t"), self.body(Kind::Tail, number, 65_536))?;
        fs::write(place.join(canary(Kind::Deleted)), self.body(Kind::Deleted, number, 4096))?;
        let mut sparse = File::create(at("s"))?;
        for island in 0..3 {
            sparse.seek(SeekFrom::Start(island << 20))?;
            sparse.write_all(&self.body(Kind::Island, number, 1024))?;
        }
        fs::write(at("i"), canary(Kind::Inline))?;
        fs::write(at("gone-i"), canary(Kind::Inline))?;
        if !self.is_posix {
            return Ok(());
        }
        // Gone before anybody erases: removed, or replaced by a new version.
        for gone in ["gone-", "old-"] {
            let path = at(gone);
            fs::write(&path, "x")?;
            setxattr(&path, "user.note", canary(Kind::Attribute).as_bytes(), XattrFlags::empty())?;
        }
        fs::write(at("gone-a"), "a")?;
        setxattr(at("gone-a"), "system.posix_acl_access", &self.list(), XattrFlags::empty())?;
        std::os::unix::fs::symlink(canary(Kind::Link), at("gone-l"))?;
        std::os::unix::fs::symlink(canary(Kind::Link), at("l"))?;
        std::os::unix::fs::symlink(format!("{}/{}", canary(Kind::LongLink), "z".repeat(120)), at("m"))?;
        for (letter, kind, padding) in [("x", Kind::Attribute, 0), ("y", Kind::LongAttribute, 700)] {
            fs::write(at(letter), letter)?;
            let value = format!("{}{}", canary(kind), ".".repeat(padding));
            setxattr(at(letter), "user.note", value.as_bytes(), XattrFlags::empty())?;
        }
        fs::write(at("a"), "a")?;
        let name = CString::new("system.posix_acl_access")?;
        setxattr(at("a"), name, &self.list(), XattrFlags::empty())?;
        Ok(())
    }

    /// An access list as the kernel takes it: version 2; owner, two users, group, mask, others.
    fn list(&self) -> Vec<u8> {
        let nobody = [0xff; 4];
        let entry = |tag: u8| [[tag, 0, 6, 0], nobody].concat();
        let users = self.seed.access_list();
        [vec![2, 0, 0, 0], entry(1), users, entry(4), entry(0x10), entry(0x20)].concat()
    }

    /// What a day leaves behind: renamed, replaced, cut off, deleted.
    fn work(&self, place: &Path, number: usize) -> Result<()> {
        let at = |letter: &str| place.join(format!("{letter}{number}"));
        fs::rename(place.join(self.seed.canary(Kind::OldName, number)), at("r"))?;
        fs::write(at("new"), b"a new version of it")?;
        fs::rename(at("new"), at("o"))?;
        File::options().write(true).open(at("t"))?.set_len(100)?;
        fs::remove_file(place.join(self.seed.canary(Kind::Deleted, number)))?;
        fs::remove_file(at("gone-i"))?;
        if self.is_posix {
            for gone in ["gone-", "gone-a", "gone-l"] {
                fs::remove_file(at(gone))?;
            }
            fs::write(at("new"), "a new version of it")?;
            fs::rename(at("new"), at("old-"))?;
        }
        Ok(())
    }
}
