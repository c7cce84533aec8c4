//! Accounts of this machine, as `/etc/passwd` has them: work is owned by one that exists here, whatever a network's directory says.

use std::fs;

/// An account's user and primary group.
#[must_use]
pub fn ids(name: &str) -> Option<(u32, u32)> {
    find(&fs::read_to_string("/etc/passwd").ok()?, name)
}

/// An account's user.
#[must_use]
pub fn uid(name: &str) -> Option<u32> {
    ids(name).map(|(uid, _)| uid)
}

fn find(text: &str, name: &str) -> Option<(u32, u32)> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let mut numbers = fields.skip(1).map(|field| field.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let text = "root:x:0:0:root:/root:/bin/sh\nworker:x:1001:1001::/home/worker:/bin/sh\nwork:x:1000:100::/:/bin/sh\n";
        assert_eq!(find(text, "work"), Some((1000, 100)));
        assert_eq!(find(text, "wor"), None);
        assert_eq!(find("work:x:one:1::/:/bin/sh", "work"), None);
    }
}
