//! The kind `dm-crypt`: a block device under a random key that is handed to the kernel once and that nobody can read back.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use hanare_host::device_mapper::{Mapper, Table};
use hanare_host::{Deed, HostError, kernel_keys, mounts};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::definition::{Definition, length};
use super::error::VolumeError;
use super::holders::Holders;
use super::medium::{KeyState, Medium, attach, detach, make_ext4};
use super::opening::Opening;
use crate::outcome::{Method, Tally, Verified};

/// The device mapper's name for what encrypts.
const CRYPT: &str = "crypt";
/// And for what answers everything with an error.
const ERROR: &str = "error";
const CIPHER: &str = "aes-xts-plain64";
/// The cipher works on whole pages. Who writes encrypts at once: otherwise the kernel queues all that is written back, and
/// nothing can hold the device before all of it is encrypted and written (28 s for a gigabyte in an emulated machine).
const OPTIONS: &str = "2 sector_size:4096 no_write_workqueue";
const OPTIONS_BEFORE_5_9: &str = "1 sector_size:4096";
/// Two keys of AES-256, as XTS wants them.
const KEY: usize = 64;
const SECTOR: u64 = 512;
/// Where the kernel describes its block devices.
const BLOCK: &str = "/sys/block";
/// Where it is described that it has a device mapper.
const MISC: &str = "/sys/class/misc";
const MAPPER: &str = "device-mapper";
/// The udev daemon looks at a device that changed, and lets go by itself.
const LETTING_GO: Duration = Duration::from_secs(5);

/// A device below the device mapper.
pub(super) struct DmCrypt {
    pub(super) backing: PathBuf,
    pub(super) definition: Definition,
}

impl Medium for DmCrypt {
    fn make(&self, opening: &Opening) -> Result<(), VolumeError> {
        let mapper = Mapper::open()?;
        self.definition.check()?;
        let device = attach(&self.backing)?;
        let sectors = self.definition.room().map_or_else(|| length(&device), Ok)? / 4096 * 4096 / SECTOR;
        let mut key = Zeroizing::new([0u8; KEY]);
        SystemRandom::new()
            .fill(key.as_mut_slice())
            .map_err(|_| HostError::io(Deed::Random, &std::io::Error::other("no random bytes")))?;
        let (name, uuid) = (opening.name(), uuid(opening));
        let create = |options: &str| {
            let table = format!("{CIPHER} {} 0 {} 0 {options}", key_word(opening), device.display());
            mapper.create(&name, &uuid, sectors, CRYPT, table.as_bytes())
        };
        let made = kernel_keys::with_logon_key(&key_name(opening), key.as_slice(), || {
            create(OPTIONS).or_else(|_| create(OPTIONS_BEFORE_5_9))
        })
        .map_err(|error| HostError::io(Deed::KernelKey, &error))??;
        drop(key);
        make_ext4(&made.path, "", None)?;
        mounts::mount(&made.path, &opening.mountpoint, "ext4", "noinit_itable,discard")
            .or_else(|_| mounts::mount(&made.path, &opening.mountpoint, "ext4", "noinit_itable"))?;
        Ok(())
    }

    /// What is dirty is not written: the device is held, then the key is wiped. Whatever key is in force goes, also one that is
    /// not ours; but then nobody knows what became of ours.
    fn destroy(&self, opening: &Opening, _: &Holders, _: &mut Tally) -> Result<Verified, VolumeError> {
        let (mapper, uuid) = (Mapper::open()?, uuid(opening));
        let Some(table) = mapper.table(&uuid)? else {
            return if has_namesake(Path::new(BLOCK), opening) {
                Err(VolumeError::Replaced)
            } else {
                Ok(Verified::default())
            };
        };
        let found = found(&table, opening);
        if table.kind == CRYPT && found != Found::Wiped {
            mapper.suspend(&uuid)?;
            mapper.message(&uuid, "key wipe")?;
        }
        if found == Found::Strange { Err(VolumeError::Replaced) } else { Ok(Verified::default()) }
    }

