//! Forms login (SEMANTICS B-49): user and password go to a form once, and the cookies it gives prove the rest.
//!
//! One login serves all requests that wait for it. A status 440, a 401, a redirect to a login page or such a page in place of the
//! answer means that the session has ended: the cookies are dropped, one new login follows, and the request is repeated once. The
//! server has not seen it then, its front door has. A password that the form refuses is not sent again, see [`Attempts`].
//!
//! The cookies hold what the password is worth and are treated alike: they stay in here and print nowhere.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use calport_secrets::Secret;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;
use url::form_urlencoded::Serializer;

use super::attempts::Attempts;
use super::bound::login_error;
use super::{Answer, Auth, Scheme, Turn, Vault};
use crate::cookies::Cookies;
use crate::error::EgressError;
use crate::login::LoginProblem;
use crate::message::looks_like_html;
use crate::wire::{Call, Reply, Wire};

/// Where the form of the most common front door is sent.
const USUAL_PLACE: &str = "/owa/auth.owa";
/// The fields that it wants beside user, password and destination.
const USUAL_FIELDS: [(&str, &str); 4] = [("flags", "4"), ("forcedownlevel", "0"), ("passwordText", ""), ("isUtf8", "1")];
/// Set by the form's own script; without it some versions take the post for one without cookies.
const USUAL_COOKIE: &str = "PBack=0";
/// The status of servers whose login has timed out.
const LOGIN_TIMED_OUT: u16 = 440;

pub(super) struct Form {
    auth: Auth,
    vault: Vault,
    attempts: Attempts,
    session: Mutex<Option<Arc<Session>>>,
}

/// What one login gave, and the password it was made with.
struct Session {
    cookies: Cookies,
    password: Secret,
}

/// The form as configured.
struct Fields<'a> {
    user: &'a str,
    secret: &'a str,
    url: Url,
    extra: &'a [(String, String)],
    names: (&'a str, &'a str),
}

impl Form {
    pub(super) fn new(auth: Auth, vault: Vault) -> Self {
        Self { auth, vault, attempts: Attempts::default(), session: Mutex::default() }
    }

