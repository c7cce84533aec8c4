//! The host process with a real worker.
