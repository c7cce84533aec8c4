# Lines, labels and headings.

help-usage = Usage:
help-commands = Commands
help-command = COMMAND
help-arguments = Arguments
help-options = Options
help-globals = Options of every command
help-options-word = OPTIONS
help-examples = Examples:

label-error = Error:
label-cause = Why:
label-fix = What to do:

label-company = Company
label-name = Name
label-rooms = Rooms
label-office = Office
label-site = Facts
label-created = Created
label-room = Room
label-prefix = Prefix
label-nodes = Nodes
label-nodes-prefixes = Nodes' addresses
label-lan = LAN behind the gateway
label-open-invites = Open invites
label-node = Node
label-kind = Kind
label-state = State
label-handshake = Last handshake
label-addresses = Addresses
label-public-key = WireGuard key
label-signing-key = Signing key
label-endpoint = Last seen at
label-traffic = Traffic
label-enrolled = Enrolled
label-lease-until = Lease until
label-revoked = Revoked
label-reason = Reason
label-interface = Interface
label-endpoints = Reached at
label-listen = WireGuard (UDP)
label-api = Enrolment (TCP)
label-overlay = Overlay
label-networks = Networks
label-internet = Internet
label-pin = Certificate pin
label-since = Running since
label-seq = No.
label-time = Time
label-actor = Who
label-subject = About
label-act = What
label-details = Details

table-empty = (none)
never = never
ago = { $span } ago
traffic = { $received } received, { $sent } sent
span-seconds = { $n ->
    [one] { $n } second
   *[other] { $n } seconds
 }
span-minutes = { $n ->
    [one] { $n } minute
   *[other] { $n } minutes
 }
span-hours = { $n ->
    [one] { $n } hour
   *[other] { $n } hours
 }
span-days = { $n ->
    [one] { $n } day
   *[other] { $n } days
 }

noun-company = company
noun-office = office
noun-room = room
noun-node = node
noun-invite = invite
noun-policy = policy
noun-person = person

what-company = the company { $id }
what-office = the office { $id }
what-room = the room { $id }
what-node = the node { $id }

kind-endpoint = endpoint
kind-gateway = gateway
kind-external = external
node-enrolled = enrolled
node-expired = expired
node-revoked = revoked
node-left = left

confirm = This removes { $what } for good. Go on? [y/N]
dry-run = Would remove { $what }. Nothing was changed.
added = Added { $what }.
unchanged = { $what } was there already; nothing was changed.
removed = Removed { $what }.
room-added = Added the room { $room } with { $prefix }.
room-unchanged = The room { $room } with { $prefix } was there already; nothing was changed.
invite-once = This invite for { $room } works once, until { $until }. Pass it on like a password.
invite-code = Tell this code by telephone, and do not put it on the sheet: { $code }. Five wrong codes block the invite.
external-once = This is the only copy of the key of { $node }: headquarters has not kept it.
revoked = { $node } is shut out. It did not confirm the notice (it may be switched off); it will read it when it comes back.
revoked-acknowledged = { $node } is shut out and has confirmed the notice.
revoked-before = { $node } was shut out before; nothing was changed.
policy-good = { $path } is a good policy with { $rules ->
    [one] { $rules } rule
   *[other] { $rules } rules
 } and { $devices ->
    [one] { $devices } device
   *[other] { $devices } devices
 }.
policy-applied = The policy is in force.
policy-pending = The policy is kept, but the firewall has not followed within 2 seconds. See `hanare hq status` and the log of `hanare hq serve`.
policy-unchanged = This policy was in force already; nothing was changed.
policy-default = No policy was applied: rooms reach headquarters and its networks, but not each other.
ledger-exported = { $path } holds { $records ->
    [one] { $records } record
   *[other] { $records } records
 }; the signature is beside it. To verify it anywhere, keep this key in another place: { $key }
ledger-valid = Good: { $records ->
    [one] { $records } record
   *[other] { $records } records
 }, unchanged and complete. Last record: { $head }
