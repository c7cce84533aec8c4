//! What keeps the wipe tool from its work, as failures.

use hanare_wipe::receipt::ReceiptError;

use super::host::attempt;
use crate::exit::Exit;
use crate::failure::Failure;

/// Receipts that cannot be read or written.
pub(crate) fn receipt_error(error: ReceiptError) -> Failure {
    let impossible = |code| Failure::new(Exit::Impossible, code);
    match error {
        ReceiptError::Io { action, path, source } => {
            impossible("state-io").with_phrase("what", attempt(&action.of(path.display()))).because(&source)
        }
        ReceiptError::Key { path } => impossible("receipt-own-key").with("path", path.display()),
        ReceiptError::Held { path } => impossible("receipt-held").with("path", path.display()),
        ReceiptError::Document(source) => Failure::new(Exit::Bug, "bug").because(&source),
    }
}
