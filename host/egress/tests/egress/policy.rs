//! The decision, without any network.

use calport_egress::{Auth, Blame, ConnectionPolicy, Denial, EgressError, Endpoint, check_link, decide, headers_from_pairs};
use http::{HeaderMap, HeaderName, Method};

fn endpoint(name: &str, origin: &str) -> Endpoint {
    Endpoint::new(name, origin.parse().unwrap(), Auth::None)
}

fn policy() -> ConnectionPolicy {
    let mut lan = endpoint("lan", "http://10.1.2.3:8088/ari");
    lan.plain_http = true;
    lan.allow_addresses = vec!["private".parse().unwrap()];
    let mut key = endpoint("key", "https://key.example/");
    key.auth = Auth::ApiKey { header: HeaderName::from_static("x-api-key"), prefix: String::new(), key: "marker".to_owned() };
    ConnectionPolicy::new(
        "cal",
        vec![
            endpoint("api", "https://calendar.example/v1.0"),
            endpoint("beta", "https://calendar.example/v1.0/beta"),
            endpoint("odd", "https://odd.example:8443/a b/"),
            lan,
            endpoint("literal", "https://127.0.0.1/"),
            key,
        ],
    )
}

fn rule(url: &str) -> Option<Denial> {
    decide(&policy(), &Method::GET, url, &HeaderMap::new()).err().map(|denied| denied.rule)
}

#[test]
fn feat_x02_urls_under_an_endpoint_are_permitted() {
    for url in [
        "https://calendar.example/v1.0",
        "https://calendar.example/v1.0/",
        "https://calendar.example/v1.0?$top=5",
        "https://CALENDAR.example:443/v1.0/users/a%2Fb/events?x=../..",
        "https://calendar.example/v1.0/users/Qq%2F%2B=",
        "https://calendar.example/v1.0/x/../users",
        "https://calendar.example/v1.0/a...b/..c/d..",
        "https://calendar.example/v1.0/beta/x",
        "https://odd.example:8443/a%20b/c",
        "http://10.1.2.3:8088/ari/deviceStates",
        "http://0x0a010203:8088/ari",
    ] {
        assert_eq!(rule(url), None, "{url}");
    }
}

#[test]
fn feat_x02_everything_else_is_denied() {
    let prefix = || Denial::Path("/v1.0".to_owned());
    let table = [
        ("https://evil.example/v1.0", Denial::Origin),
        ("https://calendar.example.evil.example/v1.0", Denial::Origin),
        ("https://evil.example/https://calendar.example/v1.0", Denial::Origin),
        ("https://calendar.example:8443/v1.0", Denial::Origin),
        ("https://calendar.example./v1.0", Denial::Origin),
        ("http://calendar.example/v1.0", Denial::Origin),
        ("https://calendar.example\\@evil.example/v1.0", prefix()),
        ("https://calendar.example/", prefix()),
        ("https://calendar.example/v1.0x", prefix()),
        ("https://calendar.example/V1.0/users", prefix()),
        ("https://calendar.example/v2/../v1.0x", prefix()),
        ("https://calendar.example/v1.0/../admin", prefix()),
        ("https://calendar.example/v1.0/%2e%2e/admin", prefix()),
        ("https://calendar.example/v1.0/.%2E/admin", prefix()),
        ("https://calendar.example/v1.0\\..\\admin", prefix()),
        ("https://calendar.example/v1.0/..%2fadmin", Denial::DotSegments),
        ("https://calendar.example/v1.0/%252e%252e/admin", Denial::DotSegments),
        ("https://calendar.example/v1.0/%25252e%25252e%25252fadmin", Denial::DotSegments),
        ("https://calendar.example/v1.0/..%5cadmin", Denial::DotSegments),
        ("https://calendar.example/v1.0/..;/admin", Denial::DotSegments),
        ("https://calendar.example/v1.0/x%2f..%2f..%2fadmin", Denial::DotSegments),
        ("https://user@calendar.example/v1.0", Denial::Url("user and password do not belong in a URL")),
        ("https://:pw@calendar.example/v1.0", Denial::Url("user and password do not belong in a URL")),
        ("file:///etc/passwd", Denial::Url("only http and https are possible")),
        ("ftp://calendar.example/v1.0", Denial::Url("only http and https are possible")),
        ("/v1.0/users", Denial::Url("it is not an absolute URL")),
        ("", Denial::Url("it is not an absolute URL")),
    ];
    for (url, expected) in table {
        assert_eq!(rule(url), Some(expected), "{url}");
    }
    for url in ["https://127.0.0.1/x", "https://2130706433/", "https://0x7f.1/"] {
        assert!(matches!(rule(url), Some(Denial::Address(..))), "{url}");
    }
}

