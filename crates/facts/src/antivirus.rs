//! `ClamAV`: how old its definitions are, and whether it looks at files as they are opened.

use hanare_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fact::{Gap, GapKind};
use crate::root::{Root, if_any};

const DIRECTORY: &str = "/var/lib/clamav";
/// Updated several times a day; `main` changes once in years.
const DEFINITIONS: [&str; 2] = ["/var/lib/clamav/daily.cld", "/var/lib/clamav/daily.cvd"];
/// The program that has the kernel ask before a file is opened.
const ON_ACCESS: &str = "clamonacc";

/// `ClamAV` on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Antivirus {
    /// When its definitions were last updated; `None` if it has none.
    pub definitions: Option<Timestamp>,
    /// Whether its on-access scanner runs, and the kernel asks it (fanotify).
    pub on_access: bool,
}

pub(crate) fn antivirus(root: &Root) -> Result<Antivirus, Gap> {
    if !root.exists(DIRECTORY)? {
        return Err(Gap::new(GapKind::Absent, DIRECTORY));
    }
    let mut definitions = None;
    for path in DEFINITIONS {
        definitions = definitions.max(root.changed(path)?);
    }
    let mut on_access = false;
    for process in root.names("/proc")? {
        if !process.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // Processes end while one looks at them, in one of two ways.
        let name = match if_any(root.text(&format!("/proc/{process}/comm"))) {
            Err(gap) if gap.kind == GapKind::Failed => continue,
            name => name?,
        };
        if name.is_some_and(|name| name.trim() == ON_ACCESS) {
            on_access |= is_asked(root, &process)?;
        }
    }
    Ok(Antivirus { definitions, on_access })
}

fn is_asked(root: &Root, process: &str) -> Result<bool, Gap> {
    let directory = format!("/proc/{process}/fdinfo");
    for name in root.names_if_any(&directory)? {
        let text = if_any(root.text(&format!("{directory}/{name}")))?;
        if text.is_some_and(|text| text.contains("fanotify")) {
            return Ok(true);
        }
    }
    Ok(false)
}
