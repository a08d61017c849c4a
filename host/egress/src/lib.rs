//! Outbound HTTP for connectors: policy, authentication, throttling, trace (DESIGN 5, FEATURES X02, C19, C20, R04).
//!
//! Promise: a connector says what it wants to send; the host decides whether it may, connects, proves who it is, sends once,
//! and hands back the answer without credentials. Deny by default: URLs outside the connection's endpoints, addresses
//! outside the public internet, headers that belong to the host, and http without TLS are refused, and each refusal prints
//! the configuration line that would permit it. Redirects are answers and are never followed.
//!
//! A request is repeated only after the server refused it with an authentication challenge. When it fails otherwise, the error
//! says whether bytes may have left, so that the caller reads before it writes again (SEMANTICS S-15).
//!
//! No secret, token, header, body or URL query is part of an error or a `Debug` text. This crate knows nothing of WebAssembly,
//! calendars or the store; its clock, resolver, secrets and trace sink are handed in.

mod address;
mod auth;
mod certificate;
mod chain;
mod client;
mod clock;
mod connection;
mod cookies;
mod dial;
mod discovery;
mod error;
mod headers;
mod limits;
mod line;
mod login;
mod message;
mod origin;
mod policy;
mod redact;
mod resolve;
mod speak;
mod stream;
mod throttle;
mod tls;
mod trace;
mod verifier;
mod wire;

pub use address::{AddressClass, AddressRule, judge_address};
pub use auth::{Auth, ClientStyle};
pub use clock::{Clock, SystemClock};
pub use connection::{Connection, Egress};
pub use discovery::{Discovery, DiscoveryRule, MOST_REDIRECTS, MOST_REQUESTS};
pub use error::{Blame, EgressError, Outcome, Phase, SafeUrl};
pub use headers::headers_from_pairs;
pub use limits::{DEFAULT_CONCURRENT_REQUESTS, DEFAULT_CONCURRENT_STREAMS, Limits};
pub use login::LoginProblem;
pub use message::{Request, Response, looks_like_html};
pub use origin::Origin;
pub use policy::{ConnectionPolicy, Denial, Denied, Endpoint, Permitted, PrivateCa, Proxy, check_link, decide};
pub use redact::Redaction;
pub use resolve::{Lookup, SystemLookup};
pub use stream::{StreamRead, StreamedResponse};
pub use throttle::parse_retry_after;
pub use tls::TlsProblem;
pub use trace::{Counters, NoTrace, TraceLine, TraceSetting, TraceSink};
