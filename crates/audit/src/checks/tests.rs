//! Each check at {good, mutations, evidence gone}: the rows that `tests/README.md` lists.

use std::collections::{BTreeMap, BTreeSet};

use hanare_facts::{
    Accounts, Antivirus, Archive, Chain, Clock, Device, Facts, Family, Firewall, Hook, Journal,
    JournalStorage, Listener, Modules, Mount, Nearby, Origin, Passwords, Reading, Resolvers, RouteTo, Routes,
    SCHEMA, Storage, SudoRule, SudoWay, Swap, System, Updates, View, Waiting, Wifi, WifiSecurity,
};

use super::*;
use crate::checklist::Checklist;
use crate::evaluate::{Asked, Known, evaluate};

mod network;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const DAY: i64 = 86_400;

fn ago(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW.seconds() - seconds)
}

fn fact<T>(value: T) -> Fact<T> {
    Fact { source: "/source".to_owned(), at: NOW, trust: Trust::Measured, reading: Reading::Known(value) }
}

fn device(name: &str, mapped: Option<&str>, below: &[&str]) -> Device {
    Device {
        name: name.to_owned(),
        mapped: mapped.map(str::to_owned),
        below: below.iter().map(|number| (*number).to_owned()).collect(),
    }
}

fn mount(device: &str, kind: &str, point: &str) -> Mount {
    Mount { device: device.to_owned(), kind: kind.to_owned(), point: point.to_owned(), read_only: false }
}

/// A PC as it should be: LVM on LUKS, zram, nothing open.
fn good() -> Facts {
    let devices = [
        ("253:2", device("dm-2", Some("LVM-abc"), &["253:0"])),
        ("253:0", device("dm-0", Some("CRYPT-LUKS2-abc-root"), &["8:2"])),
        ("8:2", device("sda2", None, &[])),
        ("8:1", device("sda1", None, &[])),
        ("252:0", device("zram0", None, &[])),
    ];
    let mounts =
        vec![mount("253:2", "ext4", "/"), mount("8:1", "vfat", "/boot/efi"), mount("0:21", "proc", "/proc")];
    let swap = Swap { path: "/dev/zram0".to_owned(), device: Some("252:0".to_owned()) };
    Facts {
        schema: SCHEMA.to_owned(),
        view: View::Endpoint,
        at: NOW,
        origin: Origin::Live,
        root: true,
        system: fact(System { release: "debian-12".to_owned(), support_end: None }),
        storage: fact(Storage {
            mounts,
            swaps: vec![swap],
            devices: devices.into_iter().map(|(number, device)| (number.to_owned(), device)).collect(),
        }),
        updates: fact(Updates {
            lists: Some(ago(DAY)),
            reboot: false,
            running: "6.1.0-40-amd64".to_owned(),
            kernels: vec!["6.1.0-39-amd64".to_owned(), "6.1.0-40-amd64".to_owned()],
            archives: vec![Archive("bookworm-security".to_owned())],
        }),
        listeners: fact(vec![Listener("udp/51820".to_owned())]),
        modules: fact(Modules {
            usb_storage: Some(false),
            blocked_by: vec!["/etc/modprobe.d/usb.conf".to_owned()],
            installed_by: Vec::new(),
            usbguard: false,
        }),
        clock: fact(Clock { is_synchronised: true, max_error_microseconds: 999_999 }),
        waiting: fact(Vec::new()),
        antivirus: fact(Antivirus { definitions: Some(ago(DAY)), on_access: true }),
        routes: fact(Routes {
            world: vec![way("8.8.8.8", Some("hn0")), way("2001:db8:2::7", None)],
            resolvers: vec![way("10.90.0.1", Some("hn0"))],
            tunnels: vec!["hn0".to_owned()],
        }),
        firewall: fact(Firewall { chains: vec![closed(Hook::Input), closed(Hook::Output)] }),
        accounts: fact(Accounts { administrators: vec!["root".to_owned()], ..Accounts::default() }),
        passwords: fact(Passwords::default()),
        sudo: fact(Vec::new()),
        journal: fact(Journal {
            storage: JournalStorage::Persistent,
            retention: None,
            retention_seconds: None,
            oldest: Some(ago(90 * DAY)),
            syslog: false,
        }),
        resolvers: fact(Resolvers {
            file: "/etc/resolv.conf".to_owned(),
            servers: vec!["10.90.0.1".to_owned()],
        }),
        nearby: fact(Nearby::default()),
        wifi: fact(vec![Wifi { number: 1, security: WifiSecurity::Sae }]),
    }
}

