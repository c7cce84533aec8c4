### What `cargo xtask demo` tells.

demo-build = Building hanare; the first time takes some minutes.
demo-build-failed = The build failed; the reason stands above.
demo-missing = Missing on this machine: { $programs }. To install it, paste: { $line }
demo-failed = It did not work: { $why }
demo-stage = An internet, two offices (kofu, gujo), a mobile network and ten machines are set up, in namespaces of their own.
demo-headquarters = The IT admin opens headquarters, with a room for company aoba in kofu and one for company midori in gujo.
demo-join = Five machines join, each with its own invite. Their keys are made on them and never leave them.
demo-joined = { $node } has joined in { $room }.
demo-up = Everybody starts the tunnel. From here on nothing else may leave these machines.
demo-external = A phone joins with the official tools: a wg-quick file, run by wireguard-go.
demo-guests = Behind each gateway stands a machine without hanare: the gateway carries its traffic through the tunnel.
demo-ping = Everybody pings headquarters and headquarters pings everybody, over IPv4 and IPv6.
demo-transfer = Files travel both ways, over IPv4 and IPv6; digests are compared.
demo-isolation = Company aoba tries to reach a PC of midori, which answers its own room meanwhile.
demo-handover = An employee of aoba opens their work on a PC; what they write comes to headquarters while they write.
demo-wipe = The day ends on one PC: what was written in its work volume is wiped and verified.
demo-audit = The PC is audited, with a port opened in it that should not be open: the audit has to find it.
demo-audit-report = The report of the audit, for a browser: { $path }
demo-underlay = Outside the tunnel { $count } packets were captured; { $other } kinds did not belong there.
demo-keep = Everything keeps running. In this shell `on MACHINE COMMAND` runs a command on a machine, such as `on aoba-pc1 hanare status`. Machines: { $machines }. Leave with `exit`.
demo-good = Everything works, and nothing keeps running.
demo-bad = Something is not as it should be; see above.
