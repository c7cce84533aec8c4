//! The tests, one by one.

use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use hanare_lab::{Error, Result, run as finish};
use serde_json::Value;

use super::field::Field;

/// One test.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) name: &'static str,
    /// Whether the cable below has segmentation and receive offloads.
    pub(super) with_offload: bool,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Tcp(&'static [&'static str]),
    Udp,
    /// Of all contenders in turns: see [`in_turns`].
    Ping,
    LoadedPing,
}

const fn test(name: &'static str, with_offload: bool, kind: Kind) -> Test {
    Test { name, with_offload, kind }
}

/// All tests, in the order in which they run.
pub(super) const TESTS: &[Test] = &[
    test("ping", true, Kind::Ping),
    test("tcp1", true, Kind::Tcp(&[])),
    test("tcp4", true, Kind::Tcp(&["-P", "4"])),
    test("tcp1r", true, Kind::Tcp(&["-R"])),
    test("udp64", true, Kind::Udp),
    test("ping-loaded", true, Kind::LoadedPing),
    test("tcp1:off", false, Kind::Tcp(&[])),
    test("tcp4:off", false, Kind::Tcp(&["-P", "4"])),
    test("tcp1r:off", false, Kind::Tcp(&["-R"])),
    test("udp64:off", false, Kind::Udp),
    test("ping-loaded:off", false, Kind::LoadedPing),
];

/// Turns that each contender has in a test that goes by turns, and echoes in each.
const TURNS: usize = 5;
const ECHOES: usize = 60;
/// Echoes under load.
const LOADED_ECHOES: usize = 200;

impl Test {
    /// Whether it is measured of all contenders in turns, while none of them carries anything else: how a round trip through an
    /// idle tunnel goes depends on where the scheduler has put the threads just then, and on who else has the machine. Both
    /// change within seconds, so that one go for each says more about its moment than about the contender.
    pub(super) const fn goes_by_turns(&self) -> bool {
        matches!(self.kind, Kind::Ping)
    }
}

/// The figure of a test that goes by turns, for each of the fields: the median of all its echoes.
pub(super) fn in_turns(test: &Test, fields: &[&Field]) -> Vec<Result<Figure>> {
    let mut echoes: Vec<Result<Vec<f64>>> = fields.iter().map(|_| Ok(Vec::new())).collect();
    for _ in 0..TURNS {
        for (field, echoes) in fields.iter().zip(&mut echoes) {
            let Ok(so_far) = echoes else { continue };
            match echo(field, ECHOES) {
                Ok(times) => so_far.extend(times),
                Err(error) => *echoes = Err(error),
            }
        }
    }
    let figure = |times| Ok(Figure { test: test.name.to_owned(), unit: "µs", value: median(times)? });
    echoes.into_iter().map(|times| times.and_then(figure)).collect()
}

/// One measured value.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) test: String,
    pub(super) unit: &'static str,
    pub(super) value: f64,
}

/// Runs a test: its figure and, where bytes were counted, the processor time per gigabyte of both sides.
pub(super) fn run(field: &Field, test: &Test, seconds: u32) -> Result<Vec<Figure>> {
    let figure = |unit, value| Figure { test: test.name.to_owned(), unit, value };
    let before = field.processor_seconds();
    match test.kind {
        Kind::Tcp(arguments) => {
            let report = iperf(field, arguments, seconds)?;
            let used = field.processor_seconds() - before;
            let sum = report.pointer("/end/sum_received").unwrap_or(&Value::Null);
            let (bytes, took) = (number(sum, "bytes")?, number(sum, "seconds")?);
            let cpu = Figure { test: cpu_name(test.name), unit: "s/GB", value: used / (bytes / 1e9) };
            Ok(vec![figure("Gb/s", bytes * 8.0 / took / 1e9), cpu])
        }
        Kind::Udp => {
            let report = iperf(field, &["-u", "-l", "64", "-b", "0"], seconds)?;
            let stream = report.pointer("/end/streams/0/udp").unwrap_or(&Value::Null);
            let arrived = number(stream, "packets")? - number(stream, "lost_packets")?;
            Ok(vec![figure("kpps", arrived / number(stream, "seconds")? / 1e3)])
        }
        Kind::Ping => Ok(vec![figure("µs", median(echo(field, ECHOES)?)?)]),
        Kind::LoadedPing => {
            let mut command = field.client.command("iperf3");
            let target = field.target.to_string();
            command.args(["-c", &target, "-t", "5"]).stdout(Stdio::null()).stderr(Stdio::null());
            let mut load = field.client.spawn("load", &mut command)?;
            sleep(Duration::from_millis(1200));
            let outcome = echo(field, LOADED_ECHOES).and_then(median);
            load.wait(Duration::from_secs(30))?;
            Ok(vec![figure("µs", outcome?)])
        }
    }
}

/// `tcp1:off` becomes `tcp1-cpu:off`.
fn cpu_name(test: &str) -> String {
    test.split_once(':').map_or_else(|| format!("{test}-cpu"), |(name, rest)| format!("{name}-cpu:{rest}"))
}

fn iperf(field: &Field, arguments: &[&str], seconds: u32) -> Result<Value> {
    let mut command = field.client.command("iperf3");
    command.args(["-J", "-c", &field.target.to_string(), "-t", &seconds.to_string()]).args(arguments);
    let output = finish(&mut command, "", Duration::from_secs(u64::from(seconds) + 40))?;
    let report: Value =
        serde_json::from_str(&output.stdout).map_err(|error| unreadable(error.to_string()))?;
    match report.get("error") {
        Some(error) => Err(unreadable(error.to_string())),
        None => Ok(report),
    }
}

/// Round trips in microseconds.
fn echo(field: &Field, count: usize) -> Result<Vec<f64>> {
    let mut command = field.client.command("ping");
    command.args(["-i", "0.01", "-c", &count.to_string(), "-s", "56", &field.target.to_string()]);
    let output = finish(&mut command, "", Duration::from_secs(30))?;
    let milliseconds = output
        .stdout
        .lines()
        .filter_map(|line| line.split_once("time=")?.1.split_whitespace().next()?.parse::<f64>().ok());
    Ok(milliseconds.map(|milliseconds| milliseconds * 1e3).collect())
}

fn median(mut values: Vec<f64>) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().ok_or_else(|| unreadable("no answers".to_owned()))
}

fn number(object: &Value, field: &str) -> Result<f64> {
    let value = object.get(field).and_then(Value::as_f64);
    value.ok_or_else(|| unreadable(format!("iperf3 reports no {field}")))
}

fn unreadable(why: String) -> Error {
    Error::Content { what: "the measurement".to_owned(), why }
}
