//! Work volumes of which somebody holds something that nobody can take away: by a file that is in no process, or in one that cannot
//! be killed.

use std::fs::{self, File, OpenOptions};
use std::io::{IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hanare_wipe_tests::{Image, Result};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

use crate::by_policy::reasons;
use crate::world::{PARTIAL, inside, mount, run, text, verdict};

/// An open file that is in no process, only on its way between two sockets.
fn on_its_way(path: &Path) -> Result<(UnixStream, UnixStream)> {
    let (here, there) = UnixStream::pair()?;
    pass_on(&here, &File::open(path)?)?;
    Ok((here, there))
}

fn pass_on(here: &UnixStream, file: &File) -> Result<()> {
    let (mut space, files) = ([MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))], [file.as_fd()]);
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&files)));
    sendmsg(here, &[IoSlice::new(b"x")], &mut control, SendFlags::empty())?;
    Ok(())
}

/// The file that was on its way.
fn arrived(socket: &UnixStream) -> Result<File> {
    let (mut space, mut byte) = ([MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))], [0]);
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::empty())?;
    let files = control.drain().filter_map(|message| {
        if let RecvAncillaryMessage::ScmRights(files) = message { Some(files) } else { None }
    });
    Ok(files.flatten().next().ok_or("no file")?.into())
}

#[test]
fn a_key_is_not_said_to_be_gone_while_a_file_on_its_way_can_be_read() {
    inside("held::a_key_is_not_said_to_be_gone_while_a_file_on_its_way_can_be_read", || {
        let _swap = crate::world::swap_stays()?;
        let office = crate::by_policy::Office::new("\"fscrypt\"", "")?;
        office.create()?;
        office.open()?;
        let letter = office.volume.join("letter");
        fs::write(&letter, "work that can be read")?;
        hanare_wipe_tests::write_back(&office.volume)?;
        let (here, there) = on_its_way(&letter)?;
        let told = office.machine.run(&["wipe", "volume", "lock", "--yes"])?;
        let held = arrived(&there)?;
        let is_readable = std::io::read_to_string(&held)? == "work that can be read";
        assert!(is_readable, "the attack is none");
        // On its way again: nobody is seen to hold it.
        pass_on(&here, &held)?;
        drop(held);
        assert_eq!(told.status, Some(7), "{}", told.text);
        assert_eq!(told.document.pointer("/volume/key_destroyed"), Some(&false.into()), "{}", told.text);
        for reason in ["unmounted-lazily", "device-stays", "still-readable"] {
            assert!(reasons(&told).iter().any(|told| told == reason), "{reason}: {}", told.text);
        }
        // For as long as that is so, nothing says that all is well, and nobody's next day is laid over it.
        let still = (Some(7), "volume-still-readable");
        for line in [&["wipe", "volume", "lock", "--yes"][..], &["wipe", "resume"], &office.opening()] {
            let told = office.machine.run(line)?;
            assert_eq!((told.status, told.word("code")), still, "{line:?}: {}", told.text);
        }
        let told = office.machine.run(&["wipe", "volume", "status"])?;
        assert_eq!((told.status, told.word("state")), (Some(7), "locked"), "{}", told.text);
        assert_eq!(told.document.get("still_readable"), Some(&true.into()), "{}", told.text);
        let told = office.machine.run(&["wipe", "last"])?;
        assert_eq!(
            (told.status, told.document.get("key_destroyed")),
            (Some(1), Some(&false.into())),
            "{}",
            told.text
        );
        // Once nobody holds it any more, all of it can be used again; there is one receipt of it.
        drop((here, there));
        let told = office.machine.run(&["wipe", "volume", "lock", "--yes"])?;
        assert_eq!(told.document.get("volume"), Some(&serde_json::Value::Null), "{}", told.text);
        assert_eq!((told.status, office.receipts()?), (Some(0), 1), "{}", told.text);
        office.open()?;
        assert_eq!(office.machine.run(&["wipe", "volume", "lock", "--yes"])?.status, Some(0));
        Ok(())
    });
}