fn site(rest: &str) -> Site {
    Site::read(&format!("version = 1\noffice = \"kofu\"\n{rest}"), |_| true).unwrap()
}

fn way(address: &str, interface: Option<&str>) -> RouteTo {
    RouteTo { address: address.parse().unwrap(), interface: interface.map(str::to_owned) }
}

fn closed(hook: Hook) -> Chain {
    let name = format!("{hook:?}");
    Chain {
        family: Family::Inet,
        table: "t".to_owned(),
        name,
        hook: Some(hook),
        drops: true,
        rules: Vec::new(),
    }
}

/// What a check says of the good PC after a change.
fn after(check: &Check, change: impl FnOnce(&mut Facts)) -> (Status, Why) {
    let mut facts = good();
    change(&mut facts);
    let verdict = run(check, &facts, None, NOW);
    assert!(!verdict.evidence.is_empty(), "a verdict without evidence");
    (verdict.status, verdict.reason.why)
}

fn known<T>(fact: &mut Fact<T>) -> &mut T {
    match &mut fact.reading {
        Reading::Known(value) => value,
        Reading::Gap(gap) => panic!("{gap:?}"),
    }
}

fn gone<T>(fact: &mut Fact<T>, kind: GapKind) {
    fact.reading = Reading::Gap(Gap::new(kind, "/source"));
}

const PASS: (Status, Why) = (Status::Pass, Why::Good);

#[test]
fn dev_01_disk_encryption() {
    let check = Check::DiskEncryption;
    let gap = after(&check, |facts| gone(&mut facts.storage, GapKind::NotLive));
    assert_eq!(gap, (Status::Unknown, Why::GapNotLive));
    let after = |change: &dyn Fn(&mut Storage)| after(&check, |facts| change(known(&mut facts.storage)));
    assert_eq!(after(&|_| {}), PASS);
    let plain = (Status::Fail, Why::DiskPlain);
    assert_eq!(after(&|storage| storage.mounts.push(mount("8:2", "ext4", "/srv"))), plain);
    assert_eq!(
        after(&|storage| storage.mounts.push(mount("8:1", "vfat", "/boot"))),
        plain,
        "only EFI is exempt"
    );
    assert_eq!(
        after(&|storage| storage.mounts.push(mount("8:1", "ext4", "/efi"))),
        plain,
        "and only as vfat"
    );
    let swap =
        |path: &str, device: Option<&str>| Swap { path: path.to_owned(), device: device.map(str::to_owned) };
    assert_eq!(after(&|storage| storage.swaps.push(swap("/dev/sda2", Some("8:2")))), plain);
    assert_eq!(
        after(&|storage| storage.swaps.push(swap("/swap.img", None))),
        PASS,
        "a file on what is encrypted"
    );
    let stripe = |storage: &mut Storage| {
        let both = device("dm-2", Some("LVM-abc"), &["253:0", "8:1"]);
        storage.devices.insert("253:2".to_owned(), both);
    };
    assert_eq!(after(&stripe), plain, "half of it is not");
    let unknown = (Status::Unknown, Why::DiskUnknown);
    assert_eq!(after(&|storage| storage.mounts.push(mount("0:99", "nfs4", "/srv"))), unknown);
    assert_eq!(after(&|storage| storage.mounts.push(mount("0:99", "newfs", "/srv"))), unknown);
    assert_eq!(
        after(&|storage| drop(storage.devices.remove("8:2"))),
        PASS,
        "what LUKS lies on does not matter"
    );
    assert_eq!(after(&|storage| drop(storage.devices.remove("253:0"))), unknown);
    let looped = |storage: &mut Storage| {
        storage.devices.insert("7:0".to_owned(), device("loop0", None, &[]));
        storage.mounts.push(mount("7:0", "squashfs", "/snap"));
    };
    assert_eq!(after(&looped), unknown);
    assert_eq!(
        after(&|storage| storage.mounts.retain(|mount| mount.kind == "proc")),
        (Status::Unknown, Why::DiskNone)
    );
}

