//! Headquarters: registry, enrolment, node API, admin API.
//!
//! [`init`] makes a headquarters in a state directory; [`Server`] runs it; [`admin::Client`] talks to a running one.

pub mod admin;
