//! From what a wipe policy says of the files on a volume to what the handover does with them.

use std::os::unix::ffi::OsStrExt as _;

use hanare_handover::WorkPath;
use hanare_handover::deliver::{Classes, Scope};
use hanare_handover::protocol;
use hanare_wipe::policy::{self, Class, Rule};

/// The handover's rules. A path that is too long for any file is about none.
pub(crate) fn of(rules: &[Rule]) -> Classes {
    let rule = |rule: &Rule| {
        let scope = match &rule.scope {
            policy::Scope::Below(path) => Scope::Below(WorkPath::new(path.as_os_str().as_bytes()).ok()?),
            policy::Scope::Named(name) => Scope::Named(name.as_bytes().to_vec()),
        };
        let class = match rule.class {
            Class::HandedOver => Some(protocol::Class::Work),
            Class::DayOnly => None,
            Class::Settings => Some(protocol::Class::Settings),
        };
        Some((scope, class))
    };
    Classes::new(rules.iter().filter_map(rule).collect())
}

#[cfg(test)]
mod tests {
    use hanare_handover::protocol::Class::{Settings, Work};
    use hanare_wipe::policy::Policy;

    use super::*;

    #[test]
    fn the_shipped_policy_keeps_an_input_methods_dictionary_and_ends_caches_with_the_day() {
        let policy: Policy = include_str!("../../../policies/wipe/office-endpoint.toml").parse().unwrap();
        let classes = of(&policy.classes);
        for (path, class) in [
            (".confined/home%2fwork/.config/mozc/user_dictionary.db", Some(Settings)),
            (".confined/home%2fwork/.mozilla/firefox/x.default/places.sqlite", Some(Settings)),
            (".confined/home%2fwork/.cache/thumbnails/x.png", None),
            (".confined/home%2fwork/.local/share/Trash/files/x", None),
            (".confined/home%2fwork/デスクトップ/見積.ods", Some(Work)),
            ("plan.txt", Some(Work)),
        ] {
            assert_eq!(classes.of(&WorkPath::new(path.as_bytes()).unwrap()), class, "{path}");
        }
    }
}
