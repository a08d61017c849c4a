//! Who may ask: checked for every request before anything else, unknown routes included.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;

use super::error::{ControlError, ControlErrorKind};
use super::token::Token;

/// Routes that need no token.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

#[derive(Clone)]
pub(super) struct Guard {
    pub(super) token: Token,
    pub(super) port: u16,
}

pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.check(request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

impl Guard {
    fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), ControlError> {
        let host = one(headers, header::HOST);
        if !host.is_some_and(|host| self.is_here(host)) {
            return Err(ControlError::new(
                ControlErrorKind::Forbidden,
                "the control API was asked by a host name that is not its own",
                format!("use http://127.0.0.1:{} as its address", self.port),
            ));
        }
        let foreign = |origin: &str| !origin.strip_prefix("http://").is_some_and(|origin| self.is_here(origin));
        if headers.contains_key(header::ORIGIN) && one(headers, header::ORIGIN).is_none_or(foreign) {
            return Err(ControlError::new(
                ControlErrorKind::Forbidden,
                "the control API was asked by a page of another origin",
                "use the commands of calport",
            ));
        }
        let token = || one(headers, header::AUTHORIZATION)?.strip_prefix("Bearer ");
        if !OPEN.contains(&path) && !token().is_some_and(|token| self.token.is(token)) {
            return Err(ControlError::new(
                ControlErrorKind::Unauthorised,
                "the control token is missing or is not that of the running Calport",
                "run the command as the user that runs `calport serve`, with the same configuration",
            ));
        }
        Ok(())
    }

    /// Whether an authority is this server as seen from its own machine.
    fn is_here(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let named = matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]");
        named && authority.port_u16().unwrap_or(80) == self.port && !authority.as_str().contains('@')
    }
}

fn one(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok();
    if values.next().is_some() { None } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, headers: &[(header::HeaderName, &str)]) -> Option<ControlErrorKind> {
        let guard = Guard { token: Token::parse(&"a".repeat(32)).unwrap(), port: 8090 };
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        guard.check(path, &headers).err().map(|error| error.kind)
    }

    #[test]
    fn feat_r01_a_rebound_name_is_refused_with_and_without_the_token() {
        let token = format!("Bearer {}", "a".repeat(32));
        for host in ["localhost:8090", "127.0.0.1:8090", "[::1]:8090"] {
            assert_eq!(check("/api/status", &[(header::HOST, host), (header::AUTHORIZATION, &token)]), None, "{host}");
        }
        for host in
            ["evil.example:8090", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:8090", "x@localhost:8090", "", "127.0.0.1:8090:1"]
        {
            let refused = Some(ControlErrorKind::Forbidden);
            assert_eq!(check("/api/status", &[(header::HOST, host), (header::AUTHORIZATION, &token)]), refused, "{host}");
            assert_eq!(check("/healthz", &[(header::HOST, host)]), refused, "{host}");
        }
        assert_eq!(check("/healthz", &[]), Some(ControlErrorKind::Forbidden));
    }

    #[test]
    fn feat_r01_only_the_token_opens() {
        let host = (header::HOST, "localhost:8090");
        assert_eq!(check("/healthz", std::slice::from_ref(&host)), None);
        for wrong in ["", "Bearer", "Bearer ", "Basic YTph", &format!("Bearer {}", "b".repeat(32)), &"a".repeat(32)] {
            let seen = check("/api/status", &[host.clone(), (header::AUTHORIZATION, wrong)]);
            assert_eq!(seen, Some(ControlErrorKind::Unauthorised), "{wrong}");
        }
        assert_eq!(check("/healthz/../api/status", std::slice::from_ref(&host)), Some(ControlErrorKind::Unauthorised));
    }

    #[test]
    fn feat_r01_a_foreign_page_is_refused_even_with_the_token() {
        let token = format!("Bearer {}", "a".repeat(32));
        let with = |origin: &str| {
            check("/api/sync", &[(header::HOST, "localhost:8090"), (header::AUTHORIZATION, &token), (header::ORIGIN, origin)])
        };
        assert_eq!(with("http://localhost:8090"), None);
        for origin in ["null", "https://evil.example", "http://localhost:3000", "http://evil.example:8090"] {
            assert_eq!(with(origin), Some(ControlErrorKind::Forbidden), "{origin}");
        }
    }
}
