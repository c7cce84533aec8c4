//! One boot of a guest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hanare_lab::{Error, run};
use serde_json::json;

use crate::channel::{Answer, Channel};
use crate::image::Image;
use crate::monitor::Monitor;
use crate::{Result, content, system};

/// Megabytes of memory: a gigabyte of them is dirty in a test.
const MEMORY: u64 = 3072;
/// Seven to twelve seconds on a quiet machine; a busy one has taken fifty.
const BOOT: Duration = Duration::from_mins(3);
const SCRIPT: Duration = Duration::from_mins(3);
/// A guest that does not come up shows how far it came.
const TALKATIVE: &str = "loglevel=6 systemd.journald.forward_to_console=1";

/// A running guest. Dropping it is a power cut.
#[derive(Debug)]
pub struct Guest {
    folder: PathBuf,
    process: Child,
    channel: Channel,
    monitor: Monitor,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Guest {
    /// Boots the disk in `folder`, a copy of `image` that is made if there is none, and waits until it runs scripts.
    ///
    /// # Errors
    /// If QEMU cannot be started, or the guest does not come up.
    pub fn boot(image: &Image, folder: &Path) -> Result<Self> {
        Self::boot_with(image, folder, "")
    }

    /// The same with more words for the kernel.
    ///
    /// # Errors
    /// If QEMU cannot be started, or the guest does not come up.
    pub fn boot_with(image: &Image, folder: &Path, words: &str) -> Result<Self> {
        let disk = Self::disk(folder);
        if !disk.exists() {
            image.copy_to(&disk)?;
        }
        let path = |name: &str| folder.join(name);
        for name in ["agent", "monitor"] {
            // The boot before left it.
            let _may_be_absent = fs::remove_file(path(name));
        }
        let socket = |id: &str| format!("socket,id={id},path={},server=on,wait=off", path(id).display());
        // A test that is killed takes its guest along.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "qemu-system-x86_64"])
            .args(["-accel", "tcg,thread=multi", "-smp", "2", "-display", "none", "-nodefaults"])
            .args(["-no-reboot", "-no-shutdown", "-m", &MEMORY.to_string()])
            .arg("-kernel")
            .arg(&image.kernel)
            .args([
                "-append",
                &format!(
                    "root=/dev/nvme0n1 rw console=ttyS0 {TALKATIVE} init_on_free=1 sysrq_always_enabled=1 {words}"
                ),
            ])
            .args(["-serial", &format!("file:{}", path("console.log").display())])
            .args(["-drive", &format!("file={},if=none,id=disk,format=raw,discard=unmap", disk.display())])
            .args(["-device", "nvme,drive=disk,serial=disk", "-device", "virtio-serial-pci"])
            .args(["-chardev", &socket("agent"), "-device", "virtserialport,chardev=agent,name=agent"])
            .args(["-chardev", &socket("monitor"), "-mon", "chardev=monitor,mode=control"]);
        if let Some(initrd) = &image.initrd {
            command.arg("-initrd").arg(initrd).args(["-device", "qemu-xhci,id=usb"]);
        }
        let name = "qemu-system-x86_64".to_owned();
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|source| Error::Start { command: name, source })?;
        // From here on an error ends QEMU too.
        let mut process = Some(process);
        let opened = Monitor::open(&path("monitor"))
            .and_then(|monitor| Channel::open(&path("agent"), BOOT).map(|channel| (monitor, channel)))
            .map_err(|error| content("the guest's boot", format!("{error}; {}", tail(&path("console.log")))));
        match (opened, process.take()) {
            (Ok((monitor, channel)), Some(process)) => {
                Ok(Self { folder: folder.to_owned(), process, channel, monitor })
            }
            (Ok(_), None) => Err(content("QEMU", "not started")),
            (Err(error), process) => {
                if let Some(mut process) = process {
                    let _gone = process.kill();
                    let _reaped = process.wait();
                }
                Err(error)
            }
        }
    }

    /// The disk of guests in `folder`.
    #[must_use]
    pub fn disk(folder: &Path) -> PathBuf {
        folder.join("disk.img")
    }

    /// Puts a program onto the disk in `folder`, a copy of `image`, before its first boot: `/root/NAME`.
    ///
    /// # Errors
    /// If it has booted already, or cannot be written.
    pub fn bring(image: &Image, folder: &Path, program: &Path) -> Result<()> {
        let disk = Self::disk(folder);
        if folder.join("console.log").exists() {
            return Err(content("the guest's disk", "it has booted before"));
        }
        if !disk.exists() {
            image.copy_to(&disk)?;
        }
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let inside = format!("/root/{name}");
        for request in [format!("write {} {inside}", program.display()), format!("sif {inside} mode 0100755")]
        {
            let mut write = Command::new("debugfs");
            write.args(["-w", "-R", &request]).arg(&disk).env("PATH", hanare_lab::search_path());
            run(&mut write, "", SCRIPT)?.must()?;
        }
        Ok(())
    }

    /// Runs a script inside, however it ends.
    ///
    /// # Errors
    /// If it takes longer than three minutes, or the guest ends.
    pub fn run(&mut self, script: &str) -> Result<Answer> {
        self.channel.run(script, SCRIPT)
    }

    /// Runs a script that switches the guest off, and waits until its power is off. Memory is as it was at that moment.
    ///
    /// # Errors
    /// If it is still on after three minutes.
    pub fn switch_off_with(&mut self, script: &str) -> Result<()> {
        self.channel.send(script)?;
        self.monitor.wait_for("SHUTDOWN", SCRIPT)
    }

    /// Writes all of memory to a file.
    ///
    /// # Errors
    /// If QEMU refuses.
    pub fn memory(&mut self) -> Result<PathBuf> {
        let path = self.folder.join("memory");
        let arguments = json!({"val": 0, "size": MEMORY << 20, "filename": path.display().to_string()});
        self.monitor.ask("pmemsave", &arguments, SCRIPT)?;
        Ok(path)
    }

    /// Plugs a USB device in, into a machine that was made [`Image::with_usb`].
    ///
    /// # Errors
    /// If QEMU refuses.
    pub fn plug(&mut self, device: &str, name: &str) -> Result<()> {
        let arguments = json!({"driver": device, "id": name, "bus": "usb.0"});
        self.monitor.ask("device_add", &arguments, SCRIPT).map(drop)
    }

    /// Pulls it out.
    ///
    /// # Errors
    /// If QEMU refuses.
    pub fn unplug(&mut self, name: &str) -> Result<()> {
        self.monitor.ask("device_del", &json!({"id": name}), SCRIPT).map(drop)
    }

    /// Everything that the guest's console has shown.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn console(&self) -> Result<String> {
        let bytes = fs::read(self.folder.join("console.log")).map_err(system("reading the console"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Pulls the plug.
    pub fn cut(self) {
        drop(self);
    }
}

/// The last lines that the console showed, for whoever asks why a guest did not come up.
fn tail(console: &Path) -> String {
    const LINES: usize = 20;
    let bytes = fs::read(console).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    format!("its console showed {} lines, the last of them:\n{}", lines.len(), last.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_s_end_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let console = folder.path().join("console.log");
        assert!(tail(&console).contains("0 lines"));
        let text: Vec<String> = (0..30).map(|number| format!("line {number}")).collect();
        fs::write(&console, text.join("\r\n")).unwrap();
        let shown = tail(&console);
        assert!(
            shown.contains("line 29") && shown.contains("line 10") && !shown.contains("line 9\n"),
            "{shown}"
        );
    }
}
