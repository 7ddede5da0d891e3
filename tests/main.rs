//! The bridge at work, on both message buses: one module a behaviour.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod agent;
mod agent_wire;
mod authorization;
mod bulk;
mod callers;
mod callers_hostile;
mod demo;
mod dfuzz;
mod differential;
mod direct;
mod events;
mod evolution;
mod faults;
mod fleet;
mod floods;
mod guest;
mod introspection;
mod monitor;
mod pairing;
mod presence;
mod properties;
mod remote;
mod rig;
mod scale;
mod service;
mod shell;
mod skew;
mod soak;
mod subscription;
mod tolerance;
mod typed;
mod typed_service;
