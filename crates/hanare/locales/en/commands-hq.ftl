# Help of the command itself and of everything that runs at headquarters.

cmd-hanare = WireGuard for the rooms that a company keeps away from its headquarters
    .example =
        hanare hq init --company acme --endpoint hq.example.jp:51820
        hanare join invite.txt
        hanare status
    .lang = Language: ja or en [default: from LC_ALL, LC_MESSAGES or LANG]
    .json = Print one JSON document instead of text
    .state = Directory of keys and data [default: /var/lib/hanare]
    .runtime = Directory of sockets [default: /run/hanare]
    .verbose = Log more; twice for much more
    .quiet = Say nothing but data and errors
    .help = Show this help
    .version = Show the version

cmd-hanare-hq = Headquarters: make it, run it, see how it is
    .example = hanare hq status

cmd-hanare-hq-init = Make this machine the headquarters
    .long = Makes keys, the address plan and the database in the state directory. An existing state is refused and left as it is.
    .example = hanare hq init --company acme --endpoint hq.example.jp:51820 --network 192.168.10.0/24
    .company = The first company; it is made as well
    .endpoint = Where rooms find WireGuard from outside: HOST:PORT, several with commas, the best first
    .overlay = IPv4 addresses of the rooms, a /16 [default: 10.88.0.0/16]
    .overlay6 = IPv6 addresses of the rooms, a /48 [default: a random one from fd00::/8]
    .network = A network behind this server that rooms reach through the tunnel; may be repeated
    .dns = A name server that rooms ask through the tunnel: headquarters' own address, one in its networks or, with --internet via-hq, any; may be repeated
    .internet = Whether rooms reach the internet: via-hq or none [default: none]

cmd-hanare-hq-serve = Run the headquarters until it is stopped
    .example = hanare hq serve --listen 192.0.2.10:51820
    .listen = Where WireGuard listens (UDP) [default: port 51820 on every address]
    .api = Where rooms enrol and renew (TCP) [default: port 51821 on every address]
    .interface = Name of the tunnel interface [default: hnhq0]

cmd-hanare-hq-status = Show whether headquarters forwards, and how it is reached
    .long = Ends with 0 only while traffic is forwarded.
    .example = hanare hq status --json

cmd-hanare-hq-objects = Where the objects of work data are: on this machine's disk, or in a bucket
    .example = hanare hq objects show

cmd-hanare-hq-objects-show = Show where the objects are, how many, and whether they can be reached
    .long = Ends with 7 if the bucket does not answer or says no.
    .example = hanare hq objects show --json

cmd-hanare-hq-objects-move = Move the objects into a bucket of an S3 server, or back, while headquarters is stopped
    .long =
        Every object is copied and compared with what reads back; only then headquarters is told to look there. What is cut off goes on where it was. Objects are sealed before they leave: the server learns sizes and times, never a name or a content.

        FILE is TOML:

          version = 1
          endpoint = "https://s3.example.jp"
          region = "garage"
          bucket = "hanare-work"
          access_key_id = "GK…"
          prefix = "hq"           # optional: what all names begin with
          ca = "/etc/hanare/ca.pem"  # optional: who vouches for the server
          allow_http = true       # optional: without TLS to another machine

        The secret key is in keys/bucket-secret of the state directory, for root alone, or the systemd credential bucket-secret. The key may list the bucket and read, write and delete in it.
    .example =
        hanare hq objects move --to bucket.toml
        hanare hq objects move --to-local
    .to = Into the bucket that this file names
    .to_local = Back onto this machine's disk; what is in the bucket stays there

cmd-hanare-hq-objects-clean = Remove what is left of the objects on this machine's disk after a move into a bucket
    .long = Nothing is removed before the bucket is seen to have it all. Headquarters may run meanwhile.
    .example = hanare hq objects clean --yes
    .yes = Do not ask
    .dry_run = Say what would go, change nothing

cmd-hanare-company = Companies whose rooms are kept apart
    .example = hanare company list

cmd-hanare-company-add = Add a company
    .example = hanare company add globex --name "Globex K.K."
    .id = Its id: a-z, 0-9 and -
    .name = Its full name

cmd-hanare-company-list = List the companies
    .example = hanare company list

