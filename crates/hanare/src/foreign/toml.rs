//! What the TOML parser says about a file, as phrases of the catalogue; what is not recognised stays in its own words.

use crate::failure::Phrase;

/// The phrase for a parser's message.
pub(super) fn form(message: &str) -> Phrase {
    let quoted = |text: &str| text.split('`').nth(1).unwrap_or_default().to_owned();
    let expected = |text: &str| {
        let rest = text.split_once("expected ").map_or("", |(_, rest)| rest);
        rest.trim_start_matches("one of ").replace('`', "")
    };
    let named = |id, text: &str| Phrase::new(id).with("what", quoted(text));
    if message.starts_with("unknown field ") {
        return named("toml-unknown-field", message).with("expected", expected(message));
    }
    if message.starts_with("unknown variant ") {
        return named("toml-unknown-value", message).with("expected", expected(message));
    }
    if message.starts_with("missing field ") {
        return named("toml-missing-field", message);
    }
    if message.starts_with("invalid type: ") || message.starts_with("invalid value: ") {
        return named("toml-wrong-type", message);
    }
    if message.starts_with("duplicate ") {
        return Phrase::new("toml-duplicate");
    }
    match syntax(message) {
        Some(id) => Phrase::new(id),
        None => Phrase::new("toml-syntax").detail(message),
    }
}

/// The frequent mistakes of form. What the parser expected is behind a comma and left out: the place is shown.
fn syntax(message: &str) -> Option<&'static str> {
    let what = message.split(", expected").next().unwrap_or_default();
    let has = |words: &[&str]| words.iter().any(|word| what.contains(word));
    Some(match () {
        () if what.starts_with("unclosed ") => "toml-unclosed",
        () if has(&["must be quoted"]) => "toml-unquoted",
        () if has(&["key with no value", "missing value", "missing assignment"]) => "toml-no-value",
        () if has(&["missing key", "unquoted key", "invalid key"]) => "toml-no-key",
        () if has(&["missing comma"]) => "toml-no-comma",
        () if has(&["extra comma", "extra `=`", "extra assignment", "unexpected `=`"]) => "toml-extra",
        () if has(&["string"]) => "toml-string",
        () if what.starts_with("unexpected key or value") || what.starts_with("unexpected content") => {
            "toml-unexpected"
        }
        () if has(&["integer", "float", "number", "numeric", "digit", "leading zero", "date", "time"]) => {
            "toml-number"
        }
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::failure::Failure;
    use crate::voice::{Language, Voice};
    use hanare_model::policy::{Fault, Policy};

    fn said(text: &str) -> String {
        let error = text.parse::<Policy>().unwrap_err();
        let Fault::Form(message) = error.fault else { panic!("{error:?}") };
        let failure = Failure::new(Exit::Input, "policy").with_phrase("cause", form(&message));
        failure.with("place", "1:1").tell(&Voice::new(Language::Japanese)).cause
    }

    #[test]
    fn the_parsers_words_are_said_in_japanese() {
        let unknown = said("version = 1\ncolour = 1\n");
        assert!(
            unknown.contains("colour") && unknown.contains("version") && !unknown.contains("unknown"),
            "{unknown}"
        );
        let missing = said("[[allow]]\n");
        assert!(!missing.contains("missing"), "{missing}");
        let wrong = said("version = \"one\"\n");
        assert!(!wrong.contains("invalid"), "{wrong}");
        let twice = said("version = 1\nversion = 1\n");
        assert!(!twice.contains("duplicate"), "{twice}");
        for place in ["5", "[5]"] {
            let text = "version = 1\n[[device]]\nroom = \"rooms\"\nat = ".to_owned()
                + place
                + "\nprotocol = \"tcp\"\nports = [1]\nreason = \"x\"\n";
            let wrong = said(&text);
            assert!(!wrong.contains("variant") && !wrong.contains("invalid"), "{wrong}");
        }
        // What is not TOML at all.
        let mut wrong = Vec::new();
        for (text, is) in [
            ("version = \n", "値"),
            ("version\n", "値"),
            ("version = 1\n[[allow]\n", "閉じ"),
            ("version = 1\n[allow\n", "閉じ"),
            ("version = 1\nallow = [1, 2\n", "閉じ"),
            ("version = 1\nallow = { a = 1\n", "閉じ"),
            ("version = \"one\n", "引用符"),
            ("version = one\n", "引用符"),
            ("version = 1 2\n", "引用符"),
            ("version = \"a\" \"b\"\n", "余分"),
            ("version = 1\nallow = [\"a\" \"b\"]\n", "コンマ"),
            ("version = 1\nallow = [1,, 2]\n", "余分"),
            ("= 1\n", "名前"),
            ("version = 007\n", "数"),
            ("version == 1\n", "余分"),
        ] {
            let told = said(text);
            if !told.contains(is) || told.contains("expected") {
                wrong.push((text, told));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
