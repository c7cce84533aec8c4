//! Headquarters' firewall on real packets: two rooms and a network behind namespaces.