cmd-hanare-company-quota = Show or set how much all versions of all its employees' work may hold together at headquarters
    .long = It holds beside each employee's own limit: whichever is reached first. What is there stays, also above a new limit. New work for which there is no room stays on the PC; `work status` says so to the employee.
    .example =
        hanare company quota globex 500G
        hanare company quota globex none
        hanare company quota globex
    .id = Which company
    .size = Such as 500G, or none [default: only show]

cmd-hanare-company-remove = Remove a company that has no rooms
    .example = hanare company remove globex --yes
    .id = Its id
    .yes = Do not ask
    .dry_run = Say what would go, change nothing

cmd-hanare-person = Employees, to whom work belongs
    .example = hanare person list

cmd-hanare-person-add = Add an employee; prints their first password and the authenticator's secret
    .long = Both are shown this once. The password is temporary: the person chooses another one when they first open their work. Adding the same person again changes nothing.
    .example =
        hanare person add hanako --name "Hanako Yamada" --qr
        hanare person add taro --company acme
    .id = Their id: a-z, 0-9 and -
    .company = Whom they work for, if there is more than one company
    .name = Their full name
    .qr = Show the authenticator's secret as a QR code too

cmd-hanare-person-list = List the employees, where their work is open, and who is locked
    .example = hanare person list --json

cmd-hanare-person-quota = Show or set how much all versions of an employee's work may hold at headquarters
    .long = What is there stays, also above a new limit. New work for which there is no room stays on the PC; `work status` says so to the employee.
    .example =
        hanare person quota hanako 20G
        hanare person quota hanako none
        hanare person quota hanako
    .id = Who
    .size = Such as 20G, or none [default: only show]

cmd-hanare-person-disable = End an employee's access for good, everywhere and at once
    .example = hanare person disable hanako --successor taro --yes
    .id = Their id
    .successor = Whose their work becomes: another employee of the same company
    .yes = Do not ask
    .dry_run = Say what would end, change nothing

cmd-hanare-person-reset = Give an employee a new temporary password; ends locks and what they have open
    .example =
        hanare person reset hanako
        hanare person reset hanako --totp --qr
    .id = Their id
    .totp = A new secret for the authenticator too, for a lost phone
    .qr = Show that secret as a QR code too

cmd-hanare-office = Satellite office buildings
    .example = hanare office list

cmd-hanare-office-add = Add an office building
    .example = hanare office add kofu --name "Kofu satellite office" --site-key address "Kofu, Yamanashi"
    .id = Its id: a-z, 0-9 and -
    .name = Its full name
    .site_key = A fact for the audit: a name and its value; may be repeated

cmd-hanare-office-list = List the office buildings
    .example = hanare office list

cmd-hanare-office-show = Show an office building and its rooms
    .example = hanare office show kofu
    .id = Its id

cmd-hanare-office-remove = Remove an office building that has no rooms
    .example = hanare office remove kofu --yes
    .id = Its id
    .yes = Do not ask
    .dry_run = Say what would go, change nothing

cmd-hanare-room = Rooms and their addresses
    .example = hanare room list

cmd-hanare-room-add = Add a room, and its office building if that is missing
    .example = hanare room add kofu/306 --company acme
    .id = The room, as OFFICE/ROOM
    .company = The company that leases it
    .prefix = Its IPv4 addresses [default: the next free part of the address plan]

cmd-hanare-room-list = List the rooms
    .example = hanare room list

cmd-hanare-room-show = Show a room, its addresses and its nodes
    .example = hanare room show kofu/306
    .id = The room, as OFFICE/ROOM

cmd-hanare-room-remove = Remove a room that has no nodes
    .example = hanare room remove kofu/306 --yes
    .id = The room, as OFFICE/ROOM
    .yes = Do not ask
    .dry_run = Say what would go, change nothing

