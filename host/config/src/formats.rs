//! What texts of the configuration must look like: one rule per `format` of the published schema.

use std::net::SocketAddr;

use calport_model::zone;
use calport_rules::Language;
use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use url::Url;

use crate::nearest::nearest;

/// Name of a connection, plugin, endpoint, flow or mapping.
pub(crate) const NAME: &str = "calport-name";
/// Name of a secret.
pub(crate) const SECRET: &str = "calport-secret-name";
/// An IANA zone.
pub(crate) const ZONE: &str = "calport-zone";
/// A BCP 47 language.
pub(crate) const LANGUAGE: &str = "calport-language";
/// `ADDRESS:PORT`.
pub(crate) const LISTEN: &str = "calport-listen-address";
/// Absolute `http` or `https` URL without credentials, query and fragment.
pub(crate) const URL: &str = "calport-url";
/// An entry of `allow_addresses`.
pub(crate) const ADDRESS_RULE: &str = "calport-address-rule";
/// A mail address.
pub(crate) const MAIL: &str = "calport-mail-address";
/// A mail domain.
pub(crate) const DOMAIN: &str = "calport-domain";
/// Name of a host.
pub(crate) const HOST: &str = "calport-host";
/// A calendar beside a person's mailbox.
pub(crate) const CALENDAR: &str = "calport-calendar";
/// A person's id.
pub(crate) const PERSON: &str = "calport-person";
/// Name of a group of people.
pub(crate) const GROUP: &str = "calport-group";
/// SHA-256 of a certificate.
pub(crate) const CERTIFICATE: &str = "calport-certificate-sha256";
/// The name of a request header.
pub(crate) const HEADER: &str = "calport-header-name";

/// Why a text has not the format that the schema asks for: what was expected, and the remedy.
pub(crate) type Refusal = (String, Option<String>);

/// Checks a text against a format. Formats of others (`email`, `uuid` in a connector's settings) are not judged here.
pub(crate) fn check(format: &str, text: &str) -> Result<(), Refusal> {
    match format {
        NAME if !is_name(text) => {
            refuse("expected a name of 1 to 40 of `a-z`, `0-9` and `-`, beginning with a letter or digit", rename(text))
        }
        SECRET if !is_secret_name(text) => refuse(
            "expected the name of a secret (1 to 64 of `a-z`, `0-9`, `.`, `_`, `-`, beginning with a letter or digit), not the secret itself",
            Some("store it with `calport secret set NAME` and write NAME here".to_owned()),
        ),
        ZONE => check_zone(text),
        LANGUAGE => check_language(text),
        LISTEN if text.parse::<SocketAddr>().is_err() => refuse("expected ADDRESS:PORT, such as `127.0.0.1:8090` or `[::1]:8090`", None),
        URL => check_url(text),
        ADDRESS_RULE => check_address_rule(text),
        MAIL if !is_mail(text) => refuse("expected a mail address such as `anna@example.com`", None),
        CALENDAR if !is_calendar(text) => {
            refuse("expected the address of a calendar such as `room1@example.com`, or its id, without white space", None)
        }
        PERSON if text.trim() != text || text.chars().any(char::is_control) => {
            refuse("expected an id without white space around it and without control characters", None)
        }
        GROUP => check_group(text),
        DOMAIN if !is_domain(text) => refuse("expected a mail domain such as `example.com`, without `@`", None),
        HOST if !is_host(text) => refuse(
            "expected the name of a host such as `mail.example.com`, without `https://`, port and path",
            Url::parse(text).ok().and_then(|url| url.host_str().filter(|host| is_host(host)).map(|host| format!("write `{host}`"))),
        ),
        CERTIFICATE if !is_certificate(text) => refuse(
            "expected the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons",
            Some("`openssl x509 -noout -fingerprint -sha256 -in FILE` prints it at the server".to_owned()),
        ),
        HEADER if !is_header(text) => refuse("expected the name of a request header such as `X-Api-Key`", None),
        _ => Ok(()),
    }
}

fn refuse(expected: &str, help: Option<String>) -> Result<(), Refusal> {
    Err((expected.to_owned(), help))
}