ledger-needs-key = Incomplete: the chain of { $records ->
    [one] { $records } record
   *[other] { $records } records
 } holds, but only by its own key. Give headquarters' key from another source with --key. Last record: { $head }
ledger-needs-signature = Incomplete: the chain of { $records ->
    [one] { $records } record
   *[other] { $records } records
 } holds, but the signature file is missing, so records may be missing at the end. Last record: { $head }
ledger-broken = Not good: line { $line }: { $fault }
fault-form = this is not a line as the ledger writes it
fault-sequence = a record is missing, doubled or out of order
fault-link = it does not continue the record before
fault-signature = it was signed by another key, or changed afterwards
fault-end = records are missing at the end, or were added
fault-export = the signature over the whole file does not match

hq-forwards = forwarding
hq-does-not-forward = not forwarding
hq-firewall-behind = degraded: forwarding, but the firewall did not take the latest change; trying again
hq-firewall-lost = degraded: not forwarding, because another program changed the firewall and it cannot be restored; trying again
hq-nodes = { $enrolled } enrolled, { $up } up
internet-via-hq = through headquarters
internet-none = none

value-not-allowed = This value is not one of those allowed.
value-id-empty = An id must not be empty.
value-id-too-long = An id has at most { $most } characters.
value-id-character = An id has only a-z, 0-9, and - inside.
value-room = A room is written OFFICE/ROOM, for example kofu/306.
value-endpoint = Write HOST:PORT: a name or an address (IPv6 in brackets), a colon, and a port from 1 to 65535.
value-duration = Write a number and a unit: 90s, 30m, 24h or 7d.
value-language = The languages are ja and en.
value-prefix = Write an address and a prefix length, for example 10.88.1.0/24.
value-address = Write an address; with a port as 192.0.2.1:51820 or [2001:db8::1]:51820.
value-time = Write a time as 2026-04-01T09:00:00+09:00.

label-hq = Headquarters
label-kill-switch = Kill switch
hq-no-dns = No name server was given: names will not be resolved in the rooms. --dns ADDR names one.
hq-made = Headquarters is made. Keep a copy of { $state } in a safe place, then start it with `hanare hq serve`.
hq-ready = headquarters forwards on { $interface }, UDP port { $port }
hq-answers = { $endpoint }: answers in { $rtt } ms, last handshake { $handshake }, { $traffic }
hq-silent = { $endpoint }: no answer, last handshake { $handshake }, { $traffic }
hq-standby = { $endpoint }: in reserve
state-up = Up: everything travels through headquarters.
state-degraded = Degraded: something is not as it should be.
state-down = Down: the tunnel does not run, and nothing holds traffic back.
state-locked = Locked: the tunnel does not run, and nothing leaves this machine.
state-revoked = Shut out: headquarters has revoked this machine.
kill-switch-closed = closed
kill-switch-open = open
kill-switch-unlocked = unlocked until { $until }
kill-switch-unknown = cannot be read
join-ask-invite = Paste or type the invite (hanare1:…) and press Enter:
join-ask-code = Type the code that you were told on the telephone:
join-connecting = Talking to headquarters at { $api } …
joined = This machine belongs to the room { $room } now. Start the tunnel with `hanare up`.
joined-again = This machine belonged to the room { $room } already; its lease was renewed.
down-stopped = The tunnel is stopped. Nothing leaves this machine until `hanare up`.
down-before = No tunnel was running.
what-enrolment = this machine's enrolment, with keys and lease in { $state } and the kill switch
left = This machine has left its room. Nothing of it remains.
left-records = { $records ->
    [one] One record of this node (of an unlock or the like) is not known to have reached headquarters, and is gone.
   *[other] { $records } records of this node (of unlocks and the like) are not known to have reached headquarters, and are gone.
}
left-untold = Headquarters could not be told. Ask the IT admin to revoke this node, so that its name and addresses become free.
unlocked = DNS and the web are open for the system's own services, for { $span }. It closes by itself. For a browser of yours, name it: hanare unlock … -- BROWSER
unlocked-program = DNS and the web are open for { $name } and the system's own services, for { $span }. It closes by itself.
unlocked-all = Everything is open for { $span }. It closes by itself.