cmd-hanare-room-close = Give a room up: its nodes and keys end, and a signed certificate says so
    .long = Refused while work is open on a node of the room, or items wait there, or nobody knows that none do: a machine says so while it is connected, and what it said long ago does not count. What connected machines are delivering is waited for, 20 s at most. The folder gets certificate.json with its signature (ssh-keygen -Y verify -n hanare-certificate), the room's part of the ledger, and the key that checks them. Work that was handed over stays, it belongs to its persons; backups of headquarters' database are not reached. Again for a room that is closed: the same certificate.
    .example =
        hanare room close kofu/306 --yes --out ./kofu-306-closed
        hanare room close kofu/306 --abandon-sealed --yes
    .id = The room (OFFICE/ROOM)
    .abandon_sealed = Give up what waits on its nodes, or may wait there
    .out = A folder that does not exist yet [default: closed-OFFICE-ROOM]
    .yes = Do not ask
    .dry_run = Only say what would end

cmd-hanare-invite = Make an invite that lets one PC or gateway join a room
    .long = Prints one line that begins with hanare1:. It works once, and until it expires. Pass it on like a password.
    .example =
        hanare invite kofu/306 --kind endpoint --name pc-1 --expires 24h
        hanare invite kofu/306 --kind gateway --sheet --qr > sheet.txt
    .room = The room, as OFFICE/ROOM
    .kind = endpoint: a PC; gateway: the room's router
    .name = The node's name [default: it chooses one itself]
    .expires = How long the invite is good: 30m, 24h, 7d [default: 24h]
    .qr = Draw a QR code as well
    .sheet = For paper: `join` also asks for a code, which you tell by phone

cmd-hanare-node = PCs, gateways and phones
    .example = hanare node list

cmd-hanare-node-list = List the nodes
    .example = hanare node list

cmd-hanare-node-show = Show a node
    .example = hanare node show pc-1
    .name = Its name

cmd-hanare-node-revoke = Shut a node out for good
    .long = Its traffic stops within two seconds, and its key never comes back. To let the machine in again, make a new invite. Refused while sealed work waits there, or nobody knows that none does. For a machine that is lost or stolen there is `hanare node lost`, which is never refused.
    .example = hanare node revoke pc-1 --reason "replaced" --yes
    .name = Its name
    .reason = Why; the ledger and the node's screen show it
    .abandon_sealed = Also if sealed work waits there: it is lost unless it is carried here
    .yes = Do not ask
    .dry_run = Say what would go, change nothing

cmd-hanare-node-end-day = End the working day on an endpoint
    .long = People there see a countdown; then programs are closed, the rest is handed over, and the work volume goes. Ends with 1 if nobody's work is open there.
    .example = hanare node end-day pc-1 --reason "typhoon" --yes
    .name = Its name
    .reason = Why; the ledger keeps it
    .yes = Do not ask
    .dry_run = Say what would end, change nothing
cmd-hanare-node-lost = End a node that was lost or stolen, and print what is known of it
    .long = The node is revoked first, whatever else is unknown. The sheet follows the headings of a first report to the Personal Information Protection Commission of Japan. It holds facts only, says what is unknown, names no file and judges nothing. With --out both languages are written, and the facts with headquarters' signature (ssh-keygen -Y verify -n hanare-evidence).
    .example =
        hanare node lost pc-1 --yes --out ./pc-1-lost
        hanare --json node lost pc-1 --yes
    .name = The node
    .out = A folder that does not exist yet: the sheet in both languages, the facts, their signature
    .yes = Do not ask
    .dry_run = Only say what would end

cmd-hanare-node-receipts = Write the receipts that came from a node into DIR, byte for byte
    .long = With them comes node.pub, the key that headquarters knows the node by: `hanare wipe receipt verify FILE --key node.pub` and `ssh-keygen -Y verify` check them on any machine.
    .example = hanare node receipts pc-1 ./receipts-pc-1
    .name = The node
    .dir = A folder that does not exist yet

cmd-hanare-node-acknowledge = Take note of alarms about a node's receipts, with what was found out
    .long = A receipt that never came, was forged, or contradicts those before is an alarm until somebody has looked into it. Of a node that is revoked, what nobody will know any more is acknowledged too.
    .example = hanare node acknowledge pc-1 --reason "Disk replaced on 24 November, form 117"
    .name = The node
    .reason = What was found out. It is on the ledger

cmd-hanare-node-add = Add a phone or PC that uses an official WireGuard app
    .long = Headquarters makes the key, shows it once and does not keep it.
    .example = hanare node add kofu/306 --kind external --name phone-1 --qr
    .room = The room, as OFFICE/ROOM
    .kind = external
    .name = Its name
    .wg_quick = Write the configuration to a new file (mode 0600), or to the standard output with -
    .qr = Draw the configuration as a QR code for the app
    .dns = Name servers for the configuration; without it there is no DNS line