#[test]
fn dev_04_updates() {
    let support = BTreeMap::from([("debian-12".to_owned(), "2028-06-30".parse().unwrap())]);
    let check = Check::Updates { lists_max_days: 7, support };
    assert_eq!(after(&check, |_| {}), PASS);
    let waits = |facts: &mut Facts| {
        let (installed, available) = ("1".to_owned(), "2".to_owned());
        known(&mut facts.waiting).push(Waiting { package: "openssl".to_owned(), installed, available });
    };
    assert_eq!(after(&check, waits), (Status::Fail, Why::UpdatesWaiting));
    let unread = after(&check, |facts| gone(&mut facts.waiting, GapKind::NotUnderstood));
    assert_eq!(unread, (Status::Unknown, Why::GapNotUnderstood));
    let change = |change: &dyn Fn(&mut Updates)| after(&check, |facts| change(known(&mut facts.updates)));
    assert_eq!(change(&|updates| updates.reboot = true), (Status::Fail, Why::RebootPending));
    let newer = |updates: &mut Updates| updates.kernels.push("6.1.0-100-amd64".to_owned());
    assert_eq!(change(&newer), (Status::Fail, Why::KernelPending));
    let other = |updates: &mut Updates| updates.kernels.push("6.12.0-1-cloud".to_owned());
    assert_eq!(change(&other).1, Why::Good, "another flavour is no update");
    assert_eq!(change(&|updates| updates.lists = Some(ago(7 * DAY))).1, Why::Good);
    assert_eq!(change(&|updates| updates.lists = Some(ago(7 * DAY + 1))), (Status::Unknown, Why::ListsOld));
    assert_eq!(change(&|updates| updates.lists = Some(ago(-60))), (Status::Unknown, Why::ListsOld));
    assert_eq!(change(&|updates| updates.lists = None), (Status::Unknown, Why::ListsOld));
    assert_eq!(change(&|updates| updates.archives.clear()), (Status::Unknown, Why::NoSecurityArchive));
    let system = |release: &str, end: Option<&str>| {
        let system = System { release: release.to_owned(), support_end: end.map(str::to_owned) };
        after(&check, |facts| *known(&mut facts.system) = system)
    };
    assert_eq!(system("fedora-40", Some("2025-05-13")), (Status::Fail, Why::EndOfLife));
    assert_eq!(system("fedora-40", Some("2027-01-14")), (Status::Fail, Why::EndOfLife));
    assert_eq!(system("fedora-40", Some("2027-01-15")).1, Why::Good, "the last day counts");
    assert_eq!(system("plan9", None), (Status::Unknown, Why::SupportUnknown));
    assert_eq!(after(&check, |facts| gone(&mut facts.updates, GapKind::Absent)).0, Status::Unknown);
    assert_eq!(after(&check, |facts| gone(&mut facts.system, GapKind::Absent)).0, Status::Unknown);
}

#[test]
fn dev_07_usb_storage() {
    let check = Check::UsbStorage;
    let change = |change: &dyn Fn(&mut Modules)| after(&check, |facts| change(known(&mut facts.modules)));
    assert_eq!(change(&|_| {}), PASS);
    assert_eq!(change(&|modules| modules.usb_storage = Some(true)), (Status::Fail, Why::UsbLoaded));
    assert_eq!(change(&|modules| modules.blocked_by.clear()), (Status::Fail, Why::UsbOpen));
    let overridden = |modules: &mut Modules| modules.installed_by.push("/etc/modprobe.d/z.conf".to_owned());
    assert_eq!(change(&overridden), (Status::Fail, Why::UsbOverridden));
    assert_eq!(change(&|modules| modules.usbguard = true), (Status::Unknown, Why::UsbGuard));
    assert_eq!(change(&|modules| modules.usb_storage = None), (Status::Unknown, Why::UsbNotLive));
    assert_eq!(after(&check, |facts| gone(&mut facts.modules, GapKind::NotText)).0, Status::Unknown);
}