warning-hq-silent = Headquarters does not answer through the tunnel.
    .fix = Check the cable or the Wi-Fi; if others are cut off as well, ask the IT admin.
warning-lease-grace = The lease has ended; the grace period runs.
    .fix = Ask the IT admin to renew it before the grace period ends.
warning-lease-over = The lease and its grace period are over: nothing travels.
    .fix = Ask the IT admin for a new lease.
warning-not-enrolled = Headquarters does not know this machine.
    .fix = Ask the IT admin; then run `hanare leave`, and join with a new invite.
warning-firewall-restored = Another program removed or changed the kill switch; it is back.
    .fix = Find the program that changes the firewall and keep it from the tables named hanare.
warning-firewall-lost = The kill switch was changed and cannot be restored; it is tried again.
    .fix = The log tells what nft says. Stop the program that changes the firewall, or disconnect this machine from the network.
warning-resolver-not-set = Headquarters' name servers could not be set.
    .fix = Check systemd-resolved, resolvconf or /etc/resolv.conf.
warning-name-not-found = Headquarters' name cannot be looked up.
    .fix = Check the name server of this network.
warning-clock-wrong = This machine's clock is far from headquarters'.
    .fix = Switch on time synchronisation: timedatectl set-ntp true
warning-kill-switch-unread = Nobody can tell whether the kill switch is closed.
    .fix = Run `hanare status` as root.
warning-not-confined = This kernel cannot confine the part of hanare that talks to the network.
    .fix = Use a kernel with Landlock and seccomp: Linux 5.13 or later, with landlock among its security modules (lsm=).
warning-not-written = What headquarters said last is in force, but this machine's disk did not take it: after a restart it would not be known.
    .fix = Make room on the disk that holds the state directory (`df -h`). It is tried again every second.
warning-machine-unchanged = The addresses and routes of a new lease could not be set: a change that cannot be written down is not made.
    .fix = Make room on the disk that holds the state directory (`df -h`). It is tried again every second.
warning-guard-not-enabled = After a reboot everything leaves this machine until `hanare up` runs: nothing closes the kill switch at boot.
    .fix = Install and enable hanare-guard.service (four lines in README).
warning-not-joined = This machine belongs to no room yet.
    .fix = Run `hanare join` with an invite.
up-runs = The tunnel runs. Its log: { $log }
up-stopped = The tunnel is stopped. Nothing leaves this machine until the next `hanare up`.

# Persons and their work.

what-person = the access of person { $id }
label-person = person
label-temporary-password = temporary password
label-totp-secret = authenticator's secret
label-totp-url = for a QR code
label-open-on = open on
label-successor = successor
label-work-since = open since
label-work-until = until
label-locked-until = locked until
person-temporary = temporary password
person-active = active
person-disabled = disabled
person-locked = locked until { $until }
person-once = This is shown only now, and kept nowhere in this form. Hand password and authenticator over in two ways, for example on paper and in person.
person-reset = { $person } has a new temporary password. Locks and what was open have ended.
person-ended = { $person } is disabled. Their work is closed everywhere; machines that are off hear it when they connect.
person-ended-before = { $person } was disabled before. Nothing was changed.
work-ask-person = Your id:
work-ask-password = Your password (it is not shown):
work-ask-code = The code that your authenticator shows now (it is not shown here):
work-ask-new = Your password is a temporary one. Choose another one, of 12 characters or more:
work-ask-again = The new password once more:
work-opened = Welcome, { $name }. Your work is open here until { $until } at most.
work-closed = Your work is closed here.
work-unlocked = Back to the open work of { $person }, without asking headquarters.
work-closed-untold = Your work is closed here. Headquarters could not be told; it hears of it with the next opening, or a day after this one at the latest.
work-closed-before = No work was open here.
work-state-alone = Work is open here without headquarters.
work-opened-alone = Work is open here for { $person }, without headquarters. The volume is empty: your files come when headquarters is reached and you have proven yourself with `hanare work open`. What you make meanwhile is sealed.
work-alone-hint = You can begin without headquarters: `hanare work open --alone ID` opens an empty volume, and what you make waits sealed for you.
work-state-closed = No work is open here.
work-state-opening = Somebody is opening their work.
work-state-open = Work is open here.
work-state-locked = No work is open here, and whoever tried last has to wait.

