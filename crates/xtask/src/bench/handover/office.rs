//! A room for the bench: headquarters, PCs with an agent each, and one employee who works at all of them.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hanare_lab::{
    Authenticator, Daemon, Error, Headquarters, Host, Lab, Link, Node, Program, Result, Segment, until,
};
use serde_json::Value;

const COMPANY: &str = "aoba";
const ROOM: &str = "kofu/306";
const PASSWORD: &str = "ten oranges on a tray";
/// Everything here ends by then, or the figure is none.
const PATIENCE: Duration = Duration::from_mins(10);
/// The last part of the first PC's address.
const FIRST: usize = 10;

pub(super) struct Office<'a> {
    lab: &'a Lab,
    program: Program,
    segment: Segment,
    pub(super) headquarters: Headquarters,
    /// Headquarters' cable.
    pub(super) cable: Link,
    /// Who works at all PCs that have nobody of their own.
    hanako: Employee,
    next: AtomicUsize,
    /// Tells this office's machines from another one's.
    mark: String,
    /// Where headquarters' disk is, if not in memory.
    disk: Option<PathBuf>,
}

impl Drop for Office<'_> {
    fn drop(&mut self) {
        if let Some(disk) = &self.disk {
            let _ = fs::remove_dir_all(disk);
        }
    }
}

/// A PC.
pub(super) struct Desk {
    pub(super) host: Host,
    node: Node,
    pub(super) link: Link,
    pub(super) agent: Daemon,
    pub(super) work: PathBuf,
    /// As it is seen there.
    program: Program,
}

/// Somebody who can prove who they are.
pub(super) struct Employee {
    id: String,
    phone: Authenticator,
    temporary: Option<String>,
}

impl Employee {
    fn hired(headquarters: &Headquarters, id: &str) -> Result<Self> {
        let given = headquarters.ask(&["person", "add", id, "--company", COMPANY])?;
        let text = |field: &str| given.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let phone = Authenticator::new(&text("totp_secret"))?;
        Ok(Self { id: id.to_owned(), phone, temporary: Some(text("password")) })
    }

    /// What they type.
    fn claim(&mut self) -> String {
        let (id, code) = (&self.id, self.phone.code());
        match self.temporary.take() {
            Some(temporary) => format!("{id}\n{temporary}\n{code}\n{PASSWORD}\n"),
            None => format!("{id}\n{PASSWORD}\n{code}\n"),
        }
    }
}

impl<'a> Office<'a> {
    /// Headquarters whose disk is memory.
    pub(super) fn open(lab: &'a Lab, program: &Program, mark: &str) -> Result<Self> {
        Self::open_on(lab, program, mark, None)
    }

    /// Headquarters whose state lies in a new folder on a disk.
    pub(super) fn open_on_disk(lab: &'a Lab, program: &Program, mark: &str, disk: PathBuf) -> Result<Self> {
        let _ = fs::remove_dir_all(&disk);
        fs::create_dir_all(&disk).map_err(|source| Error::Path { path: disk.clone(), source })?;
        Self::open_on(lab, program, mark, Some(disk))
    }

    fn open_on(lab: &'a Lab, program: &Program, mark: &str, disk: Option<PathBuf>) -> Result<Self> {
        let segment = lab.segment(mark)?;
        let host = lab.host(&format!("hq-{mark}"))?;
        if let Some(disk) = &disk {
            let state = host.directory().join("state");
            host.sh(&format!("mount --bind {} {}", disk.display(), state.display()))?;
        }
        let cable = lab.plug(&host, &segment, "eth0", &["192.0.2.1/24"])?;
        let init = ["--company", COMPANY, "--endpoint", "192.0.2.1:51820"];
        let headquarters = Headquarters::open(&host, program, &init, &[])?;
        headquarters.admin(&["room", "add", ROOM, "--company", COMPANY])?;
        let hanako = Employee::hired(&headquarters, "hanako")?;
        let (program, mark, next) = (program.clone(), mark.to_owned(), AtomicUsize::new(FIRST));
        Ok(Self { lab, program, segment, headquarters, cable, hanako, next, mark, disk })
    }

    /// A PC with an agent that waits for somebody to open their work.
    pub(super) fn desk(&self, name: &str) -> Result<Desk> {
        self.desk_in(ROOM, name)
    }

    fn desk_in(&self, room: &str, name: &str) -> Result<Desk> {
        let (host, link) = self.machine(name)?;
        let node = self.enrolled(&host, &self.program, room)?;
        let work = host.directory().join("work");
        fs::create_dir(&work).map_err(|source| Error::Path { path: work.clone(), source })?;
        let agent = self.agent(&host, &work, &[])?;
        Ok(Desk { host, node, link, agent, work, program: self.program.clone() })
    }

