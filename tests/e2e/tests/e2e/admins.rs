//! Who administers headquarters: root, and whoever the kernel says is in the group `hanare`.

use std::time::Duration;

use hanare_e2e::Refusal;
use hanare_lab::{Headquarters, Program, inside};

const LIMIT: Duration = Duration::from_mins(1);

#[test]
fn a_member_of_the_group_administers_although_no_file_names_them() {
    inside("admins::a_member_of_the_group_administers_although_no_file_names_them", LIMIT, |lab| {
        let (host, program) = (lab.host("hq")?, Program::built()?);
        let groups = host.directory().join("group");
        let known = std::fs::read_to_string("/etc/group").unwrap();
        let others = known.lines().filter(|line| !line.starts_with("hanare:"));
        let lines: Vec<&str> = others.chain(["hanare:x:4242:", ""]).collect();
        let text = lines.join("\n");
        std::fs::write(&groups, text).unwrap();
        host.sh(&format!("mount --bind {} /etc/group", groups.display()))?;
        let segment = lab.segment("net")?;
        lab.plug(&host, &segment, "eth0", &["192.0.2.1/24"])?;
        let init = ["--company", "aoba", "--endpoint", "192.0.2.1:51820"];
        let _hq = Headquarters::open(&host, &program, &init, &[])?;
        // `usermod` writes another file in its place, and the session of a new member has the group from the kernel.
        std::fs::remove_file(&groups).unwrap();
        let person = |group: &str| {
            let mut command = host.command("setpriv");
            command.args(["--reuid", "1234", "--regid", "1234"]).arg(group).arg(program.path());
            command.args(["--json", "--runtime", "/run/hanare", "room", "list"]);
            hanare_lab::run(&mut command, "", LIMIT)
        };
        person("--groups=4242")?.must()?;
        Refusal(4, "hq-permission").read(&person("--clear-groups")?);
        Ok(())
    });
}