label-path = Path
label-received = Received
label-persons = Persons
label-files = Files
label-versions = Versions
label-stored = Stored
label-held-files = Files at headquarters
label-waiting-files = Files not there yet
label-handover-trouble = Why nothing is sent
trouble-silent = headquarters does not answer; what waits is sent as soon as it does ({ $detail })
trouble-ended = the session with headquarters has ended: open your work again ({ $detail })
trouble-answer = headquarters answers what makes no sense; tell your admin ({ $detail })
trouble-put-back = headquarters was put back from a backup, and is told again what it has forgotten ({ $detail })
label-unwatched = Not seen just now
unwatched-sessions = a log-out: the log-in manager does not answer
unwatched-changes = changes in the work: the kernel has no watches left (fs.inotify.max_user_watches), so they are looked for every minute, and a power cut takes that much more along
unwatched-devices = a device that is pulled out: the kernel sends no word, so they are looked for every few seconds
what-deletions = { $files } files at headquarters (kept there for 90 days more)
deletions-held = { $files ->
    [0] No deletions are held.
    [one] One deletion is held: `--confirm` if it is meant, `--put-back` if it is not.
   *[other] { $files } deletions are held: `--confirm` if they are meant, `--put-back` if they are not.
}
deletions-confirmed = { $files } files are deleted at headquarters too.
deletions-put-back = { $files } files are coming back.
deletions-put-back-there = { $files } files stay, and come back on the employee's PC within half a minute.
label-asked = Last asked
work-restored = Came back: { $files }. Beside what is there now: { $beside }. Here already: { $same }. Together { $size }.
work-restored-nothing = Headquarters had nothing there at that time.
work-restored-part = { $files } files could not be written here.
label-deletions-held = Deletions to be confirmed
label-conflicts = Conflicting versions
label-full-files = Files without room at headquarters
label-id = Id
label-sealed = Sealed, waiting for headquarters
label-reserve = Reserve for sealed work
reserve-warn = more than 70 % is used: headquarters should be reached soon
reserve-full = it is full: stop working until headquarters is reached
reserve-over = nothing more can be sealed: what is made now is lost when the day ends
reserve-calm = there is room again: work goes on as usual
reserve-said = Room for work that waits sealed on this machine: { $state }.
work-sealed = { $items } sealed items wait on this machine. They are safe here, and are delivered when headquarters is reached.
sealed-delivered = { $items } sealed items were delivered, { $left } still wait.
label-file = File
label-became = What became of it
label-quarantined = Waiting for their person
became-kept = kept
became-conflict = kept beside another version
became-known = headquarters had it
handover-overfull = { $node }: so many sealed items of unproven persons wait that no more of them are taken; look at the PC, or declare it lost
became-quarantined = kept until its person next proves themselves
became-full = not taken: the person has no room left at headquarters
became-refused = refused ({ $reason })
work-left-waiting = they are still being sent, or cannot be read
handover-got = { $files } files ({ $size }) were copied to { $path }.
handover-got-told = It is on the ledger, and { $persons } will read of it.
handover-got-part = { $files } files could not be written, because something else is at their place. The others are there.
notice-taken = { $at }: the IT admin copied { $files } of your files ({ $size }). Reason: { $reason }
overtime-given = Your day ends { $time } later.
label-day-ends = day ends
day-ends-in = in { $left }
day-ends-soon = hanare: your day on this machine ends in { $left } ({ $why }). Save your work and close your programs; what is saved goes to headquarters. More time: hanare work overtime --for 1h
desktop-title = Your work on this machine
day-safe = All { $held } files are safe at headquarters.
day-sending = { $held } files are safe at headquarters; { $waiting } are on their way.
day-alone = Headquarters cannot be reached, and nobody has proven themselves here. What is made is sealed ({ $sealed } versions so far) and goes to headquarters with the next connection; it becomes yours there when you prove yourself with `hanare work open`.
day-trouble = Headquarters cannot be reached just now. { $held } files are safe there; { $waiting } wait on this machine and go as soon as it answers. Go on working, and do not switch the machine off.
day-full = The room for sealed work on this machine is used up: { $held } files are safe at headquarters and { $sealed } versions lie sealed here. Nothing is lost. Work can be read and not changed until headquarters is reached: find a line, or call your IT staff.
day-full-exposed = The room for sealed work on this machine is used up: { $held } files are safe at headquarters and { $sealed } versions lie sealed here, but changes in { $exposed } files are neither there nor sealed. They are lost when the day ends before headquarters is reached: find a line now, or call your IT staff.
day-ended = The last day of { $person } here ended in good order: all { $held } files are safe at headquarters.
day-ended-sealed = The last day of { $person } here ended: { $held } files are safe at headquarters, { $sealed } wait sealed on this machine and go with the next connection.
day-ended-lost = The last day of { $person } here ended: { $held } files are safe at headquarters, but changes in { $lost } had not arrived there and are lost.
day-cut-off = The power went away while the work of { $person } was open. { $held } files are safe at headquarters; what was changed in the minute after { $at } may be lost, and so is what had not been saved.
day-cut-off-sealed = The power went away while the work of { $person } was open. { $held } files are safe at headquarters, { $sealed } wait sealed on this machine and go with the next connection; what was changed in the minute after { $at } may be lost, and so is what had not been saved.
day-cut-off-waiting = The power went away while the work of { $person } was open. { $held } files are safe at headquarters; changes in { $waiting } made since { $since } had not arrived there and are lost, and so may be what was changed in the minute after { $at }, and what had not been saved.
what-day = the open day on { $id }
day-ordered = The work of { $person } on { $node } ends after the countdown; what is left comes to headquarters first.
day-not-open = Nobody's work is open on { $node }.

