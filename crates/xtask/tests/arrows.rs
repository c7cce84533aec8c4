//! The house's arrows: who may depend on whom. A new one is a decision, made here and explained in the commit.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Everything that is allowed, development dependencies included.
const ARROWS: &[(&str, &[&str])] = &[
    ("hanare-model", &[]),
    ("hanare-ledger", &["hanare-model"]),
    ("hanare-wire", &["hanare-model"]),
    ("hanare-host", &["hanare-model"]),
    ("hanare-tunnel", &["hanare-wire", "hanare-host", "hanare-ledger", "hanare-model"]),
    ("hanare-handover", &["hanare-model"]),
    ("hanare-hq", &["hanare-handover", "hanare-ledger", "hanare-model"]),
    ("hanare-wipe", &["hanare-host", "hanare-handover", "hanare-ledger", "hanare-model"]),
    ("hanare-facts", &["hanare-model"]),
    ("hanare-audit", &["hanare-facts", "hanare-ledger", "hanare-model"]),
    (
        "hanare",
        &[
            "hanare-model",
            "hanare-ledger",
            "hanare-wire",
            "hanare-host",
            "hanare-tunnel",
            "hanare-handover",
            "hanare-hq",
            "hanare-wipe",
            "hanare-facts",
            "hanare-audit",
            "hanare-voice",
        ],
    ),
    ("hanare-voice", &[]),
    ("xtask", &["hanare-voice", "hanare-lab", "hanare-wipe-tests"]),
    // Its binary of the eraser without a guard is the eraser itself.
    ("hanare-wipe-tests", &["hanare-host", "hanare-lab", "hanare-model", "hanare-wipe"]),
    ("hanare-lab", &[]),
    // It reads headquarters' store with its own eyes, to say what is there bit for bit, and speaks as a stolen PC does.
    ("hanare-e2e", &["hanare-lab", "hanare", "hanare-handover", "hanare-model", "hanare-tunnel"]),
    ("hanare-vm", &["hanare-lab", "hanare-wipe-tests", "hanare-handover", "hanare-model"]),
    ("hanare-bench", &["hanare-host"]),
];

fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// What each member of the workspace depends on inside the workspace.
fn drawn(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |package: &Value| package["name"].as_str().expect("a name").to_owned();
    let members: BTreeSet<String> = packages.iter().map(name).collect();
    let inside = |package: &Value| {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        dependencies.iter().map(name).filter(|name| members.contains(name)).collect()
    };
    packages.iter().map(|package| (name(package), inside(package))).collect()
}

fn forbidden(drawn: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (from, to) in drawn {
        match allowed.get(from.as_str()) {
            None => wrong.push(format!("{from} is not in the house")),
            Some(allowed) => {
                let outside = to.iter().filter(|to| !allowed.contains(&to.as_str()));
                wrong.extend(outside.map(|to| format!("{from} → {to}")));
            }
        }
    }
    wrong
}

#[test]
fn no_crate_depends_on_one_that_the_house_does_not_let_it() {
    let wrong = forbidden(&drawn(&metadata()));
    assert!(wrong.is_empty(), "arrows that the house does not have: {wrong:?}");
}

#[test]
fn a_forbidden_arrow_is_seen() {
    let mut drawn = drawn(&metadata());
    drawn.get_mut("hanare-wire").expect("wire").insert("hanare-host".to_owned());
    drawn.insert("hanare-utils".to_owned(), BTreeSet::new());
    assert_eq!(forbidden(&drawn), ["hanare-utils is not in the house", "hanare-wire → hanare-host"]);
}
