# The work volume: help, failures, what is told.

cmd-hanare-wipe-volume = The work volume: where work data may live on this machine
    .example =
        hanare wipe volume create --kind dm-crypt --size 8G
        hanare wipe volume open
cmd-hanare-wipe-volume-create = Make room for the work volume and decide what it is
    .long = Kinds: dm-crypt (a file or device that the kernel encrypts), ram (memory only), fscrypt (for kernels without dm-crypt). Every opening makes a new key, which exists in the kernel's memory only.
    .example =
        hanare wipe volume create --kind dm-crypt --size 8G
        hanare wipe volume create --kind dm-crypt --size 200G /dev/nvme0n1p4 --yes
        hanare wipe volume create --kind ram --size 512M --standalone
        hanare wipe volume create --policy office-endpoint.toml
    .kind = dm-crypt, ram or fscrypt
    .size = How large it is: 512M, 8G
    .policy = Take kind and size from a policy: the first of its kinds that this machine has
    .backing = A new file, or a device whose content goes [default: a file in the state directory]
    .yes = Do not ask before a device is overwritten
    .dry_run = Say what would be made, change nothing
    .standalone = Also on a machine that is not enrolled
cmd-hanare-wipe-volume-open = Make the volume anew with a new key, and show it
    .long = With --confine, /tmp, /var/tmp and the work homes lie on the volume too, and swap on a disk gives way to compressed memory, until the volume is locked.
    .example =
        hanare wipe volume open
        hanare wipe volume open --mount /srv/work --confine --home /home/work
        hanare wipe volume open --policy office-endpoint.toml --confine
    .mount = Where [default: /srv/work]
    .policy = A policy: where it is mounted, and with --confine what lies on it
    .confine = Keep temporary files, work homes and swap on the volume or in memory
    .home = A work home to be bound onto the volume; may be repeated
cmd-hanare-wipe-volume-lock = Destroy the key and everything in the volume
    .long = Processes that use the volume are ended. Ends with 7 if something can still be read somewhere.
    .example = hanare wipe volume lock --yes
    .yes = Do not ask
    .dry_run = Say what would go, change nothing
cmd-hanare-wipe-volume-status = Show whether the volume is open, where, and of what kind
    .example = hanare wipe volume status --json
cmd-hanare-wipe-run = End the day now: destroy the key, erase what is left, verify, write a receipt
    .long = With a policy, the trees that it names go too once the volume has ended, under the same receipt, and the verdict is measured against what it demands. Without one only the volume ends.
    .example =
        hanare wipe run --yes
        hanare wipe run --policy office-endpoint.toml --dry-run
        hanare wipe run --policy office-endpoint.toml --yes
    .policy = The policy to follow
    .yes = Do not ask
    .dry_run = Say what would go, change nothing
    .standalone = Also on a machine that is not enrolled

volume-created = The work volume is ready to be opened ({ $kind }, { $size }).
volume-not-open = The work volume is not open.
volume-trees-owed = A wipe was interrupted, and what it named is still there. Finish it: hanare wipe resume
volume-ended = The work volume's key is gone, after { $seconds } s.
volume-ended-partly = The work volume's key is gone, after { $seconds } s, but not everything could be verified.
volume-readable = The work volume can still be read.
volume-absent = none was made
volume-locked = locked
volume-still-readable = What was on the last work volume can still be read. Restart the machine.
volume-open = open
what-volume = everything in the work volume
what-policy = everything that policy { $name } calls work
what-device = everything on { $path }
swap-none = none
swap-zram = compressed memory
swap-encrypted = encrypted with a key that only the kernel holds
swap-plain = in the clear on a disk
label-mountpoint = Mounted at
label-backing = Lies on
label-confined = Confined
label-size = Size
label-swap = Swap
value-size = a size is a number and K, M, G or T, such as 8G
value-volume-kind = the kinds are dm-crypt, ram and fscrypt

error-volume-no-kind = None of the kinds that the policy accepts is possible on this machine ({ $kinds }).
    .cause = The kernel has no dm-crypt or no ext4 encryption, or there is swap in the clear.
    .fix = Load the module, turn that swap off, or let the policy accept another kind.
error-policy-no-volume = { $path } names no work volume.
    .cause = The policy has no [volume].
    .fix = Add [volume] with kinds and size, or give --kind and --size.
error-volume-absent = There is no work volume.
    .cause = None was made on this machine.
    .fix = Make one: hanare wipe volume create --kind dm-crypt --size 8G
error-volume-exists = There is a work volume already, another one of kind { $kind }.
    .cause = A machine has one work volume.
    .fix = See it: hanare wipe volume status
error-volume-open = The work volume is open at { $path }.
    .cause = It can be open in one place only.
    .fix = Use it there, or lock it first: hanare wipe volume lock
error-volume-open-without = The work volume is open at { $mountpoint } without what --confine asks for.
    .cause = { $path } is not confined to it.
    .fix = Lock it (hanare wipe volume lock), then open it with --confine.
error-volume-held = The work volume is being opened or ended by another process.
    .cause = { $path } is locked.
    .fix = Wait until that process has ended.
error-volume-swap-comes-back = The work volume is being opened, and swap is read back into memory first.
    .cause = Process { $process } does that, which can take minutes, and has locked { $path }. Until then there is no key.
    .fix = Wait until that process has ended.