#[test]
fn dev_05_antivirus() {
    let check = Check::Antivirus { definitions_max_days: 3 };
    let change = |change: &dyn Fn(&mut Antivirus)| after(&check, |facts| change(known(&mut facts.antivirus)));
    let old = (Status::Fail, Why::DefinitionsOld);
    assert_eq!(change(&|_| {}), PASS);
    assert_eq!(change(&|antivirus| antivirus.definitions = Some(ago(3 * DAY))), PASS);
    assert_eq!(change(&|antivirus| antivirus.definitions = Some(ago(3 * DAY + 1))), old);
    assert_eq!(change(&|antivirus| antivirus.definitions = Some(ago(-1))), old);
    assert_eq!(change(&|antivirus| antivirus.definitions = None), old);
    assert_eq!(change(&|antivirus| antivirus.on_access = false), (Status::Fail, Why::NotOnAccess));
    // Another product may be there.
    let gone = after(&check, |facts| gone(&mut facts.antivirus, GapKind::Absent));
    assert_eq!(gone, (Status::Unknown, Why::GapAbsent));
}

#[test]
fn dev_08_clock() {
    let check = Check::Clock { max_error_seconds: 1 };
    let change = |change: &dyn Fn(&mut Clock)| after(&check, |facts| change(known(&mut facts.clock)));
    assert_eq!(change(&|_| {}), PASS);
    let off = (Status::Fail, Why::ClockOff);
    assert_eq!(change(&|clock| clock.max_error_microseconds = 1_000_000), off);
    assert_eq!(change(&|clock| clock.is_synchronised = false), (Status::Fail, Why::ClockUnkept));
    assert_eq!(after(&check, |facts| gone(&mut facts.clock, GapKind::NotLive)).0, Status::Unknown);
    let site = site("[clock]\nmax_error_seconds = 2\n");
    let mut facts = good();
    known(&mut facts.clock).max_error_microseconds = 1_999_999;
    assert_eq!(run(&check, &facts, Some(&site), NOW).status, Status::Pass);
    known(&mut facts.clock).max_error_microseconds = 2_000_000;
    assert_eq!(run(&check, &facts, Some(&site), NOW).status, Status::Fail);
}

#[test]
fn dev_09_accounts() {
    let check = Check::Accounts;
    assert_eq!(after(&check, |_| {}), PASS);
    let shared = (Status::Fail, Why::SharedAccounts);
    let toor = |facts: &mut Facts| known(&mut facts.accounts).administrators.push("toor".to_owned());
    assert_eq!(after(&check, toor), shared);
    assert_eq!(after(&check, |facts| known(&mut facts.accounts).shared.push(1000)), shared);
    let empty = (Status::Fail, Why::EmptyPasswords);
    assert_eq!(after(&check, |facts| known(&mut facts.accounts).open.push("uid 1000".to_owned())), empty);
    assert_eq!(after(&check, |facts| known(&mut facts.passwords).empty.push("uid 1000".to_owned())), empty);
    let rule = SudoRule { file: "/etc/sudoers".to_owned(), line: 3, way: SudoWay::Nopasswd };
    assert_eq!(
        after(&check, |facts| known(&mut facts.sudo).push(rule.clone())),
        (Status::Fail, Why::SudoOpen)
    );
    assert_eq!(after(&check, |facts| gone(&mut facts.accounts, GapKind::Absent)).0, Status::Unknown);
    assert_eq!(after(&check, |facts| gone(&mut facts.passwords, GapKind::Permission)).0, Status::Unknown);
    assert_eq!(after(&check, |facts| gone(&mut facts.sudo, GapKind::Permission)).0, Status::Unknown);
    // What is wrong is wrong also for somebody who cannot read the rest.
    let both = |facts: &mut Facts| {
        gone(&mut facts.passwords, GapKind::Permission);
        known(&mut facts.sudo).push(rule.clone());
    };
    assert_eq!(after(&check, both), (Status::Fail, Why::SudoOpen));
}

