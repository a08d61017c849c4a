//! SIP addresses of users (RFC 3261 25.1), checked before they stand in a request line.
//!
//! Refused: anything that could end the address and begin a header or a parameter. Kamailio drops a request with such a URI
//! without an answer, after which the caller waits for its whole time limit.

use calport_sdk::common::{Error, ErrorScope};
use calport_sdk::error::{self, ErrorExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Bytes of a whole address: the columns of Kamailio's tables end there.
const LONGEST: usize = 255;

/// Bytes of the user part: Kamailio's table `presentity` ends there.
const LONGEST_USER: usize = 64;

/// What stays as it is in the user part: RFC 3261's `unreserved`, and of `user-unreserved` what cannot begin a parameter.
const USER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'+')
    .remove(b'&')
    .remove(b'=')
    .remove(b'$')
    .remove(b',');

/// The address of a user: `alice` in the domain, `alice@elsewhere.example` and `sip:alice@elsewhere.example` as they are.
///
/// # Errors
/// `invalid`, reaching this user alone.
pub fn of(user: &str, domain: &str) -> Result<String, Error> {
    let (scheme, rest) = match user.split_once(':') {
        Some((scheme @ ("sip" | "sips"), rest)) => (scheme, rest),
        _ => ("sip", user),
    };
    let uri = match rest.split_once('@') {
        None if rest.is_empty() || rest.chars().any(char::is_control) => return Err(refused("it is empty or holds control characters")),
        None if domain.is_empty() => return Err(refused("it has no domain; write `user@domain`, or set `domain` in the settings")),
        None => format!("{scheme}:{}@{domain}", utf8_percent_encode(rest, USER)),
        Some((name, host)) if is_user(name) && is_host(host) => format!("{scheme}:{name}@{host}"),
        Some(_) => {
            return Err(refused("expected `user@domain` with `%` escapes for special characters, without spaces, `<`, `>` or parameters"));
        }
    };
    let name = uri.split_once(':').and_then(|(_, rest)| rest.split_once('@')).map_or(0, |(name, _)| name.len());
    if uri.len() > LONGEST || name > LONGEST_USER {
        return Err(refused(&format!("it is longer than {LONGEST} bytes, or its user part than {LONGEST_USER}")));
    }
    Ok(uri)
}

/// Whether a text can be the host of an address: a name, an IPv4 address or an IPv6 address in brackets, and a port.
pub fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, rest)) if v6.parse::<std::net::Ipv6Addr>().is_ok() => {
            ("v6", rest.strip_prefix(':').or(rest.is_empty().then_some("5060")))
        }
        Some(_) => return false,
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, Some("5060")),
        },
    };
    let label = |l: &str| !l.is_empty() && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    host.split('.').all(label) && port.is_some_and(|p| p.chars().all(|c| c.is_ascii_digit()) && p.parse::<u16>().is_ok_and(|p| p > 0))
}

/// Whether a text can be the SIP URI of a proxy: `sip:HOST`, a port, and `transport=udp`, `tcp` or `tls`.
pub fn is_proxy(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("sip:").or_else(|| text.strip_prefix("sips:")) else { return false };
    let (host, transport) = rest.split_once(';').map_or((rest, None), |(host, parameter)| (host, Some(parameter)));
    is_host(host) && transport.is_none_or(|t| matches!(t, "transport=udp" | "transport=tcp" | "transport=tls"))
}

/// Whether a text is a user part that is written out already.
fn is_user(text: &str) -> bool {
    let allowed = |b: u8| b == b'%' || b.is_ascii_alphanumeric() || b"-_.!~*'()+&=$,".contains(&b);
    let escape = |part: &str| part.get(..2).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    !text.is_empty() && text.bytes().all(allowed) && text.split('%').skip(1).all(escape)
}

fn refused(why: &str) -> Error {
    error::invalid("user", format!("the user is no SIP address: {why}")).with_scope(ErrorScope::Mailbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_completed_with_the_domain_and_escaped() {
        for (user, uri) in [
            ("alice", "sip:alice@example.com"),
            ("+4930123", "sip:+4930123@example.com"),
            ("*43", "sip:*43@example.com"),
            ("müller", "sip:m%C3%BCller@example.com"),
            ("a b", "sip:a%20b@example.com"),
            ("a;transport=tcp", "sip:a%3Btransport=tcp@example.com"),
            ("a>b<\"", "sip:a%3Eb%3C%22@example.com"),
            ("4711#1", "sip:4711%231@example.com"),
            ("bob@branch.example:5070", "sip:bob@branch.example:5070"),
            ("sip:bob@branch.example", "sip:bob@branch.example"),
            ("sips:bob@[::1]:5061", "sips:bob@[::1]:5061"),
            ("b%20b@branch.example", "sip:b%20b@branch.example"),
        ] {
            assert_eq!(of(user, "example.com").unwrap(), uri, "{user}");
        }
    }

    #[test]
    fn what_could_leave_the_address_is_refused_for_this_user_alone() {
        let long = "a".repeat(65);
        for user in [
            "",
            "a\r\nEvent: x",
            "a\0",
            "alice@example.com>",
            "alice@exam ple.com",
            "al ice@example.com",
            "a@b@c",
            "@example.com",
            "alice@",
            "alice@example.com;transport=tcp",
            "alice@example.com?Subject=x",
            "alice@example.com\r\nX: y",
            "ali%zz@example.com",
            "ali%c@example.com",
            "müller@example.com",
            "alice@example.com:0",
            "alice@[::1",
            "alice@[::1]x",
            "alice@a..b",
            "sip:",
            &long,
        ] {
            let error = of(user, "example.com").unwrap_err();
            assert_eq!(error.scope, ErrorScope::Mailbox, "{user}");
        }
        assert!(of("alice", "").unwrap_err().message.contains("set `domain`"));
    }

    #[test]
    fn proxies_are_plain_sip_addresses() {
        for good in ["sip:127.0.0.1:5060", "sip:pbx.example", "sip:[::1]:5060;transport=tcp", "sips:pbx.example:5061;transport=tls"] {
            assert!(is_proxy(good), "{good}");
        }
        for bad in
            ["pbx.example", "sip:", "sip:a b", "sip:x@pbx.example", "sip:pbx.example;lr", "sip:pbx.example\r\n", "http://pbx.example"]
        {
            assert!(!is_proxy(bad), "{bad}");
        }
    }
}