#[test]
fn feat_x02_headers_of_the_host_are_refused_by_name() {
    let try_header = |name: &str, url: &str| {
        let headers = headers_from_pairs([(name, b"x".as_slice())]).unwrap();
        decide(&policy(), &Method::GET, url, &headers).map(drop)
    };
    let api = "https://calendar.example/v1.0";
    for name in [
        "Authorization",
        "PROXY-Authorization",
        "proxy-connection",
        "Cookie",
        "Host",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Content-Length",
        "transfer-encoding",
        "Expect",
    ] {
        let denied = try_header(name, api).unwrap_err();
        assert_eq!(denied.rule, Denial::Header(name.to_lowercase()));
        assert!(denied.to_string().contains(&name.to_lowercase()), "{denied}");
        assert_eq!(EgressError::from(denied).blame(), Blame::Plugin);
    }
    for name in ["Prefer", "X-AnchorMailbox", "x-api-key", "Content-Type", "If-Match", "Accept"] {
        assert!(try_header(name, api).is_ok(), "{name}");
    }
    assert!(try_header("X-Api-Key", "https://key.example/").is_err(), "the endpoint's own key header is the host's");
    assert!(headers_from_pairs([("a", b"x\r\nb: y".as_slice())]).is_err());
    assert!(headers_from_pairs([("a b", b"x".as_slice())]).is_err());
    for method in [Method::CONNECT, Method::TRACE] {
        assert!(matches!(decide(&policy(), &method, api, &HeaderMap::new()).unwrap_err().rule, Denial::Method(_)));
    }
}

#[test]
fn feat_x02_a_denial_prints_the_line_that_would_permit_it() {
    let mut strict = endpoint("web", "http://app.example/");
    strict.allow_addresses = vec!["loopback".parse().unwrap()];
    let lan = endpoint("odd name", "https://192.168.1.9/");
    let policy = ConnectionPolicy::new("pbx", vec![strict, lan, endpoint("api", "https://calendar.example/v1.0")]);
    let table = [
        ("https://new.example:444/x?token=abc", "[connections.pbx.endpoints.NAME]\nurl = \"https://new.example:444/\""),
        ("http://app.example/", "[connections.pbx.endpoints.web]\nplain_http = true"),
        ("https://192.168.1.9/", "[connections.pbx.endpoints.\"odd name\"]\nallow_addresses = [\"private\"]"),
        ("https://calendar.example/beta", "[connections.pbx.endpoints.api]\nurl = \"https://calendar.example/\""),
    ];
    for (url, line) in table {
        let text = decide(&policy, &Method::GET, url, &HeaderMap::new()).unwrap_err().to_string();
        assert!(text.ends_with(line), "{text}");
        assert!(!text.contains("abc"), "{text}");
    }
}

#[test]
fn b26_a_servers_link_stays_under_the_endpoint_that_gave_it() {
    let policy = policy();
    let page = "https://calendar.example/v1.0/users/a/calendarView/delta?x=1";
    let good = [
        ("https://calendar.example/v1.0/users/a/calendarView/delta?$skiptoken=abc", None),
        ("?$skiptoken=abc", Some("https://calendar.example/v1.0/users/a/calendarView/delta?$skiptoken=abc")),
        ("/v1.0/next", Some("https://calendar.example/v1.0/next")),
    ];
    for (link, expected) in good {
        assert_eq!(check_link(&policy, page, link).unwrap().as_str(), expected.unwrap_or(link));
    }
    for bad in [
        "https://evil.example/v1.0/users/a/calendarView/delta?$skiptoken=abc",
        "//evil.example/v1.0/x",
        "http://calendar.example/v1.0/x",
        "https://calendar.example/other",
        "/other",
        "../../../../other",
        "https://calendar.example/v1.0/beta/x",
        "https://odd.example:8443/a%20b/c",
        "https://u:p@calendar.example/v1.0/x",
        "javascript:alert(1)",
        "https://169.254.169.254/latest",
    ] {
        assert!(check_link(&policy, page, bad).is_err(), "{bad}");
    }
    assert_eq!(check_link(&policy, page, "https://odd.example:8443/a%20b/c").unwrap_err().rule, Denial::Link);
}

#[test]
fn feat_x02_an_origin_carries_no_credential_and_no_query() {
    use calport_egress::Origin;
    for bad in [
        "calendar.example",
        "ftp://x.example/",
        "https://u:geheim@x.example/",
        "https://x.example/?token=geheim",
        "https://x.example/a/..%2f",
        "https://",
    ] {
        let error = bad.parse::<Origin>().unwrap_err();
        assert!(!error.contains("geheim"), "{error}");
    }
    assert_eq!("https://X.example:443/a/./b".parse::<Origin>().unwrap().to_string(), "https://x.example/a/b");
}
