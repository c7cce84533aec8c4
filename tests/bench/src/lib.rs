//! The bench's ceiling: this house's input and output with the AEAD alone.
