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
cause-power-lost = power lost

verdict-pass = pass
verdict-partial = partial
verdict-fail = fail

method-clear = clear (overwritten and discarded)
method-cryptographic-erase = cryptographic erase (module not validated)
