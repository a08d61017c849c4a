//! What the schema cannot say about `auth`: keys that need or exclude each other.

use url::Url;

use crate::connection::{Auth, Endpoint};
use crate::diagnostic::Diagnostic;
use crate::tree::{Document, Part, child};

/// Judges the `auth` of an endpoint and what depends on it.
pub(crate) fn auth(document: &Document, endpoint: &Endpoint, pointer: &str, found: &mut Vec<Diagnostic>) {
    let at = child(pointer, "auth");
    match &endpoint.auth {
        Auth::Negotiate { user, secret, keytab, ticket_cache, .. } => {
            if secret.is_some() && user.is_none() {
                found.push(
                    document
                        .report(&at, Part::Key, "`user` is missing here: a password belongs to a user")
                        .with_help("name the user, or leave out `secret` for the service's own identity"),
                );
            }
            if keytab.is_some() && ticket_cache.is_some() {
                found.push(
                    document
                        .report(&child(&at, "ticket_cache"), Part::Key, "`keytab` and `ticket_cache` exclude each other")
                        .with_help("with a keytab Calport fetches its tickets by itself; with a ticket cache something else does"),
                );
            }
        }
        Auth::Fba { login_url: Some(login_url), .. } if endpoint.url.as_ref().is_none_or(|url| server(login_url) != server(url)) => {
            let help = match &endpoint.url {
                Some(_) => "use the same scheme, host and port as in `url`",
                None => "leave it out while the server is still to be found: the form is then looked for in its usual place",
            };
            found.push(
                document
                    .report(
                        &child(&at, "login_url"),
                        Part::Value,
                        "expected a URL on the endpoint's own server: the cookies of the login count only there",
                    )
                    .with_help(help),
            );
        }
        _ => {}
    }
}

fn server(url: &str) -> Option<url::Origin> {
    Url::parse(url).ok().map(|url| url.origin())
}
