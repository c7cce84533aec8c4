//! Work data in a bucket of a real S3 server that is killed in the middle, and moved there and back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hanare_e2e::{Deployment, Garage, Refusal, long};
use hanare_lab::{Host, Result, inside, until};
use serde_json::Value;

use crate::desk::{Desk, held, until_held};
use crate::handover::noise;
use crate::person::{Person, add};

const LIMIT: Duration = Duration::from_mins(15);
const SOON: Duration = Duration::from_mins(2);
/// Longer than headquarters looks after its bucket.
const NOTICED: Duration = Duration::from_mins(1);
const NAME: &str = "s3.example.jp";

/// A headquarters, an S3 server beside it, a person at a desk.
struct Office<'a> {
    deployment: Deployment<'a>,
    garage: Garage,
    desk: Desk,
    hanako: Person,
}

impl<'a> Office<'a> {
    fn open(lab: &'a hanare_lab::Lab) -> Result<Self> {
        let mut deployment = Deployment::open(lab)?;
        // The first place after headquarters.
        let place = deployment.place("s3")?;
        let garage = Garage::open(&place.host, "192.0.2.10")?;
        named(&deployment.hq.host)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, "pc")?;
        desk.open(&deployment, &mut hanako, true)?;
        Ok(Self { deployment, garage, desk, hanako })
    }

    fn state(&self) -> PathBuf {
        self.deployment.hq.host.directory().join("state")
    }

    /// What an admin writes.
    fn files(&self, secret: &str) -> PathBuf {
        let path = self.state().join("keys/bucket-secret");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, secret).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let file = self.deployment.hq.host.directory().join("new-bucket.toml");
        let text = format!(
            "version = 1\nendpoint = \"http://{NAME}:3900\"\nregion = \"{}\"\nbucket = \"{}\"\n\
             prefix = \"kofu\"\naccess_key_id = \"{}\"\nallow_http = true\n",
            Garage::REGION,
            Garage::BUCKET,
            Garage::KEY_ID,
        );
        fs::write(&file, text).unwrap();
        file
    }

    fn stop(&mut self) -> Result<()> {
        self.deployment.hq.daemon.stop(Duration::from_secs(20)).map(drop)
    }

    fn start(&mut self) -> Result<()> {
        self.deployment.hq.start_again()?;
        self.deployment.until_it_pings(&self.desk.place.host, SOON).map(drop)
    }

    /// A command whose exit status says more than good or not.
    fn told(&self, arguments: &[&str], status: i32) -> Result<Value> {
        let words = [&["--json"], arguments].concat();
        let output = self.deployment.program.attempt(&self.deployment.hq.host, &words, "")?;
        assert_eq!(output.code(), Some(status), "{output:?}");
        output.json()
    }

    /// What `hq status` says of the bucket, whatever else is wrong.
    fn standing(&self) -> Result<Value> {
        let words = ["--json", "hq", "status"];
        let output = self.deployment.program.attempt(&self.deployment.hq.host, &words, "")?;
        let objects = output.json()?["objects"].clone();
        assert!(objects["trouble"].is_null() || output.code() == Some(7), "{output:?}");
        Ok(objects)
    }

    fn moved(&mut self, to: &[&str], status: i32) -> Result<Value> {
        self.stop()?;
        let moved = self.told(&[&["hq", "objects", "move"], to].concat(), status)?;
        self.start()?;
        Ok(moved)
    }

    /// Gets all of a person's work, and how that ends.
    fn get(&self, dest: &str, path: &[&str]) -> Result<(Option<i32>, PathBuf)> {
        let dest = self.deployment.hq.host.directory().join(dest);
        let to = dest.display().to_string();
        let words = [&["handover", "get", "hanako"], path, &[&to, "--reason", "a look"]].concat();
        let output = self.deployment.program.attempt(&self.deployment.hq.host, &words, "")?;
        Ok((output.code(), dest))
    }

    /// Objects on headquarters' own disk.
    fn here(&self) -> usize {
        let folders = fs::read_dir(self.state().join("work/objects")).unwrap();
        folders.map(|folder| fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
    }
}

/// The server's name for a machine of the laboratory, which has no resolver.
fn named(host: &Host) -> Result<()> {
    let hosts = host.directory().join("hosts");
    fs::write(&hosts, format!("127.0.0.1 localhost\n192.0.2.10 {NAME}\n")).unwrap();
    host.sh(&format!("mount --bind {} /etc/hosts", hosts.display())).map(drop)
}

