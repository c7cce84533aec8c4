//! Why an item came out as it did, as data that the command says in the person's language.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why an item came out as it did.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Why {
            $($(#[$doc])* $name,)*
        }

        impl Why {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The catalogue's message.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

reasons! {
    /// It is so.
    Good = "why-good",
    /// No check has been written for this view.
    NoCheck = "why-no-check",
    /// The facts at hand are of another view.
    OtherView = "why-other-view",
    /// A person has to state it.
    AttestDue = "why-attest-due",
    /// A person stated it.
    Attested = "why-attested",
    /// What a person stated has ended.
    AttestationOver = "why-attestation-over",
    /// What a person brought is gone, or is not what it was.
    EvidenceGone = "why-evidence-gone",
    /// Somebody answers for it.
    Waived = "why-waived",
    /// Somebody answered for it until a day that is over.
    WaiverOver = "why-waiver-over",
    /// Another item that it rests on is not good.
    Requires = "why-requires",
    /// The office states that it has none, and a PC there uses none.
    NoneHere = "why-none-here",
    /// The office states that it has none, but a PC there uses one.
    NoneDoubted = "why-none-doubted",
    /// The office states that it has none, and no PC was looked at.
    NoneUnseen = "why-none-unseen",
    /// The facts are from after the time of judging.
    Future = "why-future",
    /// The facts are older than evidence may be.
    Stale = "why-stale",
    /// Handed in or said, not measured.
    NotMeasured = "why-not-measured",
    /// Gaps.
    GapAbsent = "why-gap-absent",
    /// Only root may read it.
    GapPermission = "why-gap-permission",
    /// Not a plain file.
    GapNotRegular = "why-gap-not-regular",
    /// Too large.
    GapTooLarge = "why-gap-too-large",
    /// Not text.
    GapNotText = "why-gap-not-text",
    /// Not understood.
    GapNotUnderstood = "why-gap-not-understood",
    /// A tree of files is no running machine.
    GapNotLive = "why-gap-not-live",
    /// Unreadable.
    GapFailed = "why-gap-failed",
    /// Storage without encryption.
    DiskPlain = "why-disk-plain",
    /// Storage that nobody knows how to judge.
    DiskUnknown = "why-disk-unknown",
    /// No storage at all was seen.
    DiskNone = "why-disk-none",
    /// Out of support.
    EndOfLife = "why-end-of-life",
    /// No end of support is known.
    SupportUnknown = "why-support-unknown",
    /// No archive of security updates.
    NoSecurityArchive = "why-no-security-archive",
    /// A reboot is wanted.
    RebootPending = "why-reboot-pending",
    /// A newer kernel waits.
    KernelPending = "why-kernel-pending",
    /// Lists of updates are old.
    ListsOld = "why-lists-old",
    /// Security updates wait.
    UpdatesWaiting = "why-updates-waiting",
    /// Ports listen that are not allowed.
    Listening = "why-listening",
    /// Rules of the firewall that are not understood.
    FirewallUnclear = "why-firewall-unclear",
    /// The firewall lets new connections in.
    FirewallOpen = "why-firewall-open",
    /// This machine has no tunnel of its own.
    NoTunnelHere = "why-no-tunnel-here",
    /// Packets would leave beside the tunnel.
    BesideTunnel = "why-beside-tunnel",
    /// Nothing stops what does not go through the tunnel.
    NoKillSwitch = "why-no-kill-switch",
    /// One end alone proves nothing.
    OtherEnd = "why-other-end",
    /// Antivirus definitions are old.
    DefinitionsOld = "why-definitions-old",
    /// Files are not looked at as they are opened.
    NotOnAccess = "why-not-on-access",
    /// USB storage is in use.
    UsbLoaded = "why-usb-loaded",
    /// USB storage would be loaded.
    UsbOpen = "why-usb-open",
    /// Another line has modprobe do something else instead.
    UsbOverridden = "why-usb-overridden",
    /// `USBGuard` is there and not judged.
    UsbGuard = "why-usb-guard",
    /// Blocked by file, not seen running.
    UsbNotLive = "why-usb-not-live",
    /// Nobody keeps the clock right.
    ClockUnkept = "why-clock-unkept",
    /// The clock may be too far off.
    ClockOff = "why-clock-off",
    /// More than one administrator, or shared ids.
    SharedAccounts = "why-shared-accounts",
    /// No password.
    EmptyPasswords = "why-empty-passwords",
    /// sudo asks for none.
    SudoOpen = "why-sudo-open",
    /// The journal is not kept.
    JournalVolatile = "why-journal-volatile",
    /// Kept too short.
    JournalShort = "why-journal-short",
    /// It does not reach back far enough to tell.
    JournalYoung = "why-journal-young",
    /// Another logger, not judged.
    JournalSyslog = "why-journal-syslog",
    /// Nobody said which resolvers are approved.
    ResolversUnnamed = "why-resolvers-unnamed",
    /// Others are asked.
    ResolversOther = "why-resolvers-other",
    /// Approved, but asked beside the tunnel.
    ResolversBeside = "why-resolvers-beside",
    /// No saved connection.
    WifiNone = "why-wifi-none",
    /// Open or WEP.
    WifiOpen = "why-wifi-open",
    /// What is on the air was not scanned.
    WifiNotScanned = "why-wifi-not-scanned",
    /// One passphrase for everybody, or nothing pinned.
    WifiShared = "why-wifi-shared",
    /// Not understood.
    WifiUnknown = "why-wifi-unknown",
}

/// A reason with what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The reason.
    pub why: Why,
    /// What it is about: names, files, numbers; empty for none.
    pub what: String,
}

impl Reason {
    /// A reason about nothing more.
    #[must_use]
    pub const fn plain(why: Why) -> Self {
        Self { why, what: String::new() }
    }

    /// A reason about something.
    #[must_use]
    pub fn about(why: Why, what: impl Into<String>) -> Self {
        Self { why, what: what.into() }
    }
}
