//! The only hands: TUN, UDP, netlink, nftables, resolver, undo log.
