//! Which class a file in a folder of work is of, by rules that somebody else has read out of a policy.

use crate::path::WorkPath;
use crate::protocol::Class;

/// Which files a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// What is at this path, and everything below it.
    Below(WorkPath),
    /// Everything of this name, wherever it is, and everything below it.
    Named(Vec<u8>),
}

impl Scope {
    /// How many names deep the last place of a path lies that this is about.
    fn depth(&self, path: &WorkPath) -> Option<usize> {
        match self {
            Self::Below(folder) => path.is_in(folder).then(|| names(folder).count()),
            Self::Named(name) => {
                names(path).zip(1..).filter(|(found, _)| found == name).map(|(_, at)| at).last()
            }
        }
    }
}

fn names(path: &WorkPath) -> impl Iterator<Item = &[u8]> {
    path.as_bytes().split(|byte| *byte == b'/')
}

/// Rules for one folder. Without any, everything in it is work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classes(Vec<(Scope, Option<Class>)>);

impl Classes {
    /// `None` is what ends with the day: it is neither handed over nor sealed.
    #[must_use]
    pub const fn new(rules: Vec<(Scope, Option<Class>)>) -> Self {
        Self(rules)
    }

    /// Of which class a file is; `None` if it ends with the day. The rule decides that is about the deepest folder around it; of
    /// two that are about the same one, the one that names its path.
    #[must_use]
    pub fn of(&self, path: &WorkPath) -> Option<Class> {
        let about = self.0.iter().filter_map(|(scope, class)| {
            let depth = scope.depth(path)?;
            Some(((depth, matches!(scope, Scope::Below(_))), *class))
        });
        about.max_by_key(|(rank, _)| *rank).map_or(Some(Class::Work), |(_, class)| class)
    }

    /// Whether any file can be of this class by a rule.
    #[must_use]
    pub fn has(&self, wanted: Class) -> bool {
        self.0.iter().any(|(_, class)| *class == Some(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> WorkPath {
        WorkPath::new(path.as_bytes()).unwrap()
    }

    fn below(path: &str) -> Scope {
        Scope::Below(at(path))
    }

    fn named(name: &str) -> Scope {
        Scope::Named(name.as_bytes().to_vec())
    }

    #[test]
    fn the_deepest_rule_around_a_file_decides() {
        let classes = Classes::new(vec![
            (below("home"), None),
            (below("home/書類"), Some(Class::Work)),
            (below("home/.config/mozc"), Some(Class::Settings)),
            (named(".cache"), None),
            (below("home/.config/mozc/.cache/kept"), Some(Class::Settings)),
            (below("kept/.cache"), Some(Class::Work)),
        ]);
        for (path, class) in [
            ("report.odt", Some(Class::Work)),
            ("homework", Some(Class::Work)),
            ("home", None),
            ("home/.bashrc", None),
            ("home/書類/見積.ods", Some(Class::Work)),
            ("home/書類/.cache/x", None),
            ("home/書類/.cache", None),
            ("home/書類/x.cache", Some(Class::Work)),
            ("home/.config/mozc/user_dictionary.db", Some(Class::Settings)),
            ("home/.config/mozc/.cache/x", None),
            ("home/.config/mozc/.cache/kept/x", Some(Class::Settings)),
            ("project/.cache/deep/x", None),
            ("kept/.cache/x", Some(Class::Work)),
            ("kept/.cache/y/.cache/x", None),
        ] {
            assert_eq!(classes.of(&at(path)), class, "{path}");
        }
        assert!(classes.has(Class::Settings));
        assert_eq!(Classes::default().of(&at("home")), Some(Class::Work));
        assert!(!Classes::default().has(Class::Settings));
    }
}