/// The kernel gives a device's number away again once nobody holds anything of it: what has it then is somebody else's.
#[test]
fn who_has_the_number_of_a_volume_that_is_gone_is_left_alone() {
    inside("held::who_has_the_number_of_a_volume_that_is_gone_is_left_alone", || {
        let _swap = crate::world::swap_stays()?;
        let office = crate::by_policy::Office::new("\"fscrypt\"", "")?;
        office.create()?;
        office.open()?;
        let letter = office.volume.join("letter");
        fs::write(&letter, "work")?;
        hanare_wipe_tests::write_back(&office.volume)?;
        let number = fs::metadata(&office.volume)?.dev();
        let ways = on_its_way(&letter)?;
        assert_eq!(office.machine.run(&["wipe", "volume", "lock", "--yes"])?.status, Some(7));
        drop(ways);
        // Somebody else's disk on the device that is free by then, and somebody who works there.
        let device = format!("/dev/loop{}", rustix::fs::minor(number));
        hanare_lab::until("the device to be free", Duration::from_secs(10), || {
            run("losetup", &[&device]).is_err()
        })?;
        let place = Path::new(crate::world::PLACE);
        let (image, volume) =
            (Image::make(&place.join("other.img"), 16, "ext4", &[])?, place.join("another"));
        run("losetup", &[&device, text(image.path())])?;
        fs::create_dir(&volume)?;
        mount(&[&device, text(&volume)])?;
        assert_eq!(fs::metadata(&volume)?.dev(), number, "it has another number");
        let mut person = Command::new("sleep").arg("60").current_dir(&volume).spawn()?;
        let told = office.machine.run(&["wipe", "volume", "lock", "--yes"])?;
        assert_eq!(
            (told.status, told.document.get("volume")),
            (Some(0), Some(&serde_json::Value::Null)),
            "{}",
            told.text
        );
        std::thread::sleep(Duration::from_millis(300));
        assert!(person.try_wait()?.is_none(), "somebody else's program was ended");
        let state = fs::read_to_string(format!("/proc/{}/stat", person.id()))?;
        assert!(!state.contains(") T"), "it stands still: {state}");
        person.kill()?;
        person.wait()?;
        run("umount", &[text(&volume)])?;
        run("losetup", &["--detach", &device])?;
        Ok(())
    });
}

/// A file system in user space that takes what it is asked and never answers: whoever asks cannot even be killed. It ends with
/// the server.
fn never_answering(place: &Path) -> Result<File> {
    fs::create_dir(place)?;
    covering(place)
}

/// The same on a directory that is there.
fn covering(place: &Path) -> Result<File> {
    let mut server = OpenOptions::new().read(true).write(true).open("/dev/fuse")?;
    let mut mounting = Command::new("mount");
    mounting.args(["-i", "-t", "fuse", "-o", "fd=0,rootmode=40000,user_id=0,group_id=0", "deaf"]).arg(place);
    assert!(mounting.stdin(server.try_clone()?).status()?.success());
    drop(mounting);
    // Only the first question, `FUSE_INIT`, has an answer: a header of 16 bytes, and 64 bytes with the version that was asked for.
    let mut asked = vec![0; 1 << 16];
    let length = server.read(&mut asked)?;
    let part = |from: usize, length: usize| asked.get(from..from + length).ok_or("a short question");
    assert!(length >= 56 && part(4, 4)? == 26_u32.to_ne_bytes(), "not FUSE_INIT");
    let (unique, version, most_at_once) = (part(8, 8)?, part(40, 8)?, 4096_u32.to_ne_bytes());
    let answer =
        [80_u32.to_ne_bytes().as_slice(), &[0; 4], unique, version, &[0; 12], &most_at_once, &[0; 40]]
            .concat();
    assert_eq!(server.write(&answer)?, answer.len());
    Ok(server)
}

/// Whoever the volume is given to may mount on it, as `fusermount` lets them: what lies below goes all the same.
#[test]
fn a_file_system_in_user_space_over_the_volume_hides_nothing_of_it() {
    inside("held::a_file_system_in_user_space_over_the_volume_hides_nothing_of_it", || {
        let _swap = crate::world::swap_stays()?;
        let room = crate::room::Room::new()?;
        room.must(&room.opening())?;
        fs::write(room.volume.join("letter"), "work")?;
        let server = covering(&room.volume)?;
        assert_eq!(room.state()?, "locked", "it is not covered");
        let told = room.machine.run(&["wipe", "volume", "lock", "--yes"])?;
        drop(server);
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert_eq!(reasons(&told), ["mounted-over"], "{}", told.text);
        assert_eq!(told.document.pointer("/volume/key_destroyed"), Some(&true.into()), "{}", told.text);
        assert!(told.number("verified/reread_bytes") >= 4, "{}", told.text);
        room.must(&room.opening())?;
        assert_eq!(room.must(&["wipe", "volume", "lock", "--yes"])?.word("verdict"), "pass");
        Ok(())
    });
}