    fn fields(&self, wire: &Wire) -> Result<Fields<'_>, EgressError> {
        let Auth::Form { user, password, login_url, fields, user_field, password_field } = &self.auth else {
            return Err(wire.setup("the scheme is not a form"));
        };
        let url = match login_url {
            Some(url) => url.clone(),
            None => wire.endpoint.origin.url().join(USUAL_PLACE).map_err(|_| wire.setup("its url has no login form"))?,
        };
        if !wire.endpoint.origin.same_server(&url) {
            return Err(wire.setup("`login_url` must be on the endpoint's own server: the cookies of the login count only there"));
        }
        Ok(Fields { user, secret: password, url, extra: fields, names: (user_field, password_field) })
    }

    fn current(&self, password: &Secret) -> Option<Arc<Session>> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.take_if(|session| session.password.expose() != password.expose());
        session.clone()
    }

    /// A session other than the one that has ended; made by one request while the others wait.
    async fn session(&self, wire: &Wire, call: &Call, ended: Option<&Arc<Session>>) -> Result<Arc<Session>, EgressError> {
        let fields = self.fields(wire)?;
        let password = self.vault.get(fields.secret)?;
        let usable = || self.current(&password).filter(|session| ended.is_none_or(|ended| !Arc::ptr_eq(session, ended)));
        if let Some(session) = usable() {
            return Ok(session);
        }
        let _turn = self.attempts.turn(wire, call).await?;
        if let Some(session) = usable() {
            return Ok(session);
        }
        self.attempts.judge(&password, wire)?;
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let session = Arc::new(self.log_in(wire, call, &fields, password.clone()).await.map_err(|error| {
            let error = error.before_sending();
            self.attempts.failed(&password, wire, &error);
            error
        })?);
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&session));
        Ok(session)
    }

    async fn log_in(&self, wire: &Wire, call: &Call, fields: &Fields<'_>, password: Secret) -> Result<Session, EgressError> {
        let form = Call {
            method: Method::POST,
            url: fields.url.clone(),
            headers: HeaderMap::from_iter([
                (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8")),
                (ACCEPT, HeaderValue::from_static("text/html, */*;q=0.5")),
            ]),
            body: fields.body(wire, &password),
            session: None,
            deadline: call.deadline,
            total: call.total,
            harmless_twice: true,
            private: true,
        };
        let session = Session { cookies: Cookies::default(), password };
        let reply = wire.fire(&form, Some((COOKIE, HeaderValue::from_static(USUAL_COOKIE)))).await?;
        let kept = session.cookies.keep(&form.url, reply.response.headers());
        let status = reply.response.status();
        let verdict = judge(status, reply.response.headers(), kept);
        wire.drain(reply, &form).await;
        match verdict {
            Verdict::Passed => {
                self.attempts.accepted(&session.password);
                Ok(session)
            }
            Verdict::Refused => Err(self.attempts.refused(&session.password, wire, |worked_before| {
                let (user, secret) = (fields.user.to_owned(), fields.secret.to_owned());
                login_error(&form, LoginProblem::Refused { user, secret, worked_before })
            })),
            // What a form refuses without saying so counts as a refused password too.
            Verdict::Unclear(why) => Err(self.attempts.refused(&session.password, wire, |_| login_error(&form, LoginProblem::Form(why)))),
            Verdict::Elsewhere(why) => Err(login_error(&form, LoginProblem::Form(why))),
            Verdict::Failed => Err(login_error(&form, LoginProblem::FormFailed(status.as_u16()))),
        }
    }

    async fn fire(&self, wire: &Wire, call: &Call, session: &Session) -> Result<Reply, EgressError> {
        let cookies = join(session.cookies.header(&call.url), call.headers.get(COOKIE));
        let reply = wire.fire(call, cookies.map(|value| (COOKIE, value))).await?;
        session.cookies.keep(&call.url, reply.response.headers());
        Ok(reply)
    }
}

impl Fields<'_> {
    fn body(&self, wire: &Wire, password: &Secret) -> Bytes {
        let mut form = Serializer::new(String::new());
        let own = |name: &str| self.extra.iter().any(|(key, _)| key == name);
        if !own("destination") {
            form.append_pair("destination", wire.endpoint.origin.url().as_str());
        }
        form.extend_pairs(USUAL_FIELDS.iter().filter(|(name, _)| !own(name)));
        form.extend_pairs(self.extra);
        form.append_pair(self.names.0, self.user).append_pair(self.names.1, password.expose());
        Bytes::from(form.finish())
    }
}

