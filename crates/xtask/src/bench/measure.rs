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
        Kind::Ping => Ok(vec![figure("µs", ping(field)?)]),
        Kind::LoadedPing => {
            let mut command = field.client.command("iperf3");
            let target = field.target.to_string();
            command.args(["-c", &target, "-t", "5"]).stdout(Stdio::null()).stderr(Stdio::null());
            let mut load = field.client.spawn("load", &mut command)?;
            sleep(Duration::from_millis(1200));
            let outcome = ping(field);
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

/// The median round trip of 200.
fn ping(field: &Field) -> Result<f64> {
    let mut command = field.client.command("ping");
    command.args(["-i", "0.01", "-c", "200", "-s", "56", &field.target.to_string()]);
    let output = finish(&mut command, "", Duration::from_secs(30))?;
    let mut times: Vec<f64> = output
        .stdout
        .lines()
        .filter_map(|line| line.split_once("time=")?.1.split_whitespace().next()?.parse().ok())
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied();
    median.map(|milliseconds| milliseconds * 1e3).ok_or_else(|| unreadable("no answers".to_owned()))
}

fn number(object: &Value, field: &str) -> Result<f64> {
    let value = object.get(field).and_then(Value::as_f64);
    value.ok_or_else(|| unreadable(format!("iperf3 reports no {field}")))
}

fn unreadable(why: String) -> Error {
    Error::Content { what: "the measurement".to_owned(), why }
}
