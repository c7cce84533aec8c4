//! WireGuard without input or output: peers over boringtun's Tunn, retry, roaming, source checks.
