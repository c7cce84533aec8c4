//! Signed hash-chained records, verified offline.
