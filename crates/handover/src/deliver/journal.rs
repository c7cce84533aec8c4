//! Something about each file here: in memory, and beside the files in a journal that lives as long as they do.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::tree::Tree;
use crate::path::WorkPath;

/// No line is longer: a path of 4,095 bytes, each of them escaped, and what is known of it.
const MAX_LINE: u64 = 32 * 1024;

/// All of it: about 200 bytes a file. Whoever shares it sees every change at once.
#[derive(Debug)]
pub(super) struct Journal<T>(Mutex<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    entries: BTreeMap<WorkPath, T>,
    file: Option<File>,
}

/// A line of the journal.
#[derive(Debug, Serialize, Deserialize)]
struct Line<T> {
    path: WorkPath,
    /// `None`: no longer.
    held: Option<T>,
}

impl<T> Default for Journal<T> {
    fn default() -> Self {
        Self(Mutex::new(Inner { entries: BTreeMap::new(), file: None }))
    }
}

impl<T: Copy + Serialize + DeserializeOwned> Journal<T> {
    /// Reads the journal of this name in a tree, and goes on with it. What cannot be read is not known; where nothing can be
    /// written, it lives in memory alone: whoever owns the folder can spoil it, and that keeps nobody's day from ending.
    pub(super) fn load(tree: &Tree, name: &str) -> Self {
        let file = tree.own(name).or_else(|error| {
            tracing::warn!(%error, name, "a journal in the work folder is not ours");
            tree.disown(name).and_then(|()| tree.own(name))
        });
        let read = file.and_then(Self::read);
        read.inspect_err(|error| tracing::warn!(%error, name, "a journal in the work folder is not used"))
            .unwrap_or_default()
    }

    fn read(file: File) -> io::Result<Self> {
        let (mut entries, mut lines, mut is_whole) = (BTreeMap::new(), 0usize, true);
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line)? > 0 {
            lines += 1;
            if let Ok(Line { path, held }) = serde_json::from_slice(&line) {
                match held {
                    Some(held) => entries.insert(path, held),
                    None => entries.remove(&path),
                };
            }
            is_whole = line.ends_with(b"\n");
            line.clear();
        }
        // A kill cut the last line off: what is written next is a line of its own.
        if !is_whole {
            (&file).write_all(b"\n")?;
        }
        let mut inner = Inner { entries, file: Some(file) };
        if lines > 1000 + 2 * inner.entries.len() {
            // What was read is known all the same.
            if let Err(error) = inner.rewrite() {
                tracing::warn!(%error, "a journal in the work folder");
                inner.file = None;
            }
        }
        Ok(Self(Mutex::new(inner)))
    }

    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entry(&self, path: &WorkPath) -> Option<T> {
        self.inner().entries.get(path).copied()
    }

    pub(super) fn put(&self, path: WorkPath, entry: T) {
        let mut inner = self.inner();
        inner.note(&path, Some(entry));
        inner.entries.insert(path, entry);
    }

    pub(super) fn forget(&self, path: &WorkPath) {
        let mut inner = self.inner();
        if inner.entries.remove(path).is_some() {
            inner.note(path, None);
        }
    }

    /// This path, and everything below it if it was a folder.
    pub(super) fn below(&self, path: &WorkPath) -> Vec<(WorkPath, T)> {
        let prefix = [path.as_bytes(), b"/"].concat();
        self.inner()
            .entries
            .range((Bound::Included(path.clone()), Bound::Unbounded))
            // Between a folder's name and what is below it other names may lie: `a`, `a-b`, `a/b`.
            .take_while(|(found, _)| found.as_bytes().starts_with(path.as_bytes()))
            .filter(|(found, _)| *found == path || found.as_bytes().starts_with(&prefix))
            .map(|(path, entry)| (path.clone(), *entry))
            .collect()
    }

    pub(super) fn all(&self) -> Vec<(WorkPath, T)> {
        self.inner().entries.iter().map(|(path, entry)| (path.clone(), *entry)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.inner().entries.len()
    }
}

impl<T: Copy + Serialize> Inner<T> {
    /// Begins the journal again with what is true now. A kill in the middle makes files unknown, nothing else.
    fn rewrite(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        file.set_len(0)?;
        let mut out = io::BufWriter::new(file);
        for (path, entry) in &self.entries {
            serde_json::to_writer(&mut out, &Line { path: path.clone(), held: Some(*entry) })?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    fn note(&mut self, path: &WorkPath, held: Option<T>) {
        let Some(file) = &mut self.file else { return };
        let line = Line { path: path.clone(), held };
        let written = serde_json::to_vec(&line).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            file.write_all(&line)
        });
        if let Err(error) = written {
            tracing::warn!(%error, "a journal in the work folder");
        }
    }
}