    /// A PC whose agent keeps a work volume in memory by a policy.
    pub(super) fn kept_desk(&self, name: &str) -> Result<Desk> {
        let (host, link) = self.machine(name)?;
        // The machine's own /srv stays as it is; and the program where confining /tmp does not hide it.
        host.sh("mount -t tmpfs srv /srv")?;
        let at = |name: &str| host.directory().join(name);
        let put = |path: PathBuf, text: &str| {
            fs::write(&path, text).map_err(|source| Error::Path { path: path.clone(), source })?;
            Ok::<_, Error>(path)
        };
        let program = put(at("program"), "")?;
        host.sh(&format!("mount --bind {} {}", self.program.path().display(), program.display()))?;
        let program = Program::at(program)?;
        let node = self.enrolled(&host, &program, ROOM)?;
        let policy = "version = 1\nname = \"bench\"\n[volume]\nkinds = [\"ram\"]\nsize = \"256M\"\n\
                      [confine]\nswap = \"as-is\"\n[limits]\ncountdown_seconds = 1\n";
        let policy = put(at("wipe.toml"), policy)?.to_string_lossy().into_owned();
        program.run(&host, &["wipe", "volume", "create", "--policy", &policy])?;
        let agent =
            host.spawn("agent", &mut program.command(&host, &["wipe", "agent", "--policy", &policy]))?;
        Ok(Desk { host, node, link, agent, work: PathBuf::from("/srv/work"), program })
    }

    fn machine(&self, name: &str) -> Result<(Host, Link)> {
        let host = self.lab.host(&format!("{name}-{}", self.mark))?;
        let address = format!("192.0.2.{}/24", self.next.fetch_add(1, Ordering::Relaxed));
        let link = self.lab.plug(&host, &self.segment, "eth0", &[&address])?;
        Ok((host, link))
    }

    fn enrolled(&self, host: &Host, program: &Program, room: &str) -> Result<Node> {
        let mut node = Node::new(host, program);
        node.enrol(&self.headquarters, room, "endpoint")?;
        node.up(&[])?;
        Ok(node)
    }

    /// A room of its own, a PC in it and somebody who works there.
    pub(super) fn room(&self, number: usize) -> Result<(Desk, Employee)> {
        let room = format!("kofu/r{number}");
        self.headquarters.admin(&["room", "add", &room, "--company", COMPANY])?;
        let employee = Employee::hired(&self.headquarters, &format!("person{number}"))?;
        Ok((self.desk_in(&room, &format!("pc{number}"))?, employee))
    }

    /// An agent there.
    pub(super) fn agent(&self, host: &Host, work: &std::path::Path, more: &[&str]) -> Result<Daemon> {
        let work = work.to_string_lossy();
        let arguments = [&["wipe", "agent", "--work", &work], more].concat();
        host.spawn("agent", &mut self.program.command(host, &arguments))
    }

    /// Hanako opens her work there.
    pub(super) fn open_work(&mut self, desk: &Desk) -> Result<()> {
        let claim = self.hanako.claim();
        desk.prove(&claim)
    }

    /// What headquarters holds of the company: how many of `what`.
    pub(super) fn held(&self, what: &str) -> Result<u64> {
        let status = self.headquarters.ask(&["handover", "status"])?;
        let companies = status.get("companies").and_then(Value::as_array).into_iter().flatten();
        Ok(companies.filter_map(|company| company.get(what)?.as_u64()).sum())
    }

    /// Waits until headquarters holds so many of `what`: how long that took.
    pub(super) fn until_hq_has(&self, what: &str, count: u64) -> Result<Duration> {
        until("the handover", PATIENCE, || {
            std::thread::sleep(Duration::from_millis(50));
            self.held(what).is_ok_and(|held| held >= count)
        })
    }
}

impl Desk {
    /// Somebody opens their work there.
    pub(super) fn open_work_of(&self, employee: &mut Employee) -> Result<()> {
        self.prove(&employee.claim())
    }

    /// Waits until so many files are held and none waits: how long that took.
    pub(super) fn until_held(&self, files: u64) -> Result<Duration> {
        let start = Instant::now();
        until("the handover", PATIENCE, || {
            std::thread::sleep(Duration::from_millis(80));
            let Ok(standing) = self.standing() else { return false };
            let number = |field: &str| standing.get(field).and_then(Value::as_u64).unwrap_or(0);
            number("files") >= files && number("waiting") == 0
        })?;
        Ok(start.elapsed())
    }

    fn prove(&self, claim: &str) -> Result<()> {
        self.program.attempt(&self.host, &["work", "open", "--stdin"], claim)?.must().map(drop)
    }

    /// How the handover stands there.
    pub(super) fn standing(&self) -> Result<Value> {
        let status = self.program.attempt(&self.host, &["--json", "work", "status"], "")?.json()?;
        Ok(status.get("handover").cloned().unwrap_or_default())
    }

    /// The end of the day: how long it took until all was handed over.
    pub(super) fn close_work(&self) -> Result<Duration> {
        let start = Instant::now();
        self.program.run(&self.host, &["work", "close"])?;
        Ok(start.elapsed())
    }

    /// What runs there for us: the tunnel's daemon and the agent.
    pub(super) fn daemons(&self) -> impl Iterator<Item = &Daemon> {
        self.node.daemon.iter().chain([&self.agent])
    }
}
