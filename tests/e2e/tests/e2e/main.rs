//! End-to-end tests: the shipped `hanare` on real TUN devices, in network namespaces.

#![cfg(test)]

mod bad_days;
mod bad_disks;
mod bad_invites;
mod bad_nodes;
mod blind;
mod demo;
mod desk;
mod device;
mod devices;
mod enrolment;
mod external;
mod flood;
mod gateway;
mod gateway_intruders;
mod gateway_leaks;
mod handover;
mod interface;
mod interop;
mod isolation;
mod kill_switch;
mod lease;
mod leaving;
mod names;
mod narrow_path;
mod networks;
mod outage;
mod person;
mod persons;
mod qr;
mod readme;
mod receipts;
mod revocation;
mod sealing;
mod second_thoughts;
mod source_check;
mod taking;
mod thief;
mod thin_path;
mod two_desks;
mod under_fire;
mod undo;
mod work_volume;
mod working_day;
mod writer;
