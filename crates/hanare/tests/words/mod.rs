//! Finds English in what Japanese people read: words of three letters or more that are no names and no marked detail.

/// What has this name in every language.
const NAMES: &[&str] = &[
    "apt",
    "base64",
    "cgroup",
    "DNS",
    "endpoint",
    "external",
    "gateway",
    "hanare",
    "HOST",
    "HTTP",
    "JSON",
    "Linux",
    "mkfs",
    "MTU",
    "nft",
    "PAM",
    "PATH",
    "PEM",
    "PORT",
    "resolvconf",
    "resolved",
    "root",
    "systemd",
    "TCP",
    "TOML",
    "TUN",
    "UDP",
    "WireGuard",
];

/// The words of `text` that nobody has translated. Left out are what stands between backquotes, paths, options, addresses,
/// identifiers with a digit, an underscore or a dot in them, [`NAMES`], and what comes behind `詳細:`.
pub(crate) fn english(text: &str) -> Vec<String> {
    let mut said = String::new();
    for line in text.lines() {
        said.push_str(line.split("（詳細:").next().unwrap_or_default());
        said.push('\n');
    }
    // Between two backquotes is what somebody types.
    let said = said.split('`').step_by(2).collect::<Vec<_>>().join(" ");
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_./~:@%+-=".contains(c);
    said.split(|c| !is_part(c))
        .filter(|token| !token.starts_with('-') && !token.contains(['/', '_', '.', '@']))
        .flat_map(|token| token.split(['-', ':', '=']))
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| word.len() >= 3 && word.chars().all(|c| c.is_ascii_alphabetic()))
        .filter(|word| !NAMES.contains(word))
        .map(str::to_owned)
        .collect()
}