#[test]
fn log_01_journal() {
    let check = Check::Journal { min_days: 90 };
    let change = |change: &dyn Fn(&mut Journal)| after(&check, |facts| change(known(&mut facts.journal)));
    assert_eq!(change(&|_| {}), PASS);
    assert_eq!(
        change(&|journal| journal.storage = JournalStorage::Volatile),
        (Status::Fail, Why::JournalVolatile)
    );
    assert_eq!(
        change(&|journal| journal.storage = JournalStorage::None),
        (Status::Fail, Why::JournalVolatile)
    );
    let short = |days: u64| move |journal: &mut Journal| journal.retention_seconds = Some(days * 86_400);
    assert_eq!(change(&short(89)), (Status::Fail, Why::JournalShort));
    assert_eq!(change(&short(90)), PASS);
    let young = (Status::Unknown, Why::JournalYoung);
    assert_eq!(change(&|journal| journal.oldest = Some(ago(90 * DAY - 1))), young);
    assert_eq!(change(&|journal| journal.oldest = Some(ago(-1))), young);
    assert_eq!(change(&|journal| journal.oldest = None), young);
    let site = site("[retention]\ndevice_log_min_days = 91\n");
    assert_eq!(run(&check, &good(), Some(&site), NOW).status, Status::Unknown, "the site's days count");
    let syslog = |journal: &mut Journal| {
        journal.storage = JournalStorage::Volatile;
        journal.syslog = true;
    };
    assert_eq!(change(&syslog), (Status::Unknown, Why::JournalSyslog));
    assert_eq!(after(&check, |facts| gone(&mut facts.journal, GapKind::Permission)).0, Status::Unknown);
}

/// What an item comes to from a view, by a site file and the facts of a PC there, if one was looked at.
fn judged(id: &str, view: View, own: &str, pc: Option<Facts>) -> (Status, Why) {
    let list: Checklist = crate::SATELLITE_OFFICE.parse().unwrap();
    let facts = pc.into_iter().map(|facts| (View::Endpoint, facts)).collect();
    let known = Known { site: Some(site(own)), ..Known::default() };
    let asked = Asked { view: Some(view), only: BTreeSet::from([id.to_owned()]) };
    let answers = evaluate(&list, &facts, &known, &asked, NOW);
    let [answer] = answers.as_slice() else { panic!("{answers:?}") };
    (answer.status, answer.reason.why)
}

#[test]
fn not_applicable_takes_a_statement_and_a_pc_that_agrees() {
    type Case<'a> = (&'a str, &'a str, View, fn(&mut Facts));
    let on_wifi: fn(&mut Facts) = |facts| known(&mut facts.nearby).wireless.push("w".to_owned());
    let cases: [Case<'_>; 4] = [
        ("WIF-01", "wifi", View::Endpoint, on_wifi),
        ("WIF-08", "wifi", View::Hq, on_wifi),
        ("MFP-02", "printers", View::Hq, |facts| known(&mut facts.nearby).printers.push("ipp".to_owned())),
        ("MFP-03", "nas", View::Endpoint, |facts| {
            known(&mut facts.storage).mounts.push(mount("0:60", "cifs", "/srv"));
        }),
    ];
    for (id, class, view, used) in cases {
        let none = format!("[{class}]\nnone = true\n");
        let with = |own: &str, change: &dyn Fn(&mut Facts)| {
            let mut facts = good();
            change(&mut facts);
            judged(id, view, own, Some(facts))
        };
        assert_eq!(with(&none, &|_| {}), (Status::NotApplicable, Why::NoneHere), "{id}");
        assert_eq!(with(&none, &used), (Status::Unknown, Why::NoneDoubted), "{id}");
        for own in ["", &format!("[{class}]\nnone = false\n"), "[dns]\nresolvers = []\n"] {
            assert_ne!(with(own, &|_| {}).0, Status::NotApplicable, "{id} {own}");
        }
        let blind = |facts: &mut Facts| {
            gone(&mut facts.nearby, GapKind::Permission);
            gone(&mut facts.storage, GapKind::Permission);
        };
        assert_eq!(with(&none, &blind), (Status::Unknown, Why::GapPermission), "{id}");
        let said = |facts: &mut Facts| {
            facts.nearby.trust = Trust::Supplied;
            facts.storage.trust = Trust::Supplied;
        };
        assert_eq!(with(&none, &said), (Status::Unknown, Why::NotMeasured), "{id}");
        assert_eq!(with(&none, &|facts| facts.at = ago(-1)), (Status::Unknown, Why::Future), "{id}");
        assert_eq!(with(&none, &|facts| facts.at = ago(400 * DAY)), (Status::Unknown, Why::Stale), "{id}");
        assert_eq!(judged(id, view, &none, None), (Status::Unknown, Why::NoneUnseen), "{id}");
    }
}

