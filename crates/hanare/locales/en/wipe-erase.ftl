# Erasing trees: help, failures, and what is told at the end.

cmd-hanare-wipe = Erase work data, with proof that it is gone
    .example =
        hanare wipe tree /srv/scratch --yes
        hanare wipe resume

cmd-hanare-wipe-tree = Erase directories with everything in them, and the directories too
    .long = Contents are overwritten, names removed, free space and the journal cleaned, and the device is read again. Nothing outside is touched: links, mounts and names elsewhere stay. Exit status 0: nothing is left; 7: something was left out or not verified, and it says what; 1: something was found again.
    .example =
        hanare wipe tree /srv/scratch --dry-run
        hanare wipe tree /srv/scratch /home/aoi/Downloads --yes
    .path = Full path of a directory below a mount point, without symbolic links
    .yes = Do not ask
    .dry_run = Only count what would go; nothing is changed
    .standalone = Also on a machine that is not enrolled as an endpoint; it makes a key of its own for the receipts

cmd-hanare-wipe-resume = Finish a wipe that was interrupted (run at boot, before anyone can log in)
    .long = Needs no confirmation: that was given when the wipe began. Without an interrupted wipe it does nothing.
    .example = hanare wipe resume
    .dry_run = Only say what would be finished; nothing is changed

cmd-hanare-wipe-last = End what is still open when the machine stops (for systemd-shutdown)
    .long = Run by systemd when every unit has stopped. Hands over nothing: that is the agent's. The key goes; what is left is in the receipt, which the next boot writes.
    .example = hanare wipe last

error-tree-refused = { $path } is not erased, and nothing else was.
    .cause = { $cause }
    .fix = Give the full path of a directory of work data, as it is without links; `--dry-run` shows what would go.
error-not-an-endpoint = This machine is not enrolled as an endpoint.
    .cause = Only a room's PC may be wiped by mistake-proof rules; a server must not be.
    .fix = If this machine is the right one, add --standalone.
error-wipe-unfinished = Another wipe was interrupted and is not finished.
    .cause = It comes first, so that there is one receipt for each wipe.
    .fix = Run `hanare wipe resume`, then try again.
error-wipe-running = Another wipe is running.
    .cause = { $path } is held by another process.
    .fix = Wait until it has ended.
error-wipe-marker = The progress of the wipe cannot be read or noted.
    .cause = { $cause }
    .fix = Check the state directory, its permissions and the free space, then run `hanare wipe resume`.

refusal-empty = The path is empty.
refusal-relative = The path does not begin with a slash.
refusal-dots = There is “.” or “..” in the path.
refusal-absent = There is no such directory.
refusal-link = There is a symbolic link in the path.
refusal-no-directory = It is not a directory.
refusal-overlap = It is the same as another of the paths, in it or around it.
refusal-mount-point = Something is mounted there.
refusal-system = It belongs to the system.
refusal-kept = it holds, or lies in, what the policy keeps.
refusal-holds-state = hanare's own state directory is in it.
refusal-inside-state = It is in hanare's own state directory.
refusal-being-erased = Another wipe is erasing it.
refusal-changed = It was replaced while it was looked at.
refusal-read-only = Its file system is mounted read-only.
refusal-unreadable = It cannot be opened: { $cause }

what-trees = { $count ->
    [one] one directory with everything in it
   *[other] { $count } directories with everything in them
}
wipe-would-go = { $files } files with { $bytes } bytes would go.
wipe-nothing-pending = No wipe was interrupted.
wipe-would-resume = { $volume ->
        [yes] The end of the work volume, and directories: { $trees }. Nothing was changed.
       *[no] Directories: { $trees }. Nothing was changed.
    }
wipe-skipped = left out: { $count } × { $reason }
wipe-absent = trees of the policy that were not there: { $count }
wipe-would-be-absent = Trees of the policy that are not there: { $count }
label-verdict = Verdict
label-erased-files = Files
label-overwritten = Bytes overwritten
label-erasing = Seconds to erase
label-verifying = Seconds to verify
label-reread = Bytes read again
label-reread-sampled = Bytes read again (a sample)
label-remnants = Found again
label-receipt = Receipt
ended-pass = pass: nothing is left
ended-partial = partial: something was left out or could not be verified
ended-fail = fail: something was found again

skip-name-outside = a file with another name outside: its name here is gone, its contents stay
skip-mounted-inside = something mounted in the tree: not entered
skip-moved = a directory that moved away meanwhile
skip-directory-unreadable = a directory that could not be read
skip-file-unreadable = a file that could not be opened
skip-file-not-overwritten = a file that could not be overwritten
skip-attribute-not-removed = an extended attribute that could not be removed
skip-shared-blocks = a file whose blocks another file or a snapshot shares
skip-sharing-unknown = not verified: a file of which the file system did not tell whether its blocks are shared
skip-not-removed = a name that could not be removed
skip-still-written = a tree that was still being written to
skip-in-use = a removed file that a process still holds
skip-not-written-back = the device reported an error while data was written to it
skip-freed-inodes = records of removed files that could not be blanked
skip-freed-inodes-unknown = the records of removed files could not be looked at
skip-copies-below = the device below keeps copies of what is overwritten (a snapshot, or an image on a file system that copies)
skip-free-space-not-filled = free space that could neither be discarded nor filled
skip-free-space-quota = not verified: free space that a quota kept from being filled
skip-journal-not-blanked = the file system's journal could not be blanked
skip-xfs-log = XFS keeps a log that cannot be blanked while it is mounted
skip-copy-on-write = the file system writes copies: old blocks can only be discarded, not overwritten
skip-log-structured = the file system writes copies into a log: old blocks can only be discarded, not overwritten
skip-names-in-parent = FAT keeps removed names in the directory above
skip-overlay = an overlay: what its lower layer holds stays
skip-memory-not-blanked = a file system in memory: freed pages are not blanked
skip-unknown-file-system = a file system that is not known
skip-spare-area = flash keeps copies in a spare area that cannot be reached
skip-nothing-to-reread = not verified: nothing could be recorded beforehand
skip-no-raw-device = not verified: the device cannot be read directly
skip-interrupted = not verified: what had been recorded was lost when the wipe was interrupted
skip-tree-gone = a tree that somebody else removed or moved before it was erased
skip-tree-replaced = a tree in whose place there is another one now: not touched
