//! Network namespaces, processes and captures for the demo, the end-to-end tests and the bench.
