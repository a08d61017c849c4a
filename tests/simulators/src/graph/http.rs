//! A request taken apart, an answer put together, and the service's way of refusing.

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::ids::IdForm;
use super::zones::Zone;

/// The service's refusal: a status, its code and text, and headers that go with it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub(crate) struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    pub headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), headers: Vec::new() }
    }

    pub fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub fn item_not_found() -> Self {
        Self::new(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    }

    pub fn denied() -> Self {
        Self::new(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    }

    pub fn unknown_property(name: &str, kind: &str) -> Self {
        Self::bad(
            "RequestBodyRead",
            format!(
                "The property '{name}' does not exist on type 'microsoft.graph.{kind}'. Make sure to only use property names that are defined by the type."
            ),
        )
    }

    pub fn bad_value(name: &str) -> Self {
        Self::bad("RequestBodyRead", format!("Cannot convert the value of property '{name}' to its declared type."))
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::bad("ErrorPropertyValidationFailure", message)
    }

    pub fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }
}

/// What is sent on the wire, where it is not simply the answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wire {
    Whole,
    Reset,
    Slow { ms: u64, chunk: usize },
    Raw { content_type: &'static str, text: String },
}

/// An answer of the service.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    pub wire: Wire,
}

impl Answer {
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body), wire: Wire::Whole }
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None, wire: Wire::Whole }
    }

    pub fn wire(wire: Wire) -> Self {
        Self { status: 200, headers: Vec::new(), body: None, wire }
    }

    pub fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }
}

/// What handlers return.
pub(crate) type Handled = Result<Answer, Refusal>;

/// Query options; names are compared without regard to case, as the service does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub fn read(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).map(|(k, v)| (k.to_ascii_lowercase(), v.into_owned())).collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.0.iter().find(|(k, _)| *k == name).map(|(_, v)| v.as_str())
    }

    /// The option as a count within `1..=most`.
    pub fn count(&self, name: &str, most: usize) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse::<usize>() {
            Ok(n) if (1..=most).contains(&n) => Ok(Some(n)),
            _ => {
                Err(Refusal::bad("BadRequest", format!("Invalid value '{text}' for {name} query option: it must be between 1 and {most}.")))
            }
        }
    }

    /// The options again as text, with some replaced or (`None`) left out.
    pub fn replaced(&self, changes: &[(&str, Option<String>)]) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        for (k, v) in self.0.iter().filter(|(k, _)| !changes.iter().any(|(c, _)| k.eq_ignore_ascii_case(c))) {
            out.append_pair(k, v);
        }
        for (k, v) in changes {
            if let Some(v) = v {
                out.append_pair(k, v);
            }
        }
        // The service writes the dollar sign of its options plainly.
        out.finish().replace("%24", "$")
    }
}

/// What the `Prefer` headers ask for.
#[derive(Clone, Debug)]
pub(crate) struct Prefer {
    pub ids: IdForm,
    pub zone: Zone,
    pub text_body: bool,
    pub page: Option<usize>,
    pub applied: Vec<String>,
}

impl Prefer {
    pub fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut prefer = Self { ids: IdForm::Usual, zone: Zone::utc(), text_body: false, page: None, applied: Vec::new() };
        let wishes = headers.get_all("prefer").iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
        for wish in wishes {
            let Some((name, value)) = wish.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "idtype" if value.eq_ignore_ascii_case("ImmutableId") => {
                    prefer.ids = IdForm::Immutable;
                    continue;
                }
                "outlook.timezone" => {
                    prefer.zone = Zone::read(value)?;
                    prefer.applied.push(format!("outlook.timezone=\"{value}\""));
                }
                "outlook.body-content-type" => {
                    prefer.text_body = value.eq_ignore_ascii_case("text");
                    prefer.applied.push(format!("outlook.body-content-type=\"{value}\""));
                }
                "odata.maxpagesize" => {
                    let size = value.parse::<usize>().ok().filter(|n| *n > 0);
                    prefer.page = Some(size.ok_or_else(|| Refusal::bad("BadRequest", "Invalid value for odata.maxpagesize."))?);
                    prefer.applied.push(format!("odata.maxpagesize={value}"));
                }
                _ => {}
            }
        }
        Ok(prefer)
    }
}