#[test]
fn a_process_that_refuses_to_die_keeps_no_key() {
    inside("held::a_process_that_refuses_to_die_keeps_no_key", || {
        let _swap = crate::world::swap_stays()?;
        let room = crate::room::Room::new()?;
        room.must(&room.opening())?;
        fs::write(room.volume.join("letter"), "work")?;
        let deaf = Path::new(crate::world::PLACE).join("deaf");
        let mut server = never_answering(&deaf)?;
        let mut holder = Command::new("sh")
            .args(["-c", "exec 3< \"$0/letter\"; read -r line < \"$1/question\""])
            .args([&room.volume, &deaf])
            .spawn()?;
        // Once it is taken, nobody can take the question back.
        let mut question = vec![0; 1 << 16];
        assert!(server.read(&mut question)? > 0);
        let told = room.machine.run(&["wipe", "volume", "lock", "--yes"])?;
        let is_there =
            Path::new(&format!("/proc/{}/stat", holder.id())).exists() && holder.try_wait()?.is_none();
        drop(server);
        holder.wait()?;
        assert!(is_there, "it could be killed");
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert_eq!(told.document.pointer("/volume/key_destroyed"), Some(&true.into()), "{}", told.text);
        for reason in ["process-stays", "unmounted-lazily"] {
            assert!(reasons(&told).iter().any(|told| told == reason), "{reason}: {}", told.text);
        }
        assert_eq!(room.machine.receipts()?.len(), 1);
        Ok(())
    });
}

/// A sandbox that was made while the volume was open has its own mount of it, though nothing of it is open there.
#[test]
fn a_mount_in_somebody_s_own_namespace_is_no_pass_and_shows_nothing() {
    inside("held::a_mount_in_somebody_s_own_namespace_is_no_pass_and_shows_nothing", || {
        let _swap = crate::world::swap_stays()?;
        let room = crate::room::Room::new()?;
        // As a service of the system has one: its mount is taken away. And as anybody can make one, who cannot give up a mount that
        // came with it.
        sandboxed(&room, &["-m"], "pass", &[])?;
        sandboxed(&room, &["-U", "-r", "-m"], "partial", &["mounted-elsewhere"])
    });
}

/// Ends a day with a sandbox of this kind.
fn sandboxed(room: &crate::room::Room, kind: &[&str], verdict: &str, why: &[&str]) -> Result<()> {
    {
        room.must(&room.opening())?;
        fs::write(room.volume.join("letter"), "work")?;
        let ready = Path::new(crate::world::PLACE).join(format!("ready{}", kind.len()));
        let mut sandbox = Command::new("unshare")
            .args(kind)
            .args(["--propagation", "private", "sh", "-c", "cd / && : > \"$0\" && exec sleep 60"])
            .arg(&ready)
            .spawn()?;
        hanare_lab::until("the sandbox", Duration::from_secs(10), || ready.exists())?;
        let seen = Path::new("/proc").join(sandbox.id().to_string()).join("root");
        let seen = seen.join(room.volume.strip_prefix("/")?).join("letter");
        assert_eq!(fs::read_to_string(&seen)?, "work", "the attack is none");
        let told = room.machine.run(&["wipe", "volume", "lock", "--yes"])?;
        let after = fs::read_to_string(&seen);
        sandbox.kill()?;
        sandbox.wait()?;
        assert!(after.is_err(), "{after:?}");
        assert_eq!(
            (told.word("verdict"), reasons(&told)),
            (verdict, why.iter().map(|why| (*why).to_owned()).collect()),
            "{}",
            told.text
        );
        assert_eq!(told.document.pointer("/volume/key_destroyed"), Some(&true.into()), "{}", told.text);
    }
    Ok(())
}
