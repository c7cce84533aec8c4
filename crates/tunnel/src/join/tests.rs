//! Joining: against a small headquarters of the test, and in pieces.