fn same(folder: &Path, expected: &[(&str, &[u8])]) {
    for (path, bytes) in expected {
        assert!(fs::read(folder.join(path)).is_ok_and(|read| read == *bytes), "{path}");
    }
}

#[test]
fn work_lives_in_a_bucket_whose_server_is_killed_and_comes_back_bit_for_bit() {
    if !long() {
        return;
    }
    inside(
        "bucket::work_lives_in_a_bucket_whose_server_is_killed_and_comes_back_bit_for_bit",
        LIMIT,
        |lab| {
            let mut office = Office::open(lab)?;
            let (early, large, late) = (noise(5 << 20), noise(40 << 20), noise(3 << 20));
            let canary = b"CANARY of a day's work ".repeat(300);
            office.desk.write("見積/第1版.xlsx", &early);
            office.desk.write("CANARY-name", &canary);
            let mut expected: Vec<(&str, &[u8])> =
                vec![("見積/第1版.xlsx", &early), ("CANARY-name", &canary)];
            until_held(&office.deployment, "pc", &expected)?;

            // Headquarters runs; then the file, the secret and the key are wrong.
            let file = office.files(Garage::SECRET).display().to_string();
            let to = ["hq", "objects", "move", "--to", &file];
            let (program, host) = (office.deployment.program.clone(), office.deployment.hq.host.clone());
            Refusal(4, "hq-runs").of(&program, &host, &to, "")?;
            Refusal(6, "objects-here").of(&program, &host, &["hq", "objects", "clean", "--yes"], "")?;
            office.stop()?;
            let secret = office.state().join("keys/bucket-secret");
            fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
            Refusal(3, "bucket-secret").of(&program, &host, &to, "")?;
            office.files("0123456789");
            let refused = Refusal(6, "bucket-refused").of(&program, &host, &to, "")?;
            let cause = refused["cause"].as_str().unwrap();
            assert!(cause.contains("403") && !cause.contains("0123456789"), "{refused}");
            assert!(!office.state().join("work/bucket.toml").exists());
            office.garage.daemon.kill()?;
            Refusal(5, "bucket-unreachable").of(&program, &host, &to, "")?;
            office.garage.start_again()?;

            // There.
            office.files(Garage::SECRET);
            let before = office.here();
            let moved = office.moved(&["--to", &file], 0)?;
            assert_eq!(
                (&moved["place"], moved["objects"].as_u64()),
                (&"bucket".into(), Some(before as u64)),
                "{moved}"
            );
            let mode = fs::metadata(office.state().join("work/bucket.toml")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let shown = office.told(&["hq", "objects", "show"], 0)?;
            assert_eq!(
                (&shown["answers"], shown["local_objects"].as_u64()),
                (&true.into(), Some(before as u64))
            );
            let cleaned = office.told(&["hq", "objects", "clean", "--yes"], 0)?;
            assert_eq!((cleaned["objects"].as_u64(), office.here()), (Some(before as u64), 0), "{cleaned}");
            let place = format!("http://{NAME}:3900/{}/kofu", Garage::BUCKET);
            assert_eq!(office.standing()?["bucket"], place.as_str());

            // Its server is killed while much is on its way.
            office.desk.write("large", &large);
            std::thread::sleep(Duration::from_secs(3));
            office.garage.daemon.kill()?;
            office.desk.write("meanwhile", &late);
            until("trouble that is told", NOTICED, || {
                office.standing().is_ok_and(|objects| objects["trouble"].is_object())
            })?;
            std::thread::sleep(Duration::from_secs(5));
            let standing = office.desk.standing(&office.deployment)?;
            assert!(standing["waiting"].as_u64().unwrap() > 0, "{standing}");
            // Headquarters is killed, too, and starts without its bucket.
            office.deployment.hq.daemon.kill()?;
            office.start()?;
            assert_eq!(office.deployment.hq.ask(&["handover", "status"])?["companies"][0]["company"], "aoba");
            let begun = Instant::now();
            office.garage.start_again()?;
            expected.extend([("large", large.as_slice()), ("meanwhile", late.as_slice())]);
            let all = || held(&office.deployment, "pc").is_ok_and(|held| held.len() == expected.len());
            until("all of it at headquarters", SOON, all)?;
            until_held(&office.deployment, "pc", &expected)?;
            println!(
                "measured: all at headquarters {:.1} s after the S3 server was back",
                begun.elapsed().as_secs_f64()
            );
            until("the end of trouble", NOTICED, || {
                office.standing().is_ok_and(|objects| objects["trouble"].is_null())
            })?;
            let begun = Instant::now();
            let (status, dest) = office.get("all", &[])?;
            assert_eq!(status, Some(0));
            println!("measured: 48 MiB got back in {:.1} s", begun.elapsed().as_secs_f64());
            same(&dest, &expected);
            assert_eq!(office.here(), 0, "nothing lies on headquarters' disk");

            // Its server knows no name and no content.
            for clear in ["CANARY", "xlsx", "見積", "hanako", "aoba"] {
                let folder = office.garage.folder().display().to_string();
                let found = office.garage.host.run("grep", ["-rla", clear, &folder], "", SOON)?;
                assert_eq!(found.stdout, "", "{clear}");
            }
            let logs = office.deployment.hq.daemon.said();
            assert!(!logs.contains(Garage::SECRET) && !logs.contains("CANARY"));
            Ok(())
        },
    );
}

#[test]
fn what_somebody_removed_from_the_bucket_is_said_and_the_rest_moves_back() {
    if !long() {
        return;
    }
    inside("bucket::what_somebody_removed_from_the_bucket_is_said_and_the_rest_moves_back", LIMIT, |lab| {
        let mut office = Office::open(lab)?;
        let file = office.files(Garage::SECRET).display().to_string();
        office.moved(&["--to", &file], 0)?;
        let (first, second) = (noise(100_000), noise(200_000));
        office.desk.write("first", &first);
        until_held(&office.deployment, "pc", &[("first", &first)])?;
        let doomed = names(&office.garage)?;
        assert_eq!(doomed.len(), 1, "{doomed:?}");
        office.desk.write("second", &second);
        until_held(&office.deployment, "pc", &[("first", &first), ("second", &second)])?;
        office.garage.curl("DELETE", &format!("/{}", doomed[0]))?.must()?;

        let (status, _) = office.get("gone", &["first"])?;
        assert_ne!(status, Some(0));
        let (status, dest) = office.get("there", &["second"])?;
        assert_eq!(status, Some(0));
        assert!(fs::read(dest).unwrap() == second);
        // On another machine the rest comes, and what is damaged is said.
        let other = Desk::new(&mut office.deployment, "pc-2")?;
        other.open(&office.deployment, &mut office.hanako, false)?;
        until("the other file on the other machine", SOON, || {
            fs::read(other.work.join("second")).is_ok_and(|read| read == second)
        })?;
        let log = || office.deployment.hq.daemon.said();
        until("the damage on the log", SOON, || log().contains("a chunk is damaged"))?;
        assert!(!other.work.join("first").exists());

        // Back, without what is lost; and there again.
        let moved = office.moved(&["--to-local"], 7)?;
        assert_eq!((moved["objects"].as_u64(), moved["unreadable"].as_u64()), (Some(1), Some(1)), "{moved}");
        assert!(!office.state().join("work/bucket.toml").exists() && office.here() == 1);
        let (_, dest) = office.get("back", &["second"])?;
        assert!(fs::read(dest).unwrap() == second);
        let again = office.told(&["hq", "objects", "show"], 0)?;
        assert_eq!((&again["place"], again["objects"].as_u64()), (&"local".into(), Some(2)), "{again}");

        // The process that connects is gone: so is its worker, and with the next one all is well.
        office.moved(&["--to", &file], 7)?;
        let dials = |pid: &u32| {
            fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == b"dial"))
        };
        let children = office.deployment.hq.daemon.children();
        let dialler: Vec<u32> = children.into_iter().filter(dials).collect();
        assert_eq!(dialler.len(), 1);
        let status = fs::read_to_string(format!("/proc/{}/status", dialler[0])).unwrap();
        for confined in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"] {
            assert!(status.contains(confined), "{confined}: {status}");
        }
        office.deployment.hq.host.sh(&format!("kill -9 {}", dialler[0]))?;
        let ended = office.deployment.hq.daemon.wait(SOON)?;
        assert_eq!(ended.code(), Some(4));
        office.start()?;
        let third = noise(50_000);
        office.desk.write("third", &third);
        until("what was written last", SOON, || {
            let (status, dest) = office.get("third", &["third"]).unwrap();
            let read = fs::read(&dest);
            drop(fs::remove_file(&dest));
            status == Some(0) && read.is_ok_and(|read| read == third)
        })?;
        Ok(())
    });
}

/// Names of all objects but the mark.
fn names(garage: &Garage) -> Result<Vec<String>> {
    let listed = garage.curl("GET", "?list-type=2")?.must()?.stdout;
    let names = listed.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
    Ok(names.filter(|name| !name.ends_with("/hanare")).map(str::to_owned).collect())
}
