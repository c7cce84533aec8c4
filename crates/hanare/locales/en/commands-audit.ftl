# Help of the audit.

cmd-hanare-audit = Whether an office is fit, in a report that nobody has to take on trust
    .long = A self-assessment against public sources, not a certificate. What was not looked at is unknown, and unknown never ends with 0.
    .example = hanare audit run
cmd-hanare-audit-run = Look, judge, and tell what is good, what is not and what nobody knows
    .long =
        Without --view every view is listed; from here only the endpoint's is looked at. Some facts are root's to read.
        Ends with 0 only if everything that applies is good, 1 if something failed, otherwise 7.
    .example =
        hanare audit run --view endpoint
        hanare audit run --only DEV-01,DEV-09
        hanare audit run --out report --sign auditor_key
    .checklist = File of the checklist [default: the satellite-office checklist of this program]
    .view = From where: endpoint, gateway or hq [default: list all, look from the endpoint]
    .root = Look at the files below this directory, such as a mounted image, and not at this machine
    .facts = Judge facts that `hanare audit facts` wrote; one file for each view
    .only = Only these items
    .passive = Send nothing; nothing that this version does sends anything
    .at = Judge as of this time [default: the facts' time]
    .out = Write report.json into this directory
    .format = What to write: json
    .sign = OpenSSH Ed25519 private key; writes report.json.sig, which ssh-keygen checks with the namespace hanare-report
cmd-hanare-audit-facts = Only look; print the facts as JSON, to be judged elsewhere
    .long = Reads /proc, /sys and files; starts no process, sends nothing, changes nothing. No password, no hash of one and no person's name is in it.
    .example = hanare audit facts > facts.json
    .view = From where: endpoint, gateway or hq [default: endpoint]
    .root = Look at the files below this directory and not at this machine
cmd-hanare-audit-list = List the checklist's items
    .example = hanare audit list
    .checklist = File of the checklist [default: the satellite-office checklist of this program]
cmd-hanare-audit-explain = Tell what an item wants, how it is known and how it is checked
    .example = hanare audit explain DEV-01
    .id = The item, such as DEV-01
    .checklist = File of the checklist [default: the satellite-office checklist of this program]
cmd-hanare-audit-verify = Check offline that a report is exactly what was signed
    .long =
        A single changed byte ends with 1, a report older than --not-before with 7.
        ssh-keygen checks it too; the namespace is hanare-report.
    .example =
        hanare audit verify report/report.json --key auditor_key.pub
        ssh-keygen -Y verify -n hanare-report -f allowed_signers -I auditor -s report.json.sig < report.json
    .report = The report's file; its signature is REPORT.sig beside it
    .key = File with the signer's public key
    .head = Hash of an earlier report: this one must be it or name it as an earlier one of the same signer
    .not_before = The oldest that it may be
cmd-hanare-audit-checklist = Checklists as files
    .example = hanare audit checklist check acme.toml
cmd-hanare-audit-checklist-check = Check that a checklist can be used; point at the line and column if not
    .long = A checklist without items ends with 7: nothing would be evaluated.
    .example = hanare audit checklist check policies/checklists/satellite-office.toml
    .file = The checklist's file
