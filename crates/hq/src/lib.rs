//! Headquarters: registry, enrolment, node API, admin API.
