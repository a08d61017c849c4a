//! What Calport serves over HTTP: the receiver of hooks, and the control API of the commands.
//!
//! Promise: a request of the other side is on disk before it is acknowledged, and whoever sends one gets an answer within
//! seconds, also when the store stalls (SEMANTICS B-30). A request without a known secret changes nothing (B-31). The control
//! API serves a loopback address only, and every call that tells or does something needs the token of this process.
//!
//! Refusals: nothing here reads the meaning of a hook, knows a connector, or holds a credential. What the receiver and the
//! control API need from the rest of Calport are the traits [`hooks::HookTargets`], [`hooks::HookStore`] and
//! [`control::Control`], which the binary implements; so this crate depends on neither engine nor runtime.

pub mod control;
mod error;
pub mod hooks;
pub mod logring;
mod server;
mod tls;

pub use error::WebError;
pub use server::{ServerLimits, serve};
pub use tls::{Tls, TlsFiles};
