//! The group of admins, from the machine's own files: /etc/group and /etc/passwd.

use std::collections::BTreeSet;

/// A group and the users that are its members by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub gid: u32,
    members: BTreeSet<u32>,
}

impl Group {
    /// Whether the user is a supplementary member.
    pub(crate) fn has_member(&self, uid: u32) -> bool {
        self.members.contains(&uid)
    }
}

/// Looks a group up when `serve` starts; `None` if the machine has none of that name.
pub(crate) fn find(name: &str) -> Option<Group> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    parse(name, &groups, &users)
}

fn parse(name: &str, groups: &str, users: &str) -> Option<Group> {
    let fields =
        groups.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|f| f.first() == Some(&name))?;
    let gid = fields.get(2)?.parse().ok()?;
    let names: BTreeSet<&str> = fields.get(3).unwrap_or(&"").split(',').collect();
    let members = users
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let user = fields.next()?;
            names.contains(user).then(|| fields.nth(1)?.parse().ok())?
        })
        .collect();
    Some(Group { gid, members })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_name() {
        let groups = "root:x:0:\nhanare:x:998:aiko,bunta\n";
        let users = "root:x:0:0:root:/root:/bin/sh\naiko:x:1000:1000::/home/aiko:/bin/sh\nchie:x:1001:1001::/:/bin/sh\n";
        let group = parse("hanare", groups, users).unwrap();
        assert_eq!(group.gid, 998);
        assert!(group.has_member(1000) && !group.has_member(1001) && !group.has_member(0));
        assert_eq!(parse("nobody", groups, users), None);
    }
}