fn is_name(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    starts_well && text.len() <= 40 && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn rename(text: &str) -> Option<String> {
    let spelled: String = text.to_lowercase().chars().map(|c| if c == '_' || c == ' ' || c == '.' { '-' } else { c }).collect();
    is_name(&spelled).then(|| format!("write `{spelled}`"))
}

/// The rule for names of secrets, the same as that of the secret store: never a path, never upper case.
pub(crate) fn is_secret_name(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    starts_well && text.len() <= 64 && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'))
}

fn check_zone(text: &str) -> Result<(), Refusal> {
    if !zone::resolve(text).is_assumed() {
        return Ok(());
    }
    let names: Vec<String> = jiff::tz::TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
    let help = match nearest(text, names.iter().map(String::as_str)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "take a name of the IANA list, REGION/CITY".to_owned(),
    };
    refuse("expected the name of a time zone such as `Europe/Berlin`", Some(help))
}

fn check_language(text: &str) -> Result<(), Refusal> {
    if text.parse::<Language>().is_ok() {
        return Ok(());
    }
    let tags: Vec<String> = Language::tags().map(|tag| format!("`{tag}`")).collect();
    // Two letters are near to any other two: only a longer spelling such as `deutsch` or `eng` says what was meant.
    let folded = text.to_lowercase();
    let meant = Language::tags().find(|tag| folded.len() > tag.len() && folded.starts_with(tag));
    let meant = meant.map_or_else(String::new, |tag| format!("did you mean `{tag}`? "));
    refuse(
        "expected a language tag such as `en` or `de-CH` of a language that there are texts in",
        Some(format!("{meant}there are: {}", tags.join(", "))),
    )
}

/// Groups are whatever directories call departments, so little is asked of them.
fn check_group(text: &str) -> Result<(), Refusal> {
    if let Some(name) = text.strip_prefix("group:") {
        return refuse("expected the name of a group without `group:`", Some(format!("write `{name}`")));
    }
    if text.trim() != text || text.is_empty() || text.chars().count() > 200 {
        return refuse("expected the name of a group, 1 to 200 characters, as people have it in `groups`", None);
    }
    Ok(())
}

/// An address, or an id of the server's own making.
fn is_calendar(text: &str) -> bool {
    let plain = !text.is_empty() && text.len() <= 1024 && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    plain && (is_mail(text) || !text.contains('@'))
}

fn check_url(text: &str) -> Result<(), Refusal> {
    let expected = "expected an absolute URL such as `https://pbx.example.com/api`";
    let Ok(url) = Url::parse(text) else {
        let help = (!text.contains("://")).then(|| "put `https://` before it".to_owned());
        return refuse(expected, help);
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return refuse(expected, Some("only `https` and `http` are spoken".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse(
            "expected a URL without user and password",
            Some("put them into `auth`, the password as the name of a secret".to_owned()),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("expected a URL without `?` and `#`: it is the beginning under which all requests lie", None);
    }
    Ok(())
}

fn check_address_rule(text: &str) -> Result<(), Refusal> {
    if matches!(text, "loopback" | "private") || text.parse::<std::net::IpAddr>().is_ok() {
        return Ok(());
    }
    match text.parse::<IpNet>() {
        Ok(net) if net.addr() != net.network() => {
            refuse("this network has bits set behind its prefix", Some(format!("write `{}`, or the single address", net.trunc())))
        }
        Ok(_) => Ok(()),
        Err(_) => refuse(
            "expected `loopback`, `private`, an address, or a network such as `10.1.0.0/16`",
            nearest(text, ["loopback", "private"]).map(|name| format!("did you mean `{name}`?")),
        ),
    }
}

/// Enough to tell an address from a name: servers judge the rest.
fn is_mail(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && is_domain(domain))
        && text.len() <= 254
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';'))
}

fn is_domain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'))
}

fn is_host(text: &str) -> bool {
    is_domain(text) || text.parse::<std::net::IpAddr>().is_ok()
}

fn is_certificate(text: &str) -> bool {
    let digits: Vec<char> = text.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
    digits.len() == 64 && digits.iter().all(char::is_ascii_hexdigit)
}

fn is_header(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

/// The schema of a list of texts of a format.
fn list_of(format: &str) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": format } })
}

/// The schema of `allow_addresses`.
pub(crate) fn address_rules(_: &mut SchemaGenerator) -> Schema {
    list_of(ADDRESS_RULE)
}

