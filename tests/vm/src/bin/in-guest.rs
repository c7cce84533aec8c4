//! What tests have to do inside a guest: plant canaries, count them, look at the outside, replay what was written to a disk.
//!
//! `in-guest plant DIRECTORY SEED FILES EXTRA`, `in-guest scan IMAGE SEED`, `in-guest print DIRECTORY`,
//! `in-guest log LOG`, `in-guest replay LOG DISK FROM TO`, `in-guest store-write FOLDER DEVICE SEED COUNT` and
//! `in-guest store-check FOLDER SEED COUNT`. Whatever is told is JSON.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use hanare_vm::{Log, work_store};
use hanare_wipe_tests::{Planter, Seed, print_of, scan};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let told = match words[..] {
        ["plant", place, seed, files, extra] => {
            Planter::new(Seed::of(seed)).plant(Path::new(place), files.parse()?, extra.parse()?)?;
            Value::Null
        }
        ["scan", image, seed] => {
            let found = scan(Path::new(image), Seed::of(seed))?;
            let of_kind = |(kind, count)| (format!("{kind:?}"), json!(count));
            Value::Object(found.into_iter().map(of_kind).collect())
        }
        ["print", place] => json!(print_of(Path::new(place))?),
        ["log", log] => {
            let entries = Log::open(Path::new(log))?.entries;
            json!(entries.iter().map(|entry| json!([entry.is_barrier, entry.mark])).collect::<Vec<_>>())
        }
        ["replay", log, disk, from, to] => {
            let disk = File::options().write(true).open(disk)?;
            Log::open(Path::new(log))?.replay(from.parse()?..to.parse()?, &disk)?;
            Value::Null
        }
        ["store-write", folder, device, seed, count] => runtime()?.block_on(work_store::write(
            Path::new(folder),
            device,
            seed.parse()?,
            count.parse()?,
        ))?,
        ["store-check", folder, seed, count] => {
            runtime()?.block_on(work_store::check(Path::new(folder), seed.parse()?, count.parse()?))?
        }
        _ => return Err("this is for the tests of virtual machines".into()),
    };
    Ok(writeln!(std::io::stdout(), "{told}")?)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