error-volume-too-small = { $size } bytes are too few for a work volume.
    .cause = It needs 8 MiB at least.
    .fix = Give a larger --size.
error-volume-wants-backing = A volume of kind { $kind } needs a file or device.
    .cause = It lies on a disk.
    .fix = Give a file or a device.
error-volume-in-memory = A volume of kind { $kind } takes no file or device.
    .cause = It lies in memory.
    .fix = Leave the file out, or choose dm-crypt.
error-volume-unfit = { $path } cannot hold a work volume.
    .cause = It must be the absolute path of a new file, or a device that is large enough.
    .fix = Name a file that does not exist yet, or another device.
error-volume-in-use = { $path } is in use.
    .cause = It is mounted, mapped or swapped to.
    .fix = Take it out of use first, or choose another device.
error-volume-still-readable = What was on the last work volume ({ $path }) can still be read.
    .cause = It has ended, but a process or a mount somewhere holds a file of it, so that its key lives on.
    .fix = Restart the machine: the key goes with it.
error-volume-replaceable = { $path } cannot be used for the work volume.
    .cause = Others than root can change { $above }, and put something else in its place.
    .fix = Choose a place below directories that only root can change, such as /srv/work.
error-volume-another-device = { $path } is not the device that the work volume was created on.
    .cause = The mark of that volume is not on it: another disk has its name, or the volume was created by an earlier version.
    .fix = Connect the right disk. To use this one (its content goes), remove volume.json from the state directory's folder wipe, then run hanare wipe volume create by a name below /dev/disk/by-id.
error-volume-plain-swap = Memory could be written to a disk in the clear.
    .cause = There is swap on a disk, and this kernel cannot keep files in memory out of it.
    .fix = Turn that swap off (swapoff), use compressed memory or swap with a random key, or choose dm-crypt.
error-volume-mountpoint = { $path } cannot be used for the work volume.
    .cause = It must be the absolute path of an empty directory, without symbolic links.
    .fix = Choose another directory with --mount.
error-volume-unconfinable = { $path } cannot be confined to the work volume.
    .cause = It is not a directory, there is a symbolic link on the way to it, or hanare's own records lie there.
    .fix = See who made the link, and name the real directory, or another one.
error-volume-escapes = { $path } is not on the work volume although it should be.
    .cause = Another program mounted over it or turned swap on meanwhile.
    .fix = Find that program, then open the volume again.
error-volume-replaced = The work volume's mapping is not the one that was made.
    .cause = Another program changed it in the device mapper.
    .fix = Find that program. Nothing can be said of the key: restart the machine, so that it is gone.
error-volume-damaged = { $path } is damaged.
    .cause = { $cause }
    .fix = Restart the machine, so that no key is left; then remove the file and make the volume again.
error-volume-io = This failed: { $what }.
    .cause = { $cause }
    .fix = Check the path, the permissions and the free space.

skip-process-stays = processes that used the volume did not end
skip-device-stays = the volume's device is still in use
skip-mounted-over = something was mounted over the volume, and what was written there since is not on it
skip-core-dumps = the memory of programs that crashed could reach a disk
skip-mounted-elsewhere = the volume is still mounted in another namespace
skip-unmounted-lazily = the volume was still in use while it was unmounted
skip-nothing-reread = nothing was there to be read again
skip-canaries-missing = canaries for the verification could not be planted, or were missing
skip-data-journal = the file system below keeps a copy of contents in its journal
skip-raw-unreadable = the volume's blocks could not be read
skip-tear-down = a step of the tear-down failed
skip-mapping-replaced = somebody replaced the volume's mapping: what became of its key cannot be told
skip-late-shutdown = the machine stopped before the end of the day: what was left was neither handed over nor counted
skip-power-lost = the power went before anything could be verified
skip-still-readable = the kernel still has the key, or a file is still open
skip-volume-kind = the work volume is of a kind that the policy does not accept
skip-volume-elsewhere = the work volume was open at another place than the policy says: what lies at that place was not looked at
skip-volume-not-open = not verified: the policy wants a work volume, and none was open
skip-volume-not-named = a work volume that the policy does not name is still open
skip-not-confined = a directory that the policy wants on the work volume was not bound onto it
skip-escaped = something that was to be confined to the work volume was not on it any more, or swap was in the clear
skip-plain-swap = memory could be swapped to a disk in the clear
skip-freed-memory = the policy wants freed memory to be blanked, and the kernel was not started with init_on_free=1
skip-dirty-memory = more waited in memory to be written than the policy allows
skip-method = a method that the policy does not accept
skip-over-time = it took longer than the policy allows
skip-policy-unreadable = the policy of an interrupted wipe could not be read by this version: what it names was not erased
skip-another-policy = an interrupted wipe was finished by its own policy; the one given now was not followed
skip-tree-refused = a tree of the policy that may not be erased as it is: not touched
wipe-volume-would-go = Everything in the work volume would go.
error-nothing-to-wipe = There is nothing to wipe.
    .cause = The work volume is not open, and no policy names a directory.
    .fix = Open the volume in the morning: hanare wipe volume open
last-nothing = No work volume was open.
last-ended = A work volume was still open when the machine stopped. Its key is gone.
last-ended-unrecorded = A work volume was still open when the machine stopped. Its key is gone; this could not be written down, and the next boot will say that the power was lost.
last-readable = A work volume was still open when the machine stopped, and can still be read until the power is off.