cmd-hanare-policy = What may pass between companies, rooms and headquarters
    .example = hanare policy show

cmd-hanare-policy-check = Check a policy file, change nothing
    .example = hanare policy check policies/segmentation.example.toml
    .file = The policy, in TOML

cmd-hanare-policy-apply = Put a policy into force at once
    .example = hanare policy apply policies/segmentation.example.toml
    .file = The policy, in TOML

cmd-hanare-policy-show = Show the policy in force
    .example = hanare policy show

cmd-hanare-ledger = The signed record of everything that happened
    .example = hanare ledger list

cmd-hanare-ledger-list = List what happened, oldest first
    .example = hanare ledger list --since 2026-04-01T00:00:00Z
    .since = Only from this time on (RFC 3339)

cmd-hanare-ledger-verify = Check that nobody changed the ledger
    .long = Without a key that you brought from elsewhere the answer is “incomplete” (7): whoever forges a ledger also forges the key in it.
    .example = hanare ledger verify ledger.jsonl --key hq.pub
    .file = An export, with its signature in FILE.sig [default: the ledger of the running headquarters]
    .key = Headquarters' public key, as `hanare hq status` shows it (ssh-ed25519 …)

cmd-hanare-ledger-export = Write the ledger to FILE and its signature to FILE.sig
    .example = hanare ledger export ledger.jsonl
    .file = A file that does not exist yet

cmd-hanare-handover = Work data that headquarters holds
    .example = hanare handover status

cmd-hanare-handover-list = List the newest files that came from a room or a node, or all of a person's, newest first
    .long = This shows file names. No file name ever enters the ledger.
    .example =
        hanare handover list kofu/306
        hanare handover list pc-1 --at 2026-11-26T09:00:00Z
    .place = A room (OFFICE/ROOM), a node or a person; node:NAME or person:ID where both have the same name
    .at = As it was at this time [default: now]

cmd-hanare-handover-deletions = Show deletions that are held because they are very many at once; confirm them or put the files back
    .long = When more than 30 % of an employee's files vanish within ten minutes, nothing is deleted before the employee (with `hanare work deletions`) or you have said that it is meant. What you decide is on the ledger; the employee's PC hears of it within half a minute.
    .example =
        hanare handover deletions
        hanare handover deletions hanako --put-back
        hanare handover deletions hanako --confirm --yes
    .person = Whose files
    .confirm = They are meant: delete the files; deleted files are kept for 90 days
    .put_back = They are not meant: the files come back on the employee's PC
    .yes = Do not ask
    .dry_run = Say what would be deleted, change nothing

cmd-hanare-handover-get = Copy files that headquarters holds to DEST, with a reason
    .long = Each copy is on the ledger, with its reason and how much it was, without the name of any file, and the persons whose work it is read of it when they next open their work. DEST must not exist. A file of one person becomes DEST itself; anything else makes DEST a folder, and from a room or a node it has a folder for each person.
    .example =
        hanare handover get hanako ~/hanako --reason "Handing over to Taro, as agreed with her"
        hanare handover get hanako 見積/第1版.xlsx ./第1版.xlsx --at 2026-11-25T09:00:00Z --reason "Asked for by her"
        hanare handover get kofu/306 /srv/kofu-306 --reason "Moving out"
    .place = A room (OFFICE/ROOM), a node or a person; node:NAME or person:ID where both have the same name
    .path = A file, or a folder with all that is in it [default: everything]
    .dest = Where to: it must not exist
    .reason = Why. It is on the ledger and the persons read it: name no file in it
    .at = As it was at this time [default: now]

cmd-hanare-handover-import = Take in sealed items that were carried here
    .long = As `hanare wipe sealed export` wrote them. Each is checked against the signature of the node that sealed it; one that headquarters has is known, and changes nothing. Ends with 6 if one is not taken.
    .example = hanare handover import /media/usb/*.sealed
    .files = The files

cmd-hanare-handover-status = Show how many files, and how much, are held of each company
    .example = hanare handover status --json
