//! `hanare handover get`: an admin copies work that headquarters holds. It wants a reason, is on the ledger, and the persons
//! are told.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use hanare_handover::WorkPath;
use hanare_handover::deliver::{Meta, Tree};
use hanare_handover::digest::Digester;
use hanare_hq::admin::{
    HandoverChunk, HandoverContent, HandoverGranted, HandoverSource, HandoverTake, HandoverTaken,
    HandoverTakenFile,
};
use hanare_model::Timestamp;
use serde_json::json;

use super::place::Place;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{self, unwritable};
use crate::show;

#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct Args {
    #[arg(value_name = "ROOM|NODE|PERSON")]
    place: Place,
    #[arg(value_name = "PATH")]
    path: Option<OsString>,
    #[arg(value_name = "DEST")]
    dest: PathBuf,
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

/// What came.
#[derive(Default)]
struct Came {
    files: u64,
    bytes: u64,
    /// What could not be written, such as a file below a path that is a link.
    failed: u64,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { place, path, dest, reason, at } = self;
        // A grant is on the ledger: what cannot work is found out before.
        if dest.symlink_metadata().is_ok() {
            return Err(Failure::new(Exit::Impossible, "file-exists").with("path", dest.display()));
        }
        let path = path.map(|path| WorkPath::new(path.into_vec())).transpose();
        let path = path.map_err(|error| Failure::new(Exit::Input, "handover-path").because(&error))?;
        let source = place.resolve(context)?;
        let taken = context.ask(HandoverTake { source: source.clone(), path: path.clone(), at, reason })?;
        let get = Get { context, taken, dest, path, by_person: matches!(source, HandoverSource::Person(_)) };
        let came = get.run()?;
        let persons = get.taken.persons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let document = json!({
            "dest": get.dest, "persons": get.taken.persons, "files": came.files, "bytes": came.bytes,
            "failed": came.failed,
        });
        context.out.result("handover.get", &document, |_| String::new())?;
        let (size, dest) = (show::size(came.bytes), get.dest.display());
        context.out.talk("handover-got", &[("files", &came.files), ("size", &size), ("path", &dest)]);
        context.out.talk("handover-got-told", &[("persons", &persons)]);
        if came.failed > 0 {
            context.out.warn("handover-got-part", &[("files", &came.failed)]);
            return Ok(Exit::Incomplete);
        }
        Ok(Exit::Good)
    }
}

/// One granted copy.
struct Get<'a> {
    context: &'a Context,
    taken: HandoverTaken,
    dest: PathBuf,
    path: Option<WorkPath>,
    by_person: bool,
}

impl Get<'_> {
    fn run(&self) -> Result<Came, Failure> {
        let mut came = Came::default();
        let mut tree = None;
        let mut after = None;
        loop {
            let page = self.context.ask(HandoverGranted { grant: self.taken.grant.clone(), after })?;
            for file in page.files {
                // One file of one person becomes DEST itself.
                if self.by_person && self.path.as_ref() == Some(&file.path) {
                    self.single(&file, &mut came)?;
                    return Ok(came);
                }
                let tree = match &tree {
                    Some(tree) => tree,
                    None => tree.insert(self.folder()?),
                };
                self.one(tree, &file, &mut came)?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(came);
            }
        }
    }

    /// DEST as a new folder that nobody else reads.
    fn folder(&self) -> Result<Tree, Failure> {
        input::new_folder(&self.dest)?;
        Tree::open(&self.dest).map_err(|error| unwritable(&self.dest, &error))
    }

    /// One file at its place below DEST. Its path cannot lead out: it names every step, and no link is followed.
    fn one(&self, tree: &Tree, file: &HandoverTakenFile, came: &mut Came) -> Result<(), Failure> {
        let below = match &self.path {
            Some(folder) => file.path.below(folder).unwrap_or_else(|| file.path.name()),
            None => file.path.clone(),
        };
        let place = if self.by_person {
            Ok(below)
        } else {
            WorkPath::new([file.person.as_str().as_bytes(), b"/", below.as_bytes()].concat())
        };
        let Ok(place) = place else {
            came.failed += 1;
            return Ok(());
        };
        let written = match &file.content {
            HandoverContent::Link { target } => tree.link(&place, &target.0, None).map(|()| Ok(0)),
            HandoverContent::File { mode, modified, .. } => {
                let meta = Meta { mode: *mode, modified: modified.seconds(), owner: None };
                // The kernel's no is this file's alone; headquarters' is the end of all.
                let mut no = None;
                let put = tree.put(&place, meta, None, |out| {
                    self.content(file, out)?.map_err(|failure| {
                        no = Some(failure);
                        io::Error::from(io::ErrorKind::Other)
                    })
                });
                match no {
                    Some(failure) => Ok(Err(failure)),
                    None => put.map(Ok),
                }
            }
        };
        match written {
            Ok(bytes) => {
                came.files += 1;
                came.bytes += bytes?;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(unwritable(&self.dest, &error)),
            Err(error) => {
                tracing::warn!(%error, "a file could not be written");
                came.failed += 1;
                Ok(())
            }
        }
    }

    /// DEST as a new file, or link.
    fn single(&self, file: &HandoverTakenFile, came: &mut Came) -> Result<(), Failure> {
        let fail = |error: io::Error| unwritable(&self.dest, &error);
        came.files = 1;
        match &file.content {
            HandoverContent::Link { target } => {
                std::os::unix::fs::symlink(OsStr::from_bytes(&target.0), &self.dest).map_err(fail)
            }
            HandoverContent::File { mode, .. } => {
                let mut new = OpenOptions::new();
                let mut out = new.write(true).create_new(true).mode(0o600).open(&self.dest).map_err(fail)?;
                let written = self.content(file, &mut out).map_err(fail).and_then(|answer| answer);
                let kept = written.and_then(|bytes| {
                    let mode = std::fs::Permissions::from_mode(mode & 0o777);
                    out.set_permissions(mode).and_then(|()| out.sync_all()).map_err(fail)?;
                    Ok(bytes)
                });
                match kept {
                    Ok(bytes) => {
                        came.bytes = bytes;
                        Ok(())
                    }
                    Err(failure) => {
                        // Half a file under the name of a whole one helps nobody.
                        let _ = std::fs::remove_file(&self.dest);
                        Err(failure)
                    }
                }
            }
        }
    }

    /// Writes a file's content and checks it. The outer error is the disk's, the inner one headquarters'.
    fn content(&self, file: &HandoverTakenFile, out: &mut File) -> io::Result<Result<u64, Failure>> {
        let HandoverContent::File { digest, chunks, .. } = &file.content else { return Ok(Ok(0)) };
        let damaged = || Failure::new(Exit::Impossible, "handover-damaged");
        let mut digester = Digester::default();
        let (mut at, mut bytes) = (0, 0);
        while at < *chunks {
            let (grant, person) = (self.taken.grant.clone(), file.person.clone());
            let ask = HandoverChunk { grant, person, version: file.version, from: at };
            let answer = match self.context.ask(ask) {
                Ok(answer) if !answer.chunks.is_empty() => answer,
                Ok(_) => return Ok(Err(damaged())),
                Err(failure) => return Ok(Err(failure)),
            };
            for chunk in answer.chunks {
                digester.update(&chunk.0);
                out.write_all(&chunk.0)?;
                bytes += chunk.0.len() as u64;
                at += 1;
            }
        }
        Ok((digester.finish() == *digest).then_some(bytes).ok_or_else(damaged))
    }
}
