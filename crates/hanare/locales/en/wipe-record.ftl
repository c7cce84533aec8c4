# Wiping: receipts and the plan.

cmd-hanare-wipe-receipt = List, show and verify the receipts of wipes
    .example = hanare wipe receipt list
cmd-hanare-wipe-receipt-list = List the receipts, oldest first, and check that none is missing or swapped
    .long = Ends with 1 if a receipt is missing, swapped or changed; a last one that was removed is noticed too.
    .example = hanare wipe receipt list --json
cmd-hanare-wipe-receipt-show = Show what a receipt says
    .long = The signature is checked first; nothing of a receipt that does not match it is shown.
    .example = hanare wipe receipt show RECEIPT.json
    .file = The receipt's file; its signature is FILE.sig beside it
    .key = File with the public key of the machine that made it [default: this machine's key]
cmd-hanare-wipe-receipt-verify = Check offline that a receipt is exactly what was signed
    .long =
        A single changed bit ends with 1. Without any key it ends with 7: nobody knows whose it is.
        ssh-keygen checks it too; the namespace is hanare-receipt.
    .example =
        hanare wipe receipt verify RECEIPT.json --key pc-1.pub
        ssh-keygen -Y verify -n hanare-receipt -f allowed_signers -I pc-1 -s RECEIPT.json.sig < RECEIPT.json
    .file = The receipt's file; its signature is FILE.sig beside it
    .key = File with the public key of the machine that made it [default: this machine's key]

cmd-hanare-wipe-plan = Tell what would go and what would stay, and why; change nothing
    .long = Counts the policy's trees and tells what their file systems and devices let a wipe promise. Looks also at places where programs leave work besides: caches, trash, print jobs, logs, core dumps, swap. Ends with 7 if something could not be looked at or a tree would be refused.
    .example =
        hanare wipe plan --policy office-endpoint.toml
        hanare wipe plan --json
    .policy = File of the wipe policy [default: look at places and machine only]

error-wipe-policy = The wipe policy cannot be used: { $place }
    .cause = { $cause }
    .fix = Correct that line and column; there are examples in policies/wipe/.
error-receipt-key = { $path } cannot be used as a public key.
    .cause = { $cause }
    .fix = Name a file with the one line “ssh-ed25519 AAAA…” that `hanare wipe receipt list --json` shows as key.
error-receipt-own-key = The key that signs this machine's receipts is damaged.
    .cause = { $path } does not hold a key of 32 bytes in base64.
    .fix = Restore it from a backup, or move the file away: a new key begins a new chain, and the older receipts are verified with the old public key.
error-receipt-held = The receipt cannot be written.
    .cause = Another process has held { $path } for more than 30 seconds.
    .fix = Wait until the wipe that is running has ended, then try again.

label-receipt-cause = Cause
label-receipt-verdict = Verdict
label-receipt-files = Files
label-receipt-size = Size
label-receipt-path = File
label-receipt-started = Began
label-receipt-ended = Ended
label-receipt-method = Method
label-receipt-work-volume = Work volume
label-receipt-volume-key = Volume's key
label-receipt-verified = Verified
label-receipt-left-out = Left out
label-receipt-sealed = Sealed items
label-receipt-lost = Versions lost
label-receipt-absent = Trees not there
label-receipt-interruptions = Interruptions
label-receipt-policy = Policy
label-receipt-machine = Machine
label-receipt-boot = Boot id
label-receipt-tool = Tool

receipt-valid = Receipt { $number } ({ $at }, { $verdict }) is exactly what was signed.
receipt-invalid = This receipt is not valid: { $why }
receipt-needs-key = The signature is in order, but nobody knows whose it is: name the machine's public key with --key.
receipt-fault = Warning: { $fault }
receipt-other-keys = There are receipts of { $count ->
    [one] one other key
   *[other] { $count } other keys
} of this machine (shown with --json).
receipt-verified = { $bytes } read again, remnants: { $remnants }
receipt-verified-sampled = { $bytes } read again (a sample), remnants: { $remnants }
receipt-key-destroyed = gone after { $seconds } s
receipt-key-alive = still there (after { $seconds } s)
receipt-unsigned = there is no signature (FILE.sig) beside it.
receipt-form = the signature is not one for receipts.
receipt-changed = it was changed after it was signed.
receipt-signer = another machine signed it.
receipt-content = it is signed, but no receipt that this program knows.

chain-missing-one = Receipt { $number } is missing.
chain-missing = Receipts { $first } to { $last } are missing.
chain-refused = { $path }: { $why }
chain-misnamed = { $path } holds another receipt than its name says.
chain-link = Receipt { $number } does not continue the one before.
chain-strange = { $path } does not belong to the receipts.
chain-head = The note of the last receipt's number is missing or was changed.
chain-old-head = The note of the last receipt's number was replaced by an older one.
chain-recorded = Receipt { $number } was added when the chain before it was damaged already.

cause-command = command
cause-shutdown = shutdown
cause-end-of-day = end of day
cause-log-out = log-out
cause-revoked = revoked
cause-headquarters = headquarters
cause-device-removed = device removed
cause-power-lost = power lost

verdict-pass = pass
verdict-partial = partial
verdict-fail = fail

method-clear = clear (overwritten and discarded)
method-cryptographic-erase = cryptographic erase (module not validated)

label-plan-tree = Tree
label-plan-fate = Fate
label-plan-fs = File system
label-plan-why = What stays or cannot be shown
label-plan-place = Place
label-path-where = Path
label-plan-found = Content
label-plan-cover = Goes
label-plan-swap = Swap
label-plan-blanking = Freed memory

plan-no-policy = Without a policy nobody knows where work is (--policy FILE).
plan-volume = Work volume: { $mount } (one of { $kinds }; { $state })
plan-volume-mounted = mounted
plan-volume-absent = not mounted
plan-keeps = Not touched: { $paths }
plan-goes = goes
plan-goes-partly = goes, at best partial
plan-absent = not there
plan-refused = refused
plan-fs-discard = { $kind } (discard)
plan-found = found
plan-not-found = none
plan-unknown = unknown

place-temporary = temporary files
place-memory = files in memory
place-cache = cache
place-trash = trash
place-recent = recent files
place-browser = browser
place-print-spool = print jobs
place-mail = local mail
place-schedule = planned jobs (cron, at)
place-journal = log
place-core-dump = core dumps

cover-tree = in a tree that goes
cover-volume = on the volume
cover-confined = confined to the volume
cover-nothing = no

plan-swap-none = none
plan-swap-zram = compressed memory
plan-swap-encrypted = encrypted
plan-swap-plain = plain, on a disk

blanking-on = blanked (init_on_free=1)
blanking-off = not blanked (init_on_free=0)
blanking-unsaid = not said, usually not blanked (boot with init_on_free=1)

wipe-policy-name = "{ $what }" is not a name: a-z, 0-9 and - inside.
wipe-policy-outside = { $what } is not below any of the allowed places.
wipe-policy-overlap = { $what } and { $other } overlap.
wipe-policy-kept = { $what } holds or lies in { $other }, which is kept.
wipe-policy-off-volume = { $what } does not lie on the volume: name something below its mount point or in a confined directory other than /tmp and /var/tmp, or a name without a slash.
wipe-policy-empty = The list is empty.
wipe-policy-twice = { $what } is there twice.
wipe-policy-seconds = { $what } seconds are not from 1 to { $most }.
wipe-policy-hours = { $what } hours are not from 1 to { $most } (overtime: from 0).
wipe-policy-time = “{ $what }” is not a time of day; write it as “19:00”.
wipe-policy-date = “{ $what }” is not a calendar day; write it as “2027-01-01”.
wipe-policy-zone = This machine does not know the time zone “{ $what }”. Install tzdata, or write “Asia/Tokyo”.
wipe-policy-usb = “{ $what }” does not name a USB device; write its two numbers as lsusb shows them, such as “1d6b:0002”.
wipe-policy-user = “{ $what }” is not an account that people work as.
wipe-policy-nothing = It names neither a volume nor a tree: nothing would go.
wipe-path-empty = The path "{ $what }" is empty.
wipe-path-relative = { $what } does not begin with a slash.
wipe-path-dots = { $what } has . or .. in it.
wipe-path-control = { $what } has a control character in it.
wipe-path-system = { $what } belongs to the system.
wipe-path-mount-root = Something is mounted at { $what }.