    /// From the kernel's own table. Without a mapping there is no key: its end overwrites it.
    fn key(&self, opening: &Opening) -> Result<KeyState, VolumeError> {
        let mapping = || Ok::<_, VolumeError>(Mapper::open()?.table(&uuid(opening))?);
        let found_table = match mapping() {
            // A kernel that has no device mapper never had a key.
            Err(_) if Path::new(MISC).exists() && !Path::new(MISC).join(MAPPER).exists() => None,
            asked => asked?,
        };
        let Some(table) = found_table else {
            let lives = has_namesake(Path::new(BLOCK), opening);
            return Ok(if lives { KeyState::Present } else { KeyState::Gone });
        };
        Ok(match found(&table, opening) {
            Found::Wiped | Found::Dead => KeyState::Gone,
            Found::Waiting | Found::Alive | Found::Strange => KeyState::Present,
        })
    }

    /// Every read and write ends with an error from now on, so that nobody waits for a device that never answers. The kernel
    /// overwrites the key of a table that is replaced.
    fn release(&self, opening: &Opening) -> Result<(), VolumeError> {
        let (mapper, uuid) = (Mapper::open()?, uuid(opening));
        let Some(table) = mapper.table(&uuid)? else { return Ok(()) };
        let found = found(&table, opening);
        if found == Found::Waiting {
            // Nobody waits for it, and to let it go on would put its key in force: it is removed as it is.
            return Ok(());
        }
        if found != Found::Dead {
            let device = mapper.find(&uuid)?.map(|found| found.path).unwrap_or_default();
            let sectors = length(&device)? / SECTOR;
            mapper.load(&uuid, sectors, ERROR, b"")?;
        }
        Ok(mapper.resume(&uuid)?)
    }

    fn is_ours(&self, opening: &Opening) -> Result<bool, VolumeError> {
        Ok(Mapper::open()?.find(&uuid(opening))?.is_some())
    }

    fn dismantle(&self, opening: &Opening) -> Result<bool, VolumeError> {
        let (mapper, uuid) = (Mapper::open()?, uuid(opening));
        let until = Instant::now() + LETTING_GO;
        let mut clean = true;
        while mapper.find(&uuid)?.is_some() {
            match mapper.remove(&uuid) {
                Ok(()) => break,
                Err(_) if Instant::now() < until => thread::sleep(Duration::from_millis(50)),
                Err(_) => {
                    mapper.remove_later(&uuid)?;
                    clean = false;
                    break;
                }
            }
        }
        detach(&self.backing)?;
        Ok(clean)
    }

    fn raw(&self) -> Option<&Path> {
        Some(&self.backing)
    }

    fn method(&self) -> Method {
        Method::CryptographicErase
    }
}

/// What a mapping's tables say of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// A key that was never in force, so that nothing was written under it: who made it was killed in between.
    Waiting,
    /// Our table with our key.
    Alive,
    /// A key of zeros.
    Wiped,
    /// No table that could have a key.
    Dead,
    /// Nothing that we made.
    Strange,
}

fn found(table: &Table, opening: &Opening) -> Found {
    if table.targets == 0 && table.waiting.as_deref() == Some(CRYPT) {
        return Found::Waiting;
    }
    // A table that waits has a key of its own, but for the one that `release` loads.
    if table.targets > 1 || table.waiting.as_deref().is_some_and(|kind| kind != ERROR) {
        return Found::Strange;
    }
    let words: Vec<&str> = table.parameters.split_ascii_whitespace().collect();
    match (table.targets, table.kind.as_str(), words.as_slice()) {
        (0, _, _) | (1, ERROR, _) => Found::Dead,
        (1, CRYPT, [CIPHER, key, "0", _, "0", ..]) => {
            if key.len() == 2 * KEY && key.bytes().all(|byte| byte == b'0') {
                Found::Wiped
            } else if *key == key_word(opening) {
                Found::Alive
            } else {
                Found::Strange
            }
        }
        _ => Found::Strange,
    }
}