#[test]
fn what_a_machine_saw_fail_fails_whatever_there_is_said_to_be() {
    let mut facts = good();
    known(&mut facts.wifi)[0].security = WifiSecurity::Open;
    let status = judged("WIF-01", View::Endpoint, "[wifi]\nnone = true\n", Some(facts));
    assert_eq!(status, (Status::Fail, Why::WifiOpen));
}

#[test]
fn what_is_only_supplied_or_said_never_passes() {
    for trust in [Trust::Supplied, Trust::Word] {
        let status = after(&Check::UsbStorage, |facts| facts.modules.trust = trust);
        assert_eq!(status, (Status::Unknown, Why::NotMeasured));
    }
    assert_eq!(after(&Check::UsbStorage, |facts| facts.modules.trust = Trust::Device), PASS);
}

/// Whoever reads a verdict sees what it was judged by: other facts, other evidence.
#[test]
fn evidence_is_of_what_was_judged() {
    type Change = fn(&mut Facts);
    let approved = vec!["10.90.0.1".to_owned()];
    let support = BTreeMap::new();
    let cases: [(Check, Change); 12] = [
        (Check::DiskEncryption, |facts| known(&mut facts.storage).mounts.push(mount("8:1", "ext4", "/srv"))),
        (Check::Updates { lists_max_days: 7, support }, |facts| known(&mut facts.updates).reboot = true),
        (Check::Listeners { allowed: Vec::new() }, |facts| {
            known(&mut facts.listeners).push(Listener("tcp/22".to_owned()));
        }),
        (Check::UsbStorage, |facts| known(&mut facts.modules).usb_storage = Some(true)),
        (Check::Clock { max_error_seconds: 1 }, |facts| known(&mut facts.clock).is_synchronised = false),
        (Check::Accounts, |facts| known(&mut facts.accounts).administrators.push("toor".to_owned())),
        (Check::Journal { min_days: 90 }, |facts| known(&mut facts.journal).oldest = None),
        (Check::Resolvers { approved }, |facts| known(&mut facts.resolvers).servers.clear()),
        (Check::WifiEncryption, |facts| known(&mut facts.wifi)[0].security = WifiSecurity::Open),
        (Check::WifiLogIn, |facts| known(&mut facts.wifi)[0].security = WifiSecurity::Psk),
        (Check::Antivirus { definitions_max_days: 3 }, |facts| known(&mut facts.antivirus).on_access = false),
        (Check::FullTunnel, |facts| known(&mut facts.routes).world.clear()),
    ];
    for (check, change) in cases {
        let mut other = good();
        change(&mut other);
        let evidence = |facts: &Facts| run(&check, facts, None, NOW).evidence;
        assert_ne!(evidence(&good()), evidence(&other), "{check:?}");
        assert_eq!(evidence(&good())[0].at, NOW);
    }
}