# What became of work in the rooms.

label-wipes = Wipes
label-put-back = Put back
label-last-receipt = Last receipt
label-receipts-unknown = Without a receipt so far
label-receipts-missing = Receipts that never came
label-receipts-refused = Receipts refused
label-receipts-gaps = Gaps in its receipts
label-receipts-late = Came late
label-receipts-replayed = Sent again
label-lost = Versions lost
label-sealed-told = Sealed items
label-volume = Work volume
receipts-since = { $count }, the first opened at { $since }
receipt-late = (came after the next boot)
told-at = { $what }, told at { $at }
not-known = not known
hq-wipes = { $open } with work open, { $unknown } without a receipt so far, { $alarms } with an alarm
hq-put-back = headquarters was put back to an older state (noticed { $at }, by { $nodes } machines so far): they hand over again what it has forgotten; what was wiped in rooms after that backup and before { $at } is gone
wipes-contradicted = ALARM: receipts forged, changed or gone
wipes-missing = ALARM: a receipt never came
wipes-unknown = unknown: no receipt yet
wipes-open = work is open
wipes-fail = fail
wipes-partial = partial
wipes-pass = pass
wipes-none = no work so far
acknowledged = { $count } alarms about { $node } are acknowledged, on the ledger.
receipts-written = { $count } receipts were written to { $path }.
# A lost machine: facts for a first report.

