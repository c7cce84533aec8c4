//! What is wrong with the place of headquarters' objects, as failures.

use hanare_hq::{BucketError, BucketFault, BucketFileError, ObjectsError};

use super::serve::{keys_error, lock_error, work_store_error};
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};

/// Why the objects cannot be found or moved.
pub(crate) fn objects_error(error: ObjectsError) -> Failure {
    let exit = Exit::from_code(error.exit_status());
    match error {
        ObjectsError::File { path, error: BucketFileError { position, fault } } => {
            let place = format!("{}:{}:{}", path.display(), position.line, position.column);
            Failure::new(exit, "bucket-file").with("place", place).with_phrase("cause", file_fault(&fault))
        }
        ObjectsError::Io { path, source } => {
            Failure::new(exit, "bucket-io").with("path", path.display()).because(&source)
        }
        ObjectsError::NoSecret { path } => Failure::new(exit, "bucket-secret")
            .with("path", path.display())
            .with_phrase("cause", Phrase::new("bucket-secret-gone")),
        ObjectsError::BadSecret { path } => Failure::new(exit, "bucket-secret")
            .with("path", path.display())
            .with_phrase("cause", Phrase::new("bucket-secret-bad").about(&path)),
        ObjectsError::OpenSecret { path } => Failure::new(exit, "bucket-secret")
            .with("path", path.display())
            .with_phrase("cause", Phrase::new("bucket-secret-open").about(&path)),
        ObjectsError::Bucket(BucketError::Ca { path, text }) => {
            Failure::new(exit, "bucket-ca").with("path", path.display()).reported("bucket-no-ca", text)
        }
        ObjectsError::Bucket(BucketError::Setup { text }) => {
            Failure::new(Exit::Bug, "bug").reported("cause-other", text)
        }
        ObjectsError::Lock(error) => lock_error(error),
        ObjectsError::Keys(error) => keys_error(error),
        ObjectsError::Work(error) => work_store_error(error),
        ObjectsError::Absent { path } => Failure::new(exit, "hq-absent").with("path", path.display()),
        ObjectsError::NotAway => Failure::new(exit, "objects-here"),
        ObjectsError::Missing { missing } => Failure::new(exit, "objects-missing").with("missing", missing),
    }
}

/// A bucket that does not do its work.
pub(super) fn bucket_failure(bucket: String, refused: bool, text: String) -> Failure {
    let (exit, code) =
        if refused { (Exit::Refused, "bucket-refused") } else { (Exit::Unreachable, "bucket-unreachable") };
    Failure::new(exit, code).with("bucket", bucket).with_phrase("cause", bucket_cause(refused, text))
}

/// Why it does not: what its server, or the system, said.
pub(crate) fn bucket_cause(refused: bool, text: String) -> Phrase {
    Phrase::new(if refused { "bucket-says-no" } else { "bucket-silent" }).detail(text)
}

fn file_fault(fault: &BucketFault) -> Phrase {
    let about = |id, what: &dyn std::fmt::Display| Phrase::new(id).with("what", what);
    match fault {
        BucketFault::Form(text) => super::toml::form(text),
        BucketFault::TooLong(bytes) => {
            about("policy-too-long", bytes).with("most", hanare_hq::MAX_BUCKET_LEN)
        }
        BucketFault::Version(version) => {
            about("policy-version", version).with("known", hanare_hq::BUCKET_VERSION)
        }
        BucketFault::Endpoint(text) => about("bucket-endpoint", text),
        BucketFault::Plain(text) => about("bucket-plain", text),
        BucketFault::Name(text) => about("bucket-name", text),
        BucketFault::Prefix(text) => about("bucket-prefix", text),
        BucketFault::Region(text) => about("bucket-region", text),
        BucketFault::KeyId => Phrase::new("bucket-key-id"),
        BucketFault::Relative(text) => about("bucket-relative", text),
    }
}

#[cfg(test)]
mod tests {
    use hanare_hq::WorkError;
    use hanare_model::Position;

    use super::*;
    use crate::voice::{Language, Voice};
    use crate::words::english;

    #[test]
    fn every_reason_is_said_in_japanese_and_a_servers_words_are_a_detail() {
        let text = || "x y".to_owned();
        let faults = [
            BucketFault::Form("missing field `access_key_id`".to_owned()),
            BucketFault::TooLong(70_000),
            BucketFault::Version(2),
            BucketFault::Endpoint("12".to_owned()),
            BucketFault::Plain("http://10.0.0.1".to_owned()),
            BucketFault::Name("12".to_owned()),
            BucketFault::Prefix("//".to_owned()),
            BucketFault::Region("12 3".to_owned()),
            BucketFault::KeyId,
            BucketFault::Relative("a/b".to_owned()),
        ];
        let file = |fault| ObjectsError::File {
            path: "/b.toml".into(),
            error: BucketFileError { position: Position { line: 1, column: 2 }, fault },
        };
        let mut errors: Vec<ObjectsError> = faults.into_iter().map(file).collect();
        let path = || std::path::PathBuf::from("/p");
        errors.extend([
            ObjectsError::Io { path: path(), source: std::io::ErrorKind::NotFound.into() },
            ObjectsError::NoSecret { path: path() },
            ObjectsError::BadSecret { path: path() },
            ObjectsError::OpenSecret { path: path() },
            ObjectsError::Bucket(BucketError::Ca { path: path(), text: text() }),
            ObjectsError::NotAway,
            ObjectsError::Missing { missing: 3 },
        ]);
        for refused in [false, true] {
            let bucket = "https://10.0.0.1/12".to_owned();
            errors.push(WorkError::Bucket { bucket, refused, text: "Access denied here".to_owned() }.into());
        }
        for error in errors {
            let failure = objects_error(error);
            let told = failure.tell(&Voice::new(Language::Japanese));
            let said = format!("{}\n{}\n{}", told.text, told.cause, told.fix);
            assert_eq!(english(&said), Vec::<String>::new(), "{}: {said}", failure.code);
        }
    }
}
