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
    .site = Site file of the office: who may state what, which resolvers are approved (see policies/site.example.toml)
    .accept_waivers = Let what is waived count as good for the exit status
    .view = From where: endpoint, gateway or hq [default: list all, look from the endpoint]
    .root = Look at the files below this directory, such as a mounted image, and not at this machine
    .facts = Judge facts that `hanare audit facts` wrote; one file for each view
    .only = Only these items
    .passive = Send nothing; nothing that this version does sends anything
    .at = Judge as of this time [default: the facts' time]
    .out = Write the report into this directory
    .format = What to write: json, html, sarif, junit, csv, oscal [default: json]
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
cmd-hanare-audit-report = Judge an office as a whole, with what people stated; kept for its history
    .long =
        Looks at nothing itself: every view's facts are handed in with --facts, what people stated is on record here.
        Without --site, STATE/audit/OFFICE/site.toml is read. Ends as `audit run` does.
    .example = hanare audit report kofu --site kofu.toml --facts pc.json --out report --sign auditor_key
    .office = The office
    .checklist = File of the checklist [default: the satellite-office checklist of this program]
    .site = Site file of the office: who may state what, which resolvers are approved (see policies/site.example.toml)
    .accept_waivers = Let what is waived count as good for the exit status
    .facts = Judge facts that `hanare audit facts` wrote; one file for each view
    .only = Only these items
    .at = Judge as of this time [default: the facts' time]
    .out = Write the report into this directory
    .format = What to write: json, html, sarif, junit, csv, oscal [default: json]
    .sign = OpenSSH Ed25519 private key; writes report.json.sig, which ssh-keygen checks with the namespace hanare-report
cmd-hanare-audit-attest = State that an item is so, with evidence, until a day
    .long =
        Counts through 24:00 of that day where the office is. Copies of the evidence are kept, and looked at again with every report.
        The id external-audit puts an external audit on record, which the grade full wants.
    .example = hanare audit attest GOV-01 --office kofu --by sato --evidence policy.pdf --until 2027-03-31 --site kofu.toml
    .id = The item, such as GOV-01
    .by = Who states it: a [[person]] of the site file with the role attester
    .evidence = Files that show it
    .until = The last day, at most 400 days ahead
    .office = The office
    .site = Site file of the office: who may state what, which resolvers are approved (see policies/site.example.toml)
    .checklist = File of the checklist [default: the satellite-office checklist of this program]
cmd-hanare-audit-waive = Put on record that an item is not so, why, who answers for it and until when
    .long = Never makes an item good: it counts as waived, and only --accept-waivers lets that end with 0.
    .example = hanare audit waive NET-02 --office kofu --owner sato --reason "new access points in March" --until 2027-03-31 --site kofu.toml
    .id = The item, such as NET-02
    .owner = Who answers for it: a [[person]] of the site file
    .reason = Why
    .until = The last day, at most 400 days ahead
    .office = The office
    .site = Site file of the office: who may state what, which resolvers are approved (see policies/site.example.toml)
    .checklist = File of the checklist [default: the satellite-office checklist of this program]
cmd-hanare-audit-site = Site files: what only people know about an office
    .example = hanare audit site check kofu.toml
cmd-hanare-audit-site-new = Ask what only people know about an office, and write it into a site file
    .long = Answers are lines on the standard input: a program may give them too, where a wrong one ends with 3. What is left empty is due.
    .example = hanare audit site new kofu.toml
    .file = The site file to write; one that exists is refused
cmd-hanare-audit-site-check = Check that a site file can be used; point at the line and column if not
    .example = hanare audit site check policies/site.example.toml
    .file = The site file
cmd-hanare-audit-diff = Tell what got better and what got worse between two reports
    .long = Ends with 1 if an item got worse; one that is missing in the new report is unknown there. Does not check signatures: see `verify`.
    .example = hanare audit diff 2026/report.json 2027/report.json
    .old = The earlier report
    .new = The later one
cmd-hanare-audit-history = List the reports about an office that are kept here
    .long = A kept report that is not what it was ends with 1, no report at all with 7.
    .example = hanare audit history kofu
    .office = The office
