//! The catalogue and the program belong together: nothing is missing, nothing is unused, both languages say the same things.

#![expect(clippy::expect_used, reason = "a test says what went wrong by stopping there")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fluent_syntax::ast::{self, Entry, Expression, InlineExpression, PatternElement};
use fluent_syntax::parser;
use hanare::voice::{FILES, Language};

/// Words with a hyphen in the sources that are no messages: values, names of programs, prefixes, JSON.
const OTHER_WORDS: [&str; 9] = [
    "api-socket",
    "dry-run",
    "hanare-device",
    "hanare-hq",
    "kebab-case",
    "kill-switch",
    "site-key",
    "no-such-message",
    "ssh-ed25519",
];

/// A message: for its value (empty name) and each of its parts, the placeholders.
type Message = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn catalogue(language: Language) -> BTreeMap<String, Message> {
    let mut messages = BTreeMap::new();
    for file in FILES {
        let path = root().join("locales").join(language.tag()).join(file);
        let text = fs::read_to_string(&path).expect("the catalogue's files are there");
        let resource = parser::parse(text.as_str());
        let resource = resource.unwrap_or_else(|(_, errors)| panic!("{}: {errors:?}", path.display()));
        for entry in resource.body {
            let Entry::Message(message) = entry else { continue };
            let mut parts = Message::new();
            parts.insert(String::new(), message.value.as_ref().map(variables).unwrap_or_default());
            for attribute in &message.attributes {
                parts.insert(attribute.id.name.to_owned(), variables(&attribute.value));
            }
            let id = message.id.name.to_owned();
            assert!(messages.insert(id.clone(), parts).is_none(), "{id} is there twice ({})", path.display());
        }
    }
    messages
}

fn variables(pattern: &ast::Pattern<&str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            collect(expression, &mut found);
        }
    }
    found
}

fn collect(expression: &Expression<&str>, found: &mut BTreeSet<String>) {
    let (inline, variants) = match expression {
        Expression::Select { selector, variants } => (selector, variants.as_slice()),
        Expression::Inline(inline) => (inline, [].as_slice()),
    };
    if let InlineExpression::VariableReference { id } = inline {
        found.insert(id.name.to_owned());
    }
    for variant in variants {
        found.extend(variables(&variant.value));
    }
}

/// Every text between quotation marks in the sources below `directory`, comments left out.
fn literals(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("the sources are there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            literals(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source can be read");
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                found.extend(line.split('"').skip(1).step_by(2).map(str::to_owned));
            }
        }
    }
}

fn sources(directories: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for directory in directories {
        literals(&root().join(directory), &mut found);
    }
    found
}

#[test]
fn both_languages_have_the_same_messages_parts_and_placeholders() {
    let (japanese, english) = (catalogue(Language::Japanese), catalogue(Language::English));
    let ids = |messages: &BTreeMap<String, Message>| messages.keys().cloned().collect::<BTreeSet<_>>();
    let different: Vec<_> = ids(&japanese).symmetric_difference(&ids(&english)).cloned().collect();
    assert!(different.is_empty(), "only in one language: {different:?}");
    for (id, message) in &english {
        assert_eq!(Some(message), japanese.get(id), "{id}");
    }
}

#[test]
fn no_message_is_unused() {
    let used = sources(&["src", "../xtask/src"]);
    let warnings = sources(&["../tunnel/src"]);
    let skipped = sources(&["../wipe/src"]);
    let reasons = sources(&["../audit/src"]);
    for id in catalogue(Language::English).keys().filter(|id| !id.starts_with("cmd-")) {
        let found = if let Some(code) = id.strip_prefix("error-") {
            used.contains(code)
        } else if let Some(code) = id.strip_prefix("warning-") {
            warnings.contains(code)
        } else if let Some(reason) = id.strip_prefix("skip-") {
            skipped.contains(reason)
        } else if id.starts_with("why-") {
            reasons.contains(id)
        } else {
            used.contains(id)
        };
        assert!(found, "{id} is not used");
    }
}

#[test]
fn no_message_is_missing() {
    let messages = catalogue(Language::English);
    let word = |text: &&String| {
        text.contains('-')
            && text
                .split('-')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()))
    };
    let known = |text: &String| {
        messages.contains_key(text)
            || messages.contains_key(&format!("error-{text}"))
            || OTHER_WORDS.contains(&text.as_str())
    };
    let words = sources(&["src"]);
    let missing: Vec<_> = words.iter().filter(word).filter(|text| !known(text)).collect();
    assert!(missing.is_empty(), "not in the catalogue: {missing:?}");
    for literal in sources(&["../xtask/src"]).iter().filter(|text| text.starts_with("demo-")) {
        assert!(messages.contains_key(literal), "{literal} is not in the catalogue");
    }
}

/// Why something was left out of a wipe: the second argument of every `Tally::add`, and the lists of what file systems keep.
#[test]
fn every_reason_of_a_wipe_has_words() {
    let messages = catalogue(Language::English);
    let mut reasons = BTreeSet::new();
    for literal in sources(&["../wipe/src/erase"]) {
        let is_code =
            literal.contains('-') && literal.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if is_code && !literal.starts_with('-') {
            reasons.insert(literal);
        }
    }
    assert!(reasons.len() > 10, "{reasons:?}");
    for reason in reasons {
        assert!(messages.contains_key(&format!("skip-{reason}")), "skip-{reason} is not in the catalogue");
    }
}

#[test]
fn every_failure_says_why_and_what_to_do() {
    let messages = catalogue(Language::English);
    for (id, message) in messages.iter().filter(|(id, _)| id.starts_with("error-")) {
        let parts: Vec<&str> = message.keys().map(String::as_str).collect();
        assert_eq!(parts, ["", "cause", "fix"], "{id}");
    }
}

#[test]
fn every_command_has_an_example_and_every_argument_a_help_and_no_other_parts() {
    let messages = catalogue(Language::English);
    let mut unused: BTreeSet<&str> =
        messages.keys().map(String::as_str).filter(|id| id.starts_with("cmd-")).collect();
    let mut commands = vec![("hanare".to_owned(), hanare::command(Language::English))];
    while let Some((path, command)) = commands.pop() {
        let id = format!("cmd-{}", path.replace(' ', "-"));
        let message = messages.get(&id).unwrap_or_else(|| panic!("{id} is missing"));
        let mut parts: BTreeSet<&str> = message.keys().map(String::as_str).collect();
        assert!(parts.remove("") && parts.remove("example"), "{id} has no text or no example");
        parts.remove("long");
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let name = arg.get_id().as_str();
            let global = arg.is_global_set() || name == "help";
            assert!(arg.get_help().is_some_and(|help| !help.to_string().is_empty()), "{id}.{name}");
            assert!(parts.remove(name) || (global && path != "hanare"), "{id}.{name}");
        }
        assert!(parts.is_empty(), "{id} explains what is not there: {parts:?}");
        unused.remove(id.as_str());
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            commands.push((format!("{path} {}", sub.get_name()), sub.clone()));
        }
    }
    assert!(unused.is_empty(), "help for commands that are not there: {unused:?}");
}
