//! QR codes as a camera sees them: the blocks of the terminal become a picture, zbarimg reads it, and what it reads works.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hanare_e2e::Deployment;
use hanare_lab::{Error, Result, inside, run};

const LIMIT: Duration = Duration::from_mins(2);
/// Pixels of one module.
const SCALE: usize = 5;

/// Whether a terminal's ink is dark on a light ground, as on paper, or light on a dark screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ink {
    Dark,
    Light,
}

/// Draws the half blocks among the lines of `text` as a bitmap (PBM), with a margin of the ground's colour.
fn picture(text: &str, ink: Ink) -> String {
    let is_code = |line: &&str| line.chars().count() > 20 && line.chars().all(|c| " █▀▄".contains(c));
    let mut rows: Vec<Vec<bool>> = Vec::new();
    for line in text.lines().filter(is_code) {
        rows.push(line.chars().map(|c| "█▀".contains(c)).collect());
        rows.push(line.chars().map(|c| "█▄".contains(c)).collect());
    }
    let (width, height) = (rows.first().map_or(0, Vec::len) * SCALE, rows.len() * SCALE);
    let mut picture = format!("P1\n{width} {height}\n");
    for row in rows {
        let line: String = row
            .iter()
            .flat_map(|inked| [if *inked == (ink == Ink::Dark) { "1 " } else { "0 " }; SCALE])
            .collect();
        for _ in 0..SCALE {
            let _infallible = writeln!(picture, "{line}");
        }
    }
    picture
}

/// What a camera reads.
fn scan(text: &str, ink: Ink, at: &Path) -> Result<String> {
    std::fs::write(at, picture(text, ink)).unwrap();
    let mut zbarimg = Command::new("zbarimg");
    zbarimg.args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"]).arg(at);
    let output = run(&mut zbarimg, "", LIMIT)?.must()?;
    Ok(output.stdout.strip_suffix('\n').unwrap_or(&output.stdout).to_owned())
}

/// Takes a terminal's colours away.
fn without_colours(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn codes_are_read_back_by_a_camera() {
    inside("qr::codes_are_read_back_by_a_camera", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let at = deployment.hq.host.directory().join("code.pbm");
        let invite = |name: &str| {
            ["invite", "kofu/306", "--kind", "endpoint", "--qr", "--name", name].map(str::to_owned)
        };

        // On paper, on a screen, and on a screen without colours: what is read enrols a machine.
        for (name, terminal, colour, ink) in [
            ("paper", false, true, Ink::Dark),
            ("screen", true, true, Ink::Dark),
            ("plain-screen", true, false, Ink::Light),
        ] {
            let arguments = invite(name);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut command = deployment.program.command(&deployment.hq.host, &arguments);
            if terminal {
                let line: Vec<_> = std::iter::once(command.get_program())
                    .chain(command.get_args())
                    .map(|word| word.to_string_lossy().into_owned())
                    .collect();
                command = Command::new("script");
                command.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]);
                if !colour {
                    command.env("NO_COLOR", "1");
                }
            }
            let drawn = run(&mut command, "", LIMIT)?.must()?.stdout.replace('\r', "");
            assert_eq!(drawn.contains("\x1b[30;107m"), terminal && colour, "{drawn:?}");
            let read = scan(&without_colours(&drawn), ink, &at)?;
            let place = deployment.place(name)?;
            let joined = place.node.join(&read)?;
            assert!(joined.good(), "{name}: {read:?}: {joined:?}");
        }

        let file = deployment.hq.host.directory().join("phone.conf");
        let path = file.to_string_lossy().into_owned();
        let phone =
            ["node", "add", "kofu/306", "--kind", "external", "--name", "phone", "--qr", "--wg-quick", &path];
        let drawn = deployment.hq.admin(&phone)?.stdout;
        let text = std::fs::read_to_string(&file).map_err(|source| Error::Path { path: file, source })?;
        assert!(text.contains("PrivateKey"));
        assert_eq!(scan(&drawn, Ink::Dark, &at)?.trim_end(), text.trim_end());
        Ok(())
    });
}
