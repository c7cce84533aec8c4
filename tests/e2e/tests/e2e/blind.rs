//! Changes that a watch does not tell of, through a real agent, tunnel and headquarters: all of them are handed over.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use hanare_e2e::Deployment;
use hanare_lab::{inside, until};
use rustix::process::Signal;

use crate::desk::{Desk, held, hex};
use crate::person::add;

const LIMIT: Duration = Duration::from_mins(4);
const SOON: Duration = Duration::from_mins(1);

#[test]
fn a_flood_a_stamp_put_back_and_strange_names_are_all_handed_over() {
    inside("blind::a_flood_a_stamp_put_back_and_strange_names_are_all_handed_over", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, "pc")?;
        desk.open(&deployment, &mut hanako, true)?;
        desk.write("sheet", b"AAAA");
        desk.write("case", b"case");
        let there = |bytes: &[u8]| {
            let digest = hex(bytes);
            held(&deployment, "pc").is_ok_and(|held| held.iter().any(|(_, found)| *found == digest))
        };
        until("the first files", SOON, || there(b"AAAA") && there(b"case"))?;

        // The agent does not read while more happens than the kernel keeps for it (fs.inotify.max_queued_events).
        let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        let limit: usize = limit.trim().parse().unwrap();
        let agent = desk.agent.as_ref().unwrap();
        agent.signal(Signal::STOP)?;
        for n in 0..limit / 2 {
            fs::write(desk.work.join(format!("flood {}", n % 10)), n.to_string()).unwrap();
        }
        let sheet = OpenOptions::new().write(true).open(desk.work.join("sheet")).unwrap();
        let before = sheet.metadata().unwrap().modified().unwrap();
        sheet.write_all_at(b"BBBB", 0).unwrap();
        sheet.set_modified(before).unwrap();
        drop(sheet);
        fs::rename(desk.work.join("case"), desk.work.join("CASE")).unwrap();
        let names: [&[u8]; 5] = [
            "new/\u{30ac}".as_bytes(),
            "new/\u{30ab}\u{3099}".as_bytes(),
            b"new/12:30 plan.txt",
            "new/🍣".as_bytes(),
            b"new/\x8c\xa9\x90\xcf",
        ];
        fs::create_dir(desk.work.join("new")).unwrap();
        for name in names {
            fs::write(desk.work.join(OsStr::from_bytes(name)), name).unwrap();
        }
        agent.signal(Signal::CONT)?;
        until("all of it", SOON, || there(b"BBBB") && names.iter().all(|name| there(name)))?;
        until("the name in the other case", SOON, || {
            held(&deployment, "pc").is_ok_and(|held| held.iter().any(|(path, _)| path == "CASE"))
        })?;
        let last: Vec<String> = (limit / 2 - 10..limit / 2).map(|n| n.to_string()).collect();
        until("the flood's end", SOON, || last.iter().all(|text| there(text.as_bytes())))?;
        assert!(agent.said().contains("looking at everything"), "the kernel's queue was to overflow");
        // Headquarters closes connections that say nothing for ten seconds; the end of the day does not mind.
        std::thread::sleep(Duration::from_secs(12));
        desk.write("last", b"a moment before");
        deployment.program.run(&desk.place.host, &["work", "close"])?;
        until("the last file", SOON, || there(b"a moment before")).map(drop)
    });
}
