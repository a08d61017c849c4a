//! What a Calport connector written in Rust is made of.
//!
//! A connector is a WebAssembly component. It holds no credential, opens no socket and decides nothing about
//! retries: it turns calls of the package `calport:connector` into requests of one product and answers back. This
//! crate has what every connector needs for that, and nothing that only one of them needs.
//!
//! | you want to | use |
//! |---|---|
//! | say which capabilities you serve | [`connector!`]; [`bindings!`] and [`export!`] for several connectors on one library |
//! | send a request | [`http::Http`], [`request::get`] and its like |
//! | read an answer | [`http::ResponseExt`] |
//! | report a failure | [`error`], [`error::StatusError`] |
//! | follow pages and keep a cursor | [`paging`] |
//! | read settings and publish their schema | [`settings`] |
//! | keep what `open` was given | [`opened::Opened`] |
//! | write times and zones | [`time`], [`zone`] |
//! | log | [`debug!`], [`info!`], [`warn!`], [`error!`] |
//! | test without a host | [`testing`] (not in WebAssembly) |
//!
//! # A whole connector
//!
//! `Cargo.toml` says `crate-type = ["cdylib", "rlib"]` and depends on `calport-sdk`. Then
//! `cargo build --profile plugin --target wasm32-wasip2` makes the component.
//!
//! ```text
//! //! One page of docs: what the connector promises, what it refuses.
//! #![allow(clippy::result_large_err, reason = "the error is the record of the WIT package")]
//! use calport_sdk::{common::Error, http::{HostHttp, Http, ResponseExt}, opened::Opened, request, settings};
//!
//! calport_sdk::connector! {
//!     plugin: Example,
//!     wit: "../../wit",
//!     world: "
//!         package example:plugin;
//!         world plugin {
//!             include calport:connector/base@0.1.0;
//!             export calport:connector/presence@0.1.0;
//!         }
//!     ",
//! }
//! // The exported interfaces are now modules: `connector`, `presence`.
//! use bindings::exports::calport::connector::{connector, presence};
//!
//! /// Everything but the export layer takes `&dyn Http`, so that it is tested natively.
//! struct Connection { http: Box<dyn Http>, base: String }
//!
//! thread_local! { static CONNECTION: Opened<Connection> = const { Opened::new() } }
//!
//! struct Example;
//! impl connector::Guest for Example {
//!     fn open(settings: String, endpoints: Vec<connector::Endpoint>) -> Result<(), Error> {
//!         let settings: Settings = settings::parse(&settings)?;
//!         // ...
//!         CONNECTION.with(|c| c.open(Connection { http: Box::new(HostHttp), base }));
//!         Ok(())
//!     }
//!     fn check() -> Result<connector::CheckReport, Error> {
//!         let connection = CONNECTION.with(Opened::get)?;
//!         let answer = request::get(format!("{}/status", connection.base))
//!             .query("detail", "yes")
//!             .send(&*connection.http)?
//!             .success("reading the status")?;
//!         let status: Status = answer.json("a status object")?;
//!         // ...
//!     }
//!     // ...
//! }
//! ```
//!
//! # Rules that the host enforces
//!
//! * One call at a time; an instance may be dropped after any call. State is a cache at most.
//! * Errors are data: a panic ends the instance and counts against the connector.
//! * `error.message` is read by the administrator and must hold no secret, no URL with a query and no private text.

#![allow(clippy::result_large_err, reason = "the error is the record of the WIT package; it is rare and never in a loop")]

pub mod error;
pub mod http;
pub mod log;
pub mod opened;
pub mod paging;
pub mod request;
pub mod settings;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod time;
pub mod zone;

#[doc(hidden)]
pub use wit_bindgen;

/// The allocator of every connector: faster than that of the target's C library at the many small texts of a page of events
/// (`cargo xtask bench -- --only page`).
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// The generated bindings of what the host offers and of the types that all capabilities share.
#[allow(unsafe_code, reason = "the component model's calling convention is generated code")]
#[allow(missing_docs, reason = "the generator documents types but not its own modules")]
#[allow(clippy::all, reason = "generated code")]
pub mod bindings {
    wit_bindgen::generate!({
        inline: "
            package calport:sdk;
            world sdk {
                import calport:connector/common@0.1.0;
                import calport:connector/http@0.1.0;
                import calport:connector/dns@0.1.0;
                import calport:connector/log@0.1.0;
            }
        ",
        path: "../../wit",
        world: "calport:sdk/sdk",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq],
    });
}

pub use bindings::calport::connector::{common, dns};

/// Generates a module `bindings` with the world of a connector and, in WebAssembly, exports `plugin`: [`bindings!`] and
/// [`export!`] in one.
///
/// * `plugin`: the type that implements the `Guest` trait of each exported interface. Traits and types of an
///   exported interface `NAME` are in `bindings::exports::calport::connector::NAME`.
/// * `wit`, `world`: as for [`bindings!`].
#[macro_export]
macro_rules! connector {
    (plugin: $plugin:ident, wit: $wit:literal, world: $world:literal $(,)?) => {
        $crate::bindings! { wit: $wit, world: $world }
        $crate::export! { plugin: $plugin, bindings: super::bindings }
    };
}

/// Generates a module `bindings` with the world of a connector and exports nothing: for a library that several connectors of one
/// world are made of. Each of them then says [`export!`].
///
/// * `wit`: the folder of the package `calport:connector`, relative to the crate's `Cargo.toml`.
/// * `world`: a WIT package of your own whose only world includes `calport:connector/base@0.1.0` and exports the
///   capabilities served. `tasks` and `free-busy` use types of `calendar`; export `calendar` beside them.
///
/// The types of `common`, `http`, `dns` and `log` are those of this crate.
#[macro_export]
macro_rules! bindings {
    (wit: $wit:literal, world: $world:literal $(,)?) => {
        #[allow(unsafe_code, reason = "the component model's calling convention is generated code")]
        #[allow(missing_docs, reason = "the generator documents types but not its own modules")]
        #[allow(clippy::all, reason = "generated code")]
        pub mod bindings {
            $crate::wit_bindgen::generate!({
                inline: $world,
                path: $wit,
                generate_all,
                runtime_path: "calport_sdk::wit_bindgen::rt",
                generate_unused_types: true,
                additional_derives: [PartialEq],
                pub_export_macro: true,
                with: {
                    "calport:connector/common@0.1.0": ::calport_sdk::bindings::calport::connector::common,
                    "calport:connector/http@0.1.0": ::calport_sdk::bindings::calport::connector::http,
                    "calport:connector/dns@0.1.0": ::calport_sdk::bindings::calport::connector::dns,
                    "calport:connector/log@0.1.0": ::calport_sdk::bindings::calport::connector::log,
                },
            });
        }
    };
}

/// Exports a connector in WebAssembly.
///
/// * `plugin`: the type, in the module that says this, that implements the `Guest` trait of each exported interface.
/// * `bindings`: the path of the module that [`bindings!`] generated: in a library, or `super::bindings` for one beside it.
///
/// A crate that says this is a component: link it into no other one. Natively nothing is exported, so that several connectors can be
/// linked into one test.
#[macro_export]
macro_rules! export {
    (plugin: $plugin:ident, bindings: $bindings:path $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the component model's calling convention is generated code")]
        mod component_exports {
            use super::$plugin;
            use $bindings as generated;
            generated::export!($plugin with_types_in generated);
        }
    };
}
