//! A room for the bench: headquarters, PCs with an agent each, and one employee who works at all of them.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hanare_lab::{
    Authenticator, Daemon, Error, Headquarters, Host, Lab, Link, Node, Program, Result, Segment, until,
};
use serde_json::Value;

const COMPANY: &str = "aoba";
const ROOM: &str = "kofu/306";
const PERSON: &str = "hanako";
const PASSWORD: &str = "ten oranges on a tray";
/// Everything here ends by then, or the figure is none.
const PATIENCE: Duration = Duration::from_mins(10);

pub(super) struct Office<'a> {
    lab: &'a Lab,
    program: Program,
    segment: Segment,
    pub(super) headquarters: Headquarters,
    /// Headquarters' cable.
    pub(super) cable: Link,
    phone: Authenticator,
    temporary: Option<String>,
    next: u8,
    /// Tells this office's machines from another one's.
    mark: String,
}

/// A PC.
pub(super) struct Desk {
    pub(super) host: Host,
    _node: Node,
    pub(super) link: Link,
    pub(super) agent: Daemon,
    pub(super) work: PathBuf,
}

impl<'a> Office<'a> {
    pub(super) fn open(lab: &'a Lab, program: &Program, mark: &str) -> Result<Self> {
        let segment = lab.segment(mark)?;
        let host = lab.host(&format!("hq-{mark}"))?;
        let cable = lab.plug(&host, &segment, "eth0", &["192.0.2.1/24"])?;
        let init = ["--company", COMPANY, "--endpoint", "192.0.2.1:51820"];
        let headquarters = Headquarters::open(&host, program, &init, &[])?;
        headquarters.admin(&["room", "add", ROOM, "--company", COMPANY])?;
        let given = headquarters.ask(&["person", "add", PERSON, "--company", COMPANY])?;
        let text = |field: &str| given.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let phone = Authenticator::new(&text("totp_secret"))?;
        let temporary = Some(text("password"));
        let (program, mark) = (program.clone(), mark.to_owned());
        Ok(Self { lab, program, segment, headquarters, cable, phone, temporary, next: 10, mark })
    }

    /// A PC with an agent that waits for somebody to open their work.
    pub(super) fn desk(&mut self, name: &str) -> Result<Desk> {
        let host = self.lab.host(&format!("{name}-{}", self.mark))?;
        let address = format!("192.0.2.{}/24", self.next);
        self.next += 1;
        let link = self.lab.plug(&host, &self.segment, "eth0", &[&address])?;
        let mut node = Node::new(&host, &self.program);
        node.enrol(&self.headquarters, ROOM, "endpoint")?;
        node.up(&[])?;
        let work = host.directory().join("work");
        fs::create_dir(&work).map_err(|source| Error::Path { path: work.clone(), source })?;
        let agent = self.agent(&host, &work)?;
        Ok(Desk { host, _node: node, link, agent, work })
    }

    fn agent(&self, host: &Host, work: &std::path::Path) -> Result<Daemon> {
        let work = work.to_string_lossy();
        host.spawn("agent", &mut self.program.command(host, &["wipe", "agent", "--work", &work]))
    }

    /// The employee opens their work there.
    pub(super) fn open_work(&mut self, desk: &Desk) -> Result<()> {
        let code = self.phone.code();
        let claim = match self.temporary.take() {
            Some(temporary) => format!("{PERSON}\n{temporary}\n{code}\n{PASSWORD}\n"),
            None => format!("{PERSON}\n{PASSWORD}\n{code}\n"),
        };
        self.program.attempt(&desk.host, &["work", "open", "--stdin"], &claim)?.must().map(drop)
    }

    /// How the handover stands there.
    pub(super) fn standing(&self, desk: &Desk) -> Result<Value> {
        let status = self.program.attempt(&desk.host, &["--json", "work", "status"], "")?.json()?;
        Ok(status.get("handover").cloned().unwrap_or_default())
    }

    /// Waits until so many files are held and none waits: how long that took.
    pub(super) fn until_held(&self, desk: &Desk, files: u64) -> Result<Duration> {
        let start = Instant::now();
        until("the handover", PATIENCE, || {
            std::thread::sleep(Duration::from_millis(80));
            let Ok(standing) = self.standing(desk) else { return false };
            let number = |field: &str| standing.get(field).and_then(Value::as_u64).unwrap_or(0);
            number("files") >= files && number("waiting") == 0
        })?;
        Ok(start.elapsed())
    }

    /// The end of the day: how long it took until all was handed over.
    pub(super) fn close_work(&self, desk: &Desk) -> Result<Duration> {
        let start = Instant::now();
        self.program.run(&desk.host, &["work", "close"])?;
        Ok(start.elapsed())
    }
}

impl Desk {
    /// Processor time of the agent so far, in seconds.
    pub(super) fn processor(&self) -> f64 {
        // The lab's command runs through nsenter, which becomes it: one process.
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.agent.pid())).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        let ticks = |place: usize| {
            after_name.split_whitespace().nth(place).and_then(|word| word.parse::<f64>().ok()).unwrap_or(0.0)
        };
        // proc(5): utime and stime are the 14th and 15th field; the kernel tells them in hundredths.
        (ticks(11) + ticks(12)) / 100.0
    }
}