/// Whether a mapping has this opening's name without its uuid: an earlier version of this program made it so, or somebody else,
/// and its key may be the one that work was written under.
fn has_namesake(block: &Path, opening: &Opening) -> bool {
    let devices = fs::read_dir(block).into_iter().flatten().flatten();
    let mut names = devices.filter_map(|device| fs::read_to_string(device.path().join("dm/name")).ok());
    names.any(|name| name.trim_end() == opening.name())
}

/// What the mapping is found by: nobody can change it, whatever the mapping is called.
fn uuid(opening: &Opening) -> String {
    format!("hanare-{}", opening.id)
}

/// The kernel wants a prefix in the name of such a key.
fn key_name(opening: &Opening) -> String {
    format!("hanare:{}", opening.name())
}

/// How the kernel's table names a key that nobody can read.
fn key_word(opening: &Opening) -> String {
    format!(":{KEY}:logon:{}", key_name(opening))
}

#[cfg(test)]
mod tests {
    use hanare_model::Timestamp;

    use super::*;
    use crate::boot::BootId;
    use crate::receipt::WipeId;
    use crate::volume_kind::VolumeKind;

    fn table(kind: &str, parameters: &str) -> Table {
        let parameters = Zeroizing::new(parameters.to_owned());
        Table { targets: 1, kind: kind.to_owned(), parameters, waiting: None }
    }

    fn opening(state: &Path) -> Opening {
        let backing = state.join("backing");
        let definition = Definition::judge(VolumeKind::DmCrypt, 1 << 30, Some(&backing), state).unwrap();
        let (id, boot) = (WipeId::random().unwrap(), BootId::current().unwrap());
        Opening::new(id, boot, Timestamp::from_seconds(0), definition, Path::new("/srv/work"))
    }

    #[test]
    fn a_mapping_of_the_same_name_without_the_uuid_is_seen() {
        let block = tempfile::tempdir().unwrap();
        let opening = opening(block.path());
        for (device, name) in
            [("dm-0", "hanare-other\n".to_owned()), ("dm-1", format!("{}\n", opening.name()))]
        {
            assert!(!has_namesake(block.path(), &opening));
            fs::create_dir_all(block.path().join(device).join("dm")).unwrap();
            fs::create_dir_all(block.path().join("sda")).unwrap();
            fs::write(block.path().join(device).join("dm/name"), name).unwrap();
        }
        assert!(has_namesake(block.path(), &opening));
    }

    #[test]
    fn only_a_wiped_key_or_a_table_without_one_is_gone() {
        let state = tempfile::tempdir().unwrap();
        let opening = opening(state.path());
        let zeros = "0".repeat(2 * KEY);
        let crypt = |key: &str| table(CRYPT, &format!("{CIPHER} {key} 0 7:0 0 1 sector_size:4096"));
        let is = |table: &Table| found(table, &opening);
        let ours = crypt(&key_word(&opening));
        assert_eq!(is(&ours), Found::Alive);
        assert_eq!((is(&crypt(&zeros)), is(&table(ERROR, ""))), (Found::Wiped, Found::Dead));
        assert_eq!(is(&Table { targets: 0, ..table("", "") }), Found::Dead);
        // Killed between loading and putting in force.
        let never = Table { targets: 0, waiting: Some(CRYPT.to_owned()), ..table("", "") };
        assert_eq!(is(&never), Found::Waiting);
        assert_eq!(is(&Table { waiting: Some(ERROR.to_owned()), ..crypt(&zeros) }), Found::Wiped);
        // What root can put in its place.
        for strange in [
            table("linear", "7:0 0"),
            table("", ""),
            crypt(&"1".repeat(2 * KEY)),
            crypt(":64:logon:hanare:another"),
            crypt(&zeros[2..]),
            table(CRYPT, &format!("aes-cbc-essiv:sha256 {zeros} 0 7:0 0")),
            Table { targets: 2, ..crypt(&zeros) },
            Table { waiting: Some(CRYPT.to_owned()), ..crypt(&zeros) },
            Table { waiting: Some(CRYPT.to_owned()), ..table(ERROR, "") },
        ] {
            assert_eq!(is(&strange), Found::Strange, "{strange:?}");
        }
    }
}
