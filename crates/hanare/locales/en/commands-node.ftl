# Help of everything that runs in a room.

cmd-hanare-join = Let this machine join a room
    .long = Keys are made here and never leave this machine. Without an argument the invite is asked for on the terminal: it is a secret and does not belong on a command line.
    .example =
        hanare join invite.txt
        hanare join -
    .invite = A file with the invite, or - for the standard input [default: ask on the terminal]
    .name = This machine's name, if the invite leaves it open [default: its host name]

cmd-hanare-up = Run the tunnel until it is stopped
    .long = From the first start on, nothing leaves this machine but through the tunnel. That stays so when the tunnel stops; only `hanare leave` ends it.
    .example =
        hanare up
        hanare up --lan eth1
    .interface = Name of the tunnel interface [default: hn0]
    .lan = A gateway's interface towards the room
    .detach = Return as soon as the tunnel runs

cmd-hanare-status = Show whether the tunnel is up, and what is wrong if not
    .long = Ends with 0 if up, 7 if degraded, otherwise 1.
    .example = hanare status --watch
    .watch = Show it again every two seconds

cmd-hanare-down = Stop the tunnel; nothing else leaves this machine then
    .example = hanare down

cmd-hanare-leave = Leave the room: remove keys, lease, kill switch and every trace
    .example = hanare leave --yes
    .yes = Do not ask
    .dry_run = Say what would go, change nothing

cmd-hanare-unlock = Open the kill switch for a while, on the record
    .long = Opens DNS and the web (TCP 80 and 443), for the log-in page of a hotel or an office network: for the system's own services and for the program that is named behind `--`, which is started here. Other programs of people get nothing out, the web through the tunnel included. Name a browser that opens a window of its own: one that hands the page to a browser already running gets nothing out. It closes by itself, 30 minutes later at most.
    .example = hanare unlock --reason "log-in page of the office network" --for 10m -- chromium --user-data-dir=/tmp/portal
    .reason = Why; the ledger keeps it
    .duration = How long: 90s, 10m; 30m at most
    .all = Open everything, for every program, where policy lets
    .program = The program that may use it, and its arguments

cmd-hanare-device = A bare WireGuard interface in user space, set up with wg(8)
    .long = Stands where boringtun-cli or wireguard-go stands. A link to this program named `hanare-device` does the same, for wg-quick.
    .example =
        hanare device wg0
        WG_QUICK_USERSPACE_IMPLEMENTATION=hanare-device wg-quick up wg0
    .foreground = Do not go to the background
    .interface = Name of the interface

cmd-hanare-work = An employee's work on this machine
    .example = hanare work status

cmd-hanare-work-open = Open your work: prove who you are to headquarters
    .long = Asks for your name, your password and the code that your authenticator shows; neither password nor code is shown or kept here. A temporary password is changed at once. Work that another person has open on this machine is closed; a third machine of yours closes the first.
    .example =
        hanare work open hanako
        hanare work open --stdin < /run/claim
    .person = Your id [default: ask]
    .stdin = Read three lines from the standard input: id, password, code; a fourth is a new password
    .alone = Begin without headquarters, while it cannot be reached: an empty volume; what you make is sealed and waits for you there

cmd-hanare-work-close = Close your work on this machine
    .long = Hands over everything that is left first. What headquarters does not get is sealed on the disk; then it ends with 7. It does not close while something is neither, or while no agent answers that could say so.
    .abandon = Close even if files are neither at headquarters nor sealed, or nobody can say whether they are
    .example = hanare work close

cmd-hanare-work-overtime = Ask for more time before your day ends by itself
    .long = As much as the policy gives. Without headquarters you have it once a day, and less.
    .time = How much, such as 90m or 2h
    .example = hanare work overtime --for 2h

cmd-hanare-work-pam = Open work for whoever logs in, or unlocks their screen (for pam_exec with expose_authtok)
    .long =
        Reads one line from the standard input, as pam_exec writes it: the password, and behind it the six digits that the authenticator shows. The person is the account that logs in, which is the one of the wipe policy and never root. Instead of a temporary password: that one, a new one, the new one again, the code, with one space between each.
        While headquarters does not answer: whoever began the day that is open gets back by the password alone, with ever longer waits after five wrong tries; a code cannot be checked here. Where no day is open, whoever types the same twice gets an empty volume, and what they make is sealed until they prove themselves. Where no agent answers, nobody is let in (5).
    .shared = Everybody works as one account: the person's id and a space stand before the password
    .never_alone = Without headquarters nobody begins a day; who began one still gets back to it
    .example = auth requisite pam_exec.so expose_authtok stdout /usr/bin/hanare work pam

cmd-hanare-work-restore = Bring a file or a folder back as headquarters has it, or had it at a time
    .long = Nothing that is here is replaced: where another content is at its place, the older one comes to lie beside it, with the time at which headquarters got it in its name. Headquarters keeps 30 daily versions, then monthly ones, and deleted files for 90 days.
    .example =
        hanare work restore estimates/2026.xlsx --at 2026-11-25T09:00:00Z
        hanare work restore estimates
    .path = A file or folder, from the work folder on [default: everything]
    .at = As it was then, such as 2026-11-25T09:00:00Z [default: as it is at headquarters now]

cmd-hanare-work-deletions = Show deletions that are held because they are very many at once; confirm them or put the files back
    .long = When more than 30 % of the files vanish within ten minutes, nothing is deleted at headquarters before you or the admin have said that it is meant. If nobody does, the files are back at the next opening.
    .example =
        hanare work deletions
        hanare work deletions --put-back
        hanare work deletions --confirm --yes
    .confirm = They are meant: delete the files at headquarters too; deleted files are kept for 90 days
    .put_back = They are not meant: bring the files back here
    .yes = Do not ask
    .dry_run = Say what would be deleted, change nothing

cmd-hanare-work-status = Show whose work is open here
    .long = Ends with 0 if work is open, otherwise 1.
    .example = hanare work status --json

cmd-hanare-wipe-agent = Hand over what changes while an employee's work is open (daemon)
    .long =
        When work is opened it brings back what headquarters holds, newest first, and then hands over every change. It never replaces a file that is here. Run it as root beside `hanare up`.
        With --policy it also opens the work volume for whoever proves themselves, and ends the day: at its hour, at log-out and shutdown, when headquarters says so or revokes this node, or when a named device is pulled out. Programs are closed, the rest is handed over, the volume's key goes, one receipt is written.
    .example =
        hanare wipe agent --policy /etc/hanare/wipe.toml
        hanare wipe agent --work /srv/work
    .policy = File of the wipe policy; without one the agent opens and wipes nothing
    .work = The directory with the work files [default: /srv/work]
    .reserve = How much may wait sealed on the disk [default: two times the file system with the work files]
    .rate = Bytes a second that are sent to headquarters at most, such as 1M: leaves room for calls on a narrow line [default: as many as the line takes]

cmd-hanare-wipe-sealed = Work that waits for headquarters on this machine, encrypted
    .example = hanare wipe sealed list

cmd-hanare-wipe-sealed-list = List what waits sealed
    .long = Of what is inside, this machine knows nothing: only headquarters can open it.
    .example = hanare wipe sealed list --json

cmd-hanare-wipe-sealed-deliver = Deliver what waits sealed, now
    .long = The agent does so by itself when headquarters can be reached. Nobody's work has to be open. Ends with 7 if something still waits.
    .example = hanare wipe sealed deliver

cmd-hanare-wipe-sealed-export = Carry away what waits sealed, for `hanare handover import` at headquarters
    .example = hanare wipe sealed export /media/usb
    .dir = A directory, on a stick for example