/// A request to the service.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub method: Method,
    /// Decoded path segments behind `/v1.0`; `events('x')` counts as two, `delta()` and `microsoft.graph.delta` as `delta`.
    pub path: Vec<String>,
    /// Path as sent.
    pub raw_path: String,
    pub raw_query: String,
    pub query: Query,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Origin, for links: `http://127.0.0.1:1234`.
    pub origin: String,
}

impl Call {
    pub fn new(method: Method, target: &str, headers: HeaderMap, body: Bytes, origin: &str) -> Self {
        let (raw_path, raw_query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method,
            path: raw_path.split('/').filter(|s| !s.is_empty()).flat_map(segments).collect(),
            raw_path: raw_path.to_owned(),
            raw_query: raw_query.to_owned(),
            query: Query::read(raw_query),
            headers,
            body,
            origin: origin.to_owned(),
        }
    }

    /// The body as a JSON object.
    pub fn object(&self) -> Result<Map<String, Value>, Refusal> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(map)) => Ok(map),
            _ => Err(Refusal::bad(
                "BadRequest",
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
            )),
        }
    }

    /// This call's address with other query options.
    pub fn link(&self, changes: &[(&str, Option<String>)]) -> String {
        format!("{}{}?{}", self.origin, self.raw_path, self.query.replaced(changes))
    }

    /// `@odata.context` for an answer about `what`.
    pub fn context(&self, what: &str) -> Value {
        json!(format!("{}/v1.0/$metadata#{what}", self.origin))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

/// Percent-decodes a segment; a plus sign is a plus sign there.
fn decode(segment: &str) -> String {
    let guarded = segment.replace('+', "%2B").replace('=', "%3D").replace('&', "%26");
    form_urlencoded::parse(guarded.as_bytes()).next().map_or_else(String::new, |(k, _)| k.into_owned())
}

fn segments(raw: &str) -> Vec<String> {
    let text = decode(raw);
    if let Some((name, rest)) = text.split_once('(') {
        let inner = rest.trim_end_matches(')').trim_matches('\'');
        let name = name.trim_start_matches("microsoft.graph.").to_owned();
        return if inner.is_empty() { vec![name] } else { vec![name, inner.to_owned()] };
    }
    vec![text.trim_start_matches("microsoft.graph.").to_owned()]
}

/// Keeps only the selected properties (and annotations); `id` and the etag always stay.
pub(crate) fn select(item: &mut Map<String, Value>, select: Option<&str>) {
    if let Some(list) = select {
        let names: Vec<&str> = list.split(',').map(str::trim).collect();
        item.retain(|k, _| k == "id" || k.starts_with('@') || names.iter().any(|n| n.eq_ignore_ascii_case(k)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_in_every_spelling() {
        let path = |p: &str| Call::new(Method::GET, p, HeaderMap::new(), Bytes::new(), "").path.join("|");
        assert_eq!(path("/v1.0/users/a%2Bb@c.de/calendarView/microsoft.graph.delta()?x=1"), "v1.0|users|a+b@c.de|calendarView|delta");
        assert_eq!(path("/v1.0/users('a@c')/events('AA%3D')"), "v1.0|users|a@c|events|AA=");
    }

    #[test]
    fn prefer_headers_are_read_together_or_apart() {
        let mut headers = HeaderMap::new();
        headers.append("prefer", "IdType=\"ImmutableId\", odata.maxpagesize=7".parse().unwrap());
        headers.append("prefer", "outlook.timezone=\"W. Europe Standard Time\"".parse().unwrap());
        let p = Prefer::read(&headers).unwrap();
        assert_eq!((p.ids, p.page, p.zone.name.as_str()), (IdForm::Immutable, Some(7), "W. Europe Standard Time"));
        headers.append("prefer", "odata.maxpagesize=0".parse().unwrap());
        assert!(Prefer::read(&headers).is_err());
    }
}
