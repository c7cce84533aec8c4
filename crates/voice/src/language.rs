//! The languages that the program speaks.

use std::fmt;
use std::str::FromStr;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// 日本語.
    Japanese,
    /// English.
    English,
}

/// A text that names no language of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the languages are ja and en")]
pub struct UnknownLanguage;

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Japanese, Self::English];

    /// The language that an environment asks for, by the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set; otherwise English.
    #[must_use]
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG"));
        let is_japanese =
            |locale: String| locale == "ja" || locale.starts_with("ja_") || locale.starts_with("ja.");
        if locale.is_some_and(is_japanese) { Self::Japanese } else { Self::English }
    }

    /// The tag of `--lang`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;
    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        Self::ALL.into_iter().find(|language| language.tag() == text).ok_or(UnknownLanguage)
    }
}