/// The schema of a list of certificates by their SHA-256.
pub(crate) fn certificates(_: &mut SchemaGenerator) -> Schema {
    list_of(CERTIFICATE)
}

/// The schema of a list of domains.
pub(crate) fn domains(_: &mut SchemaGenerator) -> Schema {
    list_of(DOMAIN)
}

/// The schema of a list of hosts.
pub(crate) fn hosts(_: &mut SchemaGenerator) -> Schema {
    list_of(HOST)
}

/// The schema of a list of mail addresses.
pub(crate) fn mail_addresses(_: &mut SchemaGenerator) -> Schema {
    list_of(MAIL)
}

/// The schema of a list of mail addresses with at least one.
pub(crate) fn mail_receivers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "minItems": 1, "maxItems": 100, "items": { "type": "string", "format": MAIL } })
}

/// The schema of a table whose keys are names.
pub(crate) fn named<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    keyed::<T>(generator, NAME)
}

/// The schema of a table whose keys have a format.
pub(crate) fn keyed<T: JsonSchema>(generator: &mut SchemaGenerator, format: &str) -> Schema {
    let members = generator.subschema_for::<T>();
    json_schema!({ "type": "object", "propertyNames": { "format": format }, "additionalProperties": members })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_takes_the_good_and_refuses_the_bad() {
        let table: &[(&str, &[&str], &[&str])] = &[
            (NAME, &["pbx", "calendar-2", "0"], &["", "PBX", "a_b", "-a", "a/b", "ä"]),
            (SECRET, &["calendar-client", "a.b_c"], &["", "S3cr3t!", "../x", "a b"]),
            (ZONE, &["Europe/Berlin", "UTC", "W. Europe Standard Time"], &["Europe/Berln", "Mars/Olympus", ""]),
            (LANGUAGE, &["en", "de-CH"], &["", "english language", "e", "tlh"]),
            (LISTEN, &["127.0.0.1:8090", "[::1]:1"], &["8090", "localhost:8090", "127.0.0.1:99999"]),
            (
                URL,
                &["https://a.example/b", "http://127.0.0.1:8088"],
                &["a.example", "ftp://a", "https://u:p@a", "https://a?b", "https://a#b"],
            ),
            (ADDRESS_RULE, &["loopback", "private", "10.0.0.0/8", "10.1.2.3", "fd00::/8"], &["privat", "10.0.0.0/33", "10.0.0.1/8", "*"]),
            (MAIL, &["a@example.com", "ü.b@münchen.example"], &["a", "@example.com", "a b@example.com", "a@", "A <a@b.c>"]),
            (CALENDAR, &["room1@example.com", "AAMkAD=="], &["", "room 1", "a@", "a@b c"]),
            (PERSON, &["anna", "Anna Beispiel"], &[" anna", "a\u{1f}b"]),
            (GROUP, &["sales", "Vertrieb Süd"], &["", " sales", "group:sales"]),
            (DOMAIN, &["example.com", "localhost"], &["@example.com", "a..b", ""]),
            (HOST, &["mail.example.com", "10.1.2.3"], &["https://mail.example.com", "mail.example.com:443", "mail.example.com/ews", ""]),
            (HEADER, &["X-Api-Key"], &["X Api", "", "a:b"]),
        ];
        for (format, good, bad) in table {
            for text in *good {
                assert_eq!(check(format, text), Ok(()), "{format} {text:?}");
            }
            for text in *bad {
                assert!(check(format, text).is_err(), "{format} {text:?}");
            }
        }
        assert_eq!(check("uuid", "not judged here"), Ok(()));
    }

    #[test]
    fn rule_p18_a_language_without_texts_is_refused_with_those_there_are() {
        let help = |tag: &str| check(LANGUAGE, tag).unwrap_err().1.unwrap_or_default();
        let all = Language::tags().map(|tag| format!("`{tag}`")).collect::<Vec<_>>().join(", ");
        assert_eq!(help("es"), format!("there are: {all}"));
        assert_eq!(help("Deutsch"), format!("did you mean `de`? there are: {all}"));
    }

    #[test]
    fn refusals_of_secrets_never_quote_them() {
        let (expected, help) = check(SECRET, "Hunter2!").unwrap_err();
        assert!(!expected.contains("Hunter2") && !help.unwrap_or_default().contains("Hunter2"));
    }
}
