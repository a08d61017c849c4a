//! What can go wrong before anything is served.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A server that cannot be started. The blame is with the configuration or the machine, never with a client.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The path of the public URL cannot be used.
    #[error(
        "the path {path:?} of the public URL cannot be served: a segment may hold letters, digits and the characters -._~ only; change `[hooks] public_url`"
    )]
    BasePath {
        /// The path.
        path: String,
    },
    /// A file for TLS cannot be read.
    #[error("the TLS {what} in {file} cannot be used: {reason}; it must be PEM and readable by this user (`[hooks] tls`)")]
    Tls {
        /// Certificate or key.
        what: &'static str,
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The certificate and the key are refused together.
    #[error(
        "the TLS certificate {certificate} and the key {key} cannot be used together: {reason}; give the chain and the key it was made for"
    )]
    TlsPair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        reason: String,
    },
    /// The control API would be reachable from elsewhere.
    #[error(
        "the control API refuses to listen on {address}: only a loopback address such as 127.0.0.1 is allowed; change `[host] control`"
    )]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// A listener gave no address.
    #[error("the listener has no address: {0}")]
    Listener(#[from] io::Error),
}
