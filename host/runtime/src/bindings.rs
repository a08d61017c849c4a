//! The WIT package as Rust types, made at build time from `wit/`.
//!
//! The world `everything` exports each interface once, so that shared types exist once. The generated world itself is
//! never used: each interface has its own indices, which a connector may lack (see [`crate::plugin`]).

#[allow(missing_docs)]
mod generated {
    wasmtime::component::bindgen!({
        world: "everything",
        path: "../../wit",
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

pub(crate) use generated::calport::connector as imports;
pub(crate) use generated::exports::calport::connector as exports;
