//! The tables of `tests/README.md` name tests that exist: a case whose test was renamed or removed is not shown by a row alone.

#![cfg(test)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a name leaves out.
const REST: char = '…';

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The tests of all crates: name and the files that have one of that name.
fn tests() -> BTreeMap<String, Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in ["crates", "tests"] {
        sources(&top().join(folder), &mut files);
    }
    let mut tests: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            let signature = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            match signature.and_then(|rest| rest.split_once('(')) {
                Some((name, _)) if is_test => {
                    tests.entry(name.to_owned()).or_default().push(file.clone());
                    is_test = false;
                }
                _ => is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test"),
            }
        }
    }
    tests
}

/// Whether `name` is what `pattern` says, whatever stands for its gaps.
fn is_meant(pattern: &str, name: &str) -> bool {
    let pieces: Vec<&str> = pattern.split(REST).collect();
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return false };
    let mut rest = name;
    for piece in &pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    name.starts_with(first) && name.ends_with(last) && (pieces.len() > 1 || name == pattern)
}

/// The names in the second column of every table whose second heading is `test`.
fn named() -> Vec<String> {
    let text = std::fs::read_to_string(top().join("tests/README.md")).unwrap();
    let mut named = Vec::new();
    let mut is_table_of_tests = false;
    for line in text.lines() {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        match columns.get(2) {
            None => is_table_of_tests &= line.is_empty(),
            Some(&"test") => is_table_of_tests = true,
            Some(column) if is_table_of_tests && line.starts_with('|') => {
                named.extend(column.split('`').skip(1).step_by(2).map(str::to_owned));
            }
            Some(_) => is_table_of_tests = false,
        }
    }
    named
}

#[test]
fn every_test_that_the_tables_name_exists() {
    let tests = tests();
    let named = named();
    assert!(named.len() > 150, "only {} tests are named", named.len());
    let mut missing = Vec::new();
    for path in
        named.iter().filter(|path| !path.contains([' ', '-']) && path.contains(|c: char| c.is_lowercase()))
    {
        let mut segments: Vec<&str> = path.split("::").collect();
        let name = segments.pop().unwrap_or_default();
        let lies_in = |file: &Path| {
            segments.iter().all(|segment| {
                let plain = segment.trim_start_matches(REST);
                plain.is_empty()
                    || *segment == "tests"
                    || file.components().any(|part| {
                        let part = part.as_os_str().to_string_lossy();
                        part == plain || part.strip_suffix(".rs") == Some(plain)
                    })
            })
        };
        let is_there = tests
            .iter()
            .filter(|(test, _)| is_meant(name, test))
            .any(|(_, files)| files.iter().any(|file| lies_in(file)));
        if !is_there {
            missing.push(path.as_str());
        }
    }
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

#[test]
fn a_name_with_gaps_means_what_it_spells() {
    assert!(is_meant("a_test", "a_test") && !is_meant("a_test", "a_test_more"));
    assert!(is_meant("a_…", "a_test") && is_meant("…_test", "a_test") && is_meant("a…t", "a_test"));
    assert!(!is_meant("b_…", "a_test") && !is_meant("…swapped…", "a_test") && is_meant("…", "a_test"));
}

#[test]
fn what_readme_installs_is_there() {
    let text = std::fs::read_to_string(top().join("README.md")).unwrap();
    let commands = text.lines().filter(|line| line.starts_with("    "));
    let files = commands.flat_map(str::split_whitespace).filter(|word| word.starts_with("crates/"));
    let files: Vec<&str> = files.collect();
    assert!(files.len() >= 8, "{files:?}");
    // A name may leave a part to the shell.
    let is_there = |file: &str| {
        let (folder, pattern) = file.rsplit_once('/').unwrap();
        let mut names = std::fs::read_dir(top().join(folder)).unwrap().flatten();
        let pattern = pattern.replace('*', "…");
        names.any(|name| is_meant(&pattern, &name.file_name().to_string_lossy()))
    };
    let gone: Vec<_> = files.iter().filter(|file| !is_there(file)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

#[test]
fn what_a_unit_waits_for_is_made_by_readme() {
    let text = std::fs::read_to_string(top().join("README.md")).unwrap();
    let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("    ")).collect();
    let units = std::fs::read_dir(top().join("crates/hanare/units")).unwrap().flatten();
    let units: String = units.map(|unit| std::fs::read_to_string(unit.path()).unwrap()).collect();
    // What the program makes itself lies in its state directory.
    let wanted = units.lines().filter_map(|line| line.strip_prefix("ConditionPathExists=/etc/"));
    let wanted: std::collections::BTreeSet<&str> = wanted.collect();
    assert!(!wanted.is_empty());
    for path in wanted {
        let made = commands.iter().filter(|line| line.contains("install") && line.contains(path));
        assert_eq!(made.count(), 2, "/etc/{path} is made in Japanese and in English");
    }
}
