//! Memory on its way to a disk: what is swapped out while a volume is open, and how long it takes to read swap back.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hanare_wipe_tests::{Found, Kind, Planter, Result, Seed, scan, told};
use serde_json::Value;

use crate::confinement::Desk;
use crate::world::{PASS, PLACE, inside, run, text, verdict};

/// Fills memory with its standard input, has it swapped out, says so and waits.
const SWAPPED: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void) {
    char line[65] = {0};
    size_t all = 4 << 20, length = fread(line, 1, 64, stdin);
    char *memory = mmap(0, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t at = 0; at + 64 <= all; at += 64) memcpy(memory + at, line, length);
    madvise(memory, all, MADV_PAGEOUT);
    puts("out");
    fflush(stdout);
    pause();
}
"#;

/// How often what a program had in memory is on the disk that is swapped to.
fn swapped_out(program: &Path, disk: &Path, seed: Seed) -> Result<u64> {
    let mut command = Command::new(program);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let secret = Planter::new(seed).body(Kind::Data, 1, 64);
    child.stdin.take().ok_or("no input")?.write_all(&secret)?;
    let mut said = [0; 3];
    child.stdout.take().ok_or("no output")?.read_exact(&mut said)?;
    run("sync", &[])?;
    let found = scan(disk, seed);
    child.kill()?;
    child.wait()?;
    Ok(found?.values().sum())
}

#[test]
fn plaintext_in_swap() {
    inside("swap::plaintext_in_swap", || {
        let desk = Desk::new("ram")?;
        let at = |name: &str| Path::new(PLACE).join(name);
        let (area, source, program) = (at("swap.img"), at("swapped.c"), at("swapped"));
        fs::write(&source, SWAPPED)?;
        run("cc", &["-O1", "-o", text(&program), text(&source)])?;
        // The control: without confinement it is there to be found.
        let before = swapped_out(&program, &area, Seed::of("before"))?;
        assert!(before > 1000, "only {before} were swapped out");
        desk.must(&desk.opening())?;
        let during = swapped_out(&program, &area, Seed::of("during"))?;
        assert_eq!(verdict(&desk.end()?), PASS);
        println!("measured: {before} canaries in plain swap, {during} while swap is compressed memory");
        assert_eq!((during, scan(&area, Seed::of("during"))?), (0, Found::new()));
        Ok(())
    });
}

/// Reading swap back can take minutes, and whoever opens holds the lock meanwhile.
#[test]
fn no_key_lives_while_swap_is_read_back() {
    inside("swap::no_key_lives_while_swap_is_read_back", || {
        let desk = Desk::new("ram")?;
        let record = desk.machine.state().join("wipe/opening.json");
        let opening = desk.machine.delayed_at("swapoff", 4000, &desk.opening())?;
        let is_taken_out = || {
            let text = fs::read_to_string(&record).unwrap_or_default();
            serde_json::from_str::<Value>(&text)
                .is_ok_and(|noted| noted["swap_before"] != Value::Array(Vec::new()))
        };
        hanare_lab::until("swap to be taken out of use", Duration::from_secs(20), is_taken_out)?;
        let ended = desk.machine.run(&["wipe", "volume", "lock", "--yes"])?;
        let code = ended.word("code");
        assert_eq!((ended.status, code), (Some(4), "volume-swap-comes-back"), "{}", ended.text);
        assert!(run("findmnt", &[text(&desk.volume)]).is_err(), "nobody can end it, and there it is");
        let opened = told(opening)?;
        assert_eq!(opened.status, Some(0), "{}", opened.text);
        assert_eq!(verdict(&desk.end()?), PASS);
        Ok(())
    });
}