lost-title = Lost or stolen machine: { $node }
lost-note = Facts as this company's headquarters server knew them at { $at }. What it does not know is said to be unknown. No file is named, and nothing is judged.
lost-overview = 1. Overview
lost-machine = Machine: { $node } ({ $kind }), room { $room }, company { $company }
lost-enrolled = Enrolled: { $at }
lost-contact = Last contact with headquarters: { $at }
lost-revoked = Its key opens nothing at headquarters since: { $at }
lost-acknowledged = The machine itself has confirmed that it was revoked.
lost-not-acknowledged = The machine has not confirmed that it was revoked. It is refused at headquarters all the same.
lost-was-open = When it was revoked, work was open on it as far as headquarters knew.
lost-was-closed = When it was revoked, no work was open on it as far as headquarters knew.
lost-items = 2. Items of personal data that may have leaked
lost-content = What the files contain: unknown (hanare does not look into them). What was on the machine and never reached headquarters: unknown.
lost-held = Handed over from this machine and held at headquarters: { $files } files ({ $size }) of { $person }, the last one at { $at }
lost-held-none = Handed over from this machine: nothing.
lost-held-unknown = Handed over from this machine: unknown at the moment (the store of headquarters does not answer).
lost-subjects = 3. Number of persons concerned
lost-cause = 4. Cause
lost-by-reporter = To be written by who reports.
lost-secondary = 5. Secondary damage
lost-secondary-key = Unknown. This machine's key opens nothing at headquarters since { $at }. Before, the key alone, without a person's password and code or work that was open, opened no work.
lost-measures = 6–8. What was done for the persons concerned, publication, prevention
lost-other = 9. Other facts
lost-disk = Encryption of the machine's own disk: unknown (hanare does not measure it).
lost-kept-unknown = Encryption of the work on it: unknown (the machine has told of no work volume).
lost-kept = Encryption of the work on it, as the machine itself told at { $at }: work lay on a volume of kind { $kind }. { $how }
lost-kept-dm-crypt = That is encrypted with a key that is in the kernel's memory only: without power, nobody can read it.
lost-kept-fscrypt = Files and names there are encrypted with a key that is in the kernel's memory only, extended attributes are not: without power, nobody can read files and names.
lost-kept-ram = That is in memory and not on the disk: without power, it is gone.
lost-volume = Work volume as the machine told last: { $volume }
lost-volume-told = { $kind }, { $state }, memory to disk: { $swap } (told at { $at })
lost-last-receipt = Last receipt of a wipe: { $receipt }
lost-receipt = ended { $at }, cause { $cause }, verdict: { $verdict }, volume: { $kind }, versions lost: { $lost }, SHA-256 { $hash }
lost-standing = State of its wipes at headquarters: { $standing }
lost-sealed = Items encrypted to headquarters' key that wait on its disk: { $sealed }
lost-undelivered = Openings of work of which no receipt has come: { $count }
lost-openings = Openings of work on this machine, newest first:
lost-openings-none = none
lost-opening = { $person }: from { $opened } to { $closed } ({ $reason })
lost-refused = What headquarters refused to this machine's key, newest first; since the report at { $at } at least { $count } times:
lost-refused-one = { $at }: { $what } (reason on the ledger: { $why })
lost-refused-work = work
lost-refused-lease = a lease
lost-refused-records = records or receipts
lost-written = The sheet in both languages and the signed facts are in { $path }.
what-room-closing = room { $id }, for good
room-closed = Room { $room } is closed: { $nodes } nodes and { $keys } keys have ended. Certificate and ledger are in { $path }.
room-closed-abandoned = Given up was what waited, or may have waited, on: { $nodes }
notice-inherited = { $at }: the work of { $from } is yours now: { $files } files ({ $size }), in the folder “{ $folder }”.
person-passed = { $files } files ({ $size }) of { $person } are with { $successor } now, in the folder “{ $folder }”.
person-passed-part = { $files } files did not pass on: the successor has no room for them, or their path would be too long. They stay at headquarters.
label-quota = Limit
quota-none = no limit