/// What the answer to the form means.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Refused,
    Unclear(&'static str),
    Elsewhere(&'static str),
    Failed,
}

fn judge(status: StatusCode, headers: &HeaderMap, cookies: usize) -> Verdict {
    let location = headers.get(LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Verdict::Elsewhere("there is no login form at this address"),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Verdict::Refused,
        StatusCode::TOO_MANY_REQUESTS => Verdict::Failed,
        status if status.is_server_error() => Verdict::Failed,
        status if status.is_redirection() => match location {
            Some(place) if place.contains("reason=") => Verdict::Refused,
            Some(place) if is_login_page(&place) => Verdict::Unclear("the form leads back to itself, as it does for a wrong password"),
            _ if cookies == 0 => Verdict::Unclear("the form lets the user pass but gives no cookie"),
            _ => Verdict::Passed,
        },
        status if status.is_success() && cookies > 0 && !looks_like_html(headers, &[]) => Verdict::Passed,
        _ => Verdict::Unclear("the form answers with a page again, as it does for a wrong password"),
    }
}

/// Whether a redirect leads to a login and not to what was asked for.
fn is_login_page(location: &str) -> bool {
    let path = location.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let last = path.rsplit('/').next().unwrap_or_default();
    ["logon", "login", "signin"].iter().any(|word| last.starts_with(word)) || path.contains("/auth/")
}

/// Whether an answer comes from the front door instead of what lies behind it.
fn has_ended(call: &Call, status: StatusCode, headers: &HeaderMap) -> bool {
    if status.is_redirection() {
        return headers.get(LOCATION).is_some_and(|place| is_login_page(&String::from_utf8_lossy(place.as_bytes())));
    }
    let wants_pages = call.headers.get(ACCEPT).is_some_and(|value| value.as_bytes().windows(4).any(|part| part == b"html"));
    status == StatusCode::UNAUTHORIZED
        || status.as_u16() == LOGIN_TIMED_OUT
        || (status.is_success() && !wants_pages && headers.contains_key(CONTENT_TYPE) && looks_like_html(headers, &[]))
}

/// Two values of `Cookie` in one.
fn join(own: Option<HeaderValue>, further: Option<&HeaderValue>) -> Option<HeaderValue> {
    let mut value = match (own, further) {
        (Some(own), Some(further)) => HeaderValue::from_bytes(&[own.as_bytes(), b"; ", further.as_bytes()].concat()).ok()?,
        (own, further) => own.or_else(|| further.cloned())?,
    };
    value.set_sensitive(true);
    Some(value)
}

#[async_trait]
impl Scheme for Form {
    async fn converse(&self, wire: &Wire, call: &Call, turn: Turn) -> Result<Answer, EgressError> {
        let session = self.session(wire, call, None).await?;
        let reply = self.fire(wire, call, &session).await?;
        if !has_ended(call, reply.response.status(), reply.response.headers()) {
            return Ok(Answer { reply, turn });
        }
        wire.drain(reply, call).await;
        let session = self.session(wire, call, Some(&session)).await?;
        let reply = self.fire(wire, call, &session).await?;
        let (status, headers) = (reply.response.status(), reply.response.headers());
        // A page may be what the server has to say; the caller knows what it asked for.
        if !status.is_success() && has_ended(call, status, headers) {
            return Err(login_error(
                call,
                LoginProblem::Form("the login passes, but the server does not take its cookies at this address"),
            ));
        }
        Ok(Answer { reply, turn })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b49_what_a_form_answers_is_told_apart() {
        let table = [
            (302, Some("/owa/"), 5, Verdict::Passed),
            (302, Some("https://mail.example/owa/auth/logon.aspx?replaceCurrent=1&reason=2"), 0, Verdict::Refused),
            (302, Some("/owa/auth/logon.aspx?url=x&reason=4"), 1, Verdict::Refused),
            (401, None, 0, Verdict::Refused),
            (429, None, 0, Verdict::Failed),
            (503, None, 3, Verdict::Failed),
            (200, None, 2, Verdict::Passed),
        ];
        for (status, location, cookies, expected) in table {
            let headers = location.map(|place| (LOCATION, HeaderValue::from_static(place)));
            let verdict = judge(StatusCode::from_u16(status).unwrap(), &headers.into_iter().collect(), cookies);
            assert_eq!(verdict, expected, "{status} {location:?}");
        }
        let back = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static("/owa/auth/logon.aspx"))]);
        assert!(matches!(judge(StatusCode::FOUND, &back, 3), Verdict::Unclear(_)));
        let page = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
        assert!(matches!(judge(StatusCode::OK, &page, 3), Verdict::Unclear(_)));
        assert!(matches!(judge(StatusCode::NOT_FOUND, &page, 3), Verdict::Elsewhere(_)));
    }

    #[test]
    fn b49_a_redirect_to_a_login_is_recognised() {
        for place in
            ["/owa/auth/logon.aspx?url=https%3a%2f%2fx", "https://sso.example/Login?x", "/CookieAuth.dll/auth/x", "/my/SignIn.aspx"]
        {
            assert!(is_login_page(place), "{place}");
        }
        for place in ["/api/service.asmx", "/owa/?bO=1", "https://mail2.example/ews/", "/blogs?next=/login"] {
            assert!(!is_login_page(place), "{place}");
        }
    }
}
