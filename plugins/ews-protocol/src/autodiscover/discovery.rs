//! The procedure: candidates in order, redirects, consent.
//!
//! Tasks wait in a queue. A task that would carry the credential goes out only after its host was judged; that is the
//! one place where a question with a credential is made, so the rule holds for candidates, redirects and service
//! records alike.

use std::collections::{BTreeSet, VecDeque};

use calport_sdk::dns::SrvRecord;
use url::Url;

use super::place::{Trust, Verdict, domain_of, host_name, host_of, is_secure, joined, secure, shown};
use super::settings::{Setting, UrlChoice, UserAnswer, UserSettings};
use super::step::{Ask, DiscoveryError, Found, MOST_REDIRECTS, Options, Protocol, Step, StepAnswer};
use super::trace::{Action, Attempt, Outcome};
use super::{pox, soap};
use crate::error::ReadError;
use crate::failure::Failure;
use crate::version::ServerVersion;
use crate::xml::scan::shortened;

const SOAP_PATH: &str = "/autodiscover/autodiscover.svc";
const POX_PATH: &str = "/autodiscover/autodiscover.xml";

/// Service records that are tried.
const MOST_RECORDS: usize = 5;

/// Longest reason that is kept, in characters.
const REASON_CHARS: usize = 200;

/// The procedure of SEMANTICS B-48 for one mail address.
///
/// ```
/// use calport_ews_protocol::autodiscover::{Discovery, Options, Step, StepAnswer};
///
/// let mut discovery = Discovery::new("anna@example.com", Options::default()).unwrap();
/// let Step::Ask(ask) = discovery.step() else { panic!() };
/// assert_eq!(ask.url, "https://autodiscover.example.com/autodiscover/autodiscover.svc");
/// discovery.answer(StepAnswer::NoAnswer("no such name".into()));
/// let Step::Ask(ask) = discovery.step() else { panic!() };
/// assert_eq!(ask.url, "https://example.com/autodiscover/autodiscover.svc");
/// assert_eq!(
///     discovery.attempts()[0].to_string(),
///     "SOAP https://autodiscover.example.com/autodiscover/autodiscover.svc: no answer: no such name"
/// );
/// ```
#[derive(Debug, Clone)]
pub struct Discovery {
    address: String,
    domain: String,
    choice: UrlChoice,
    version: ServerVersion,
    trust: Trust,
    tasks: VecDeque<Task>,
    pending: Option<(Task, Step)>,
    end: Option<Step>,
    /// What was asked, and for which address.
    asked: BTreeSet<(Protocol, String, String)>,
    addresses: BTreeSet<String>,
    redirects: usize,
    refusal: Option<Failure>,
    attempts: Vec<Attempt>,
}

#[derive(Debug, Clone)]
enum Task {
    Ask(Protocol, Url),
    Probe(Url),
    Srv(String),
    Deliver(Box<Found>, Url),
}

impl Discovery {
    /// The procedure for an address.
    ///
    /// # Errors
    /// `Address` or `Url`: it cannot begin.
    pub fn new(address: &str, options: Options) -> Result<Self, DiscoveryError> {
        let Some(domain) = domain_of(address) else { return Err(DiscoveryError::Address(shortened(address))) };
        let mut trust = Trust::default();
        trust.add_domain(domain.clone());
        trust.add_host(format!("autodiscover.{domain}"));
        options.hosts.iter().for_each(|host| trust.add_domain(host_name(host).unwrap_or_else(|| host.trim().to_lowercase())));
        let mut discovery = Self {
            address: address.trim().to_owned(),
            domain: domain.clone(),
            choice: options.choice,
            version: options.version,
            trust,
            tasks: VecDeque::new(),
            pending: None,
            end: None,
            asked: BTreeSet::new(),
            addresses: BTreeSet::from([address.trim().to_lowercase()]),
            redirects: 0,
            refusal: None,
            attempts: Vec::new(),
        };
        if let Some(url) = &options.url {
            let url = secure(url).ok_or(DiscoveryError::Url)?;
            discovery.trust.add_host(host_of(&url));
            match protocol_of(&url) {
                Some(protocol) => discovery.tasks.push_back(Task::Ask(protocol, url)),
                None => discovery.tasks.extend(discovery.both(&url)),
            }
        }
        discovery.add_candidates(&domain);
        Ok(discovery)
    }

    /// What is to be done next. It stays the same until it was answered; the end stays for ever.
    pub fn step(&mut self) -> Step {
        loop {
            if let Some(end) = &self.end {
                return end.clone();
            }
            if let Some((_, step)) = &self.pending {
                return step.clone();
            }
            match self.tasks.pop_front() {
                Some(task) => self.begin(task),
                None => self.end = Some(Step::Failed(self.reason())),
            }
        }
    }

    /// What came of the last step. An answer of a kind that the step cannot have counts as none.
    pub fn answer(&mut self, answer: StepAnswer) {
        let Some((task, step)) = self.pending.take() else { return };
        if let Step::Consent { host, .. } = step {
            let agreed = matches!(answer, StepAnswer::Consent(true));
            self.note(Action::Consent, host.clone(), if agreed { Outcome::Agreed } else { Outcome::NotAgreed });
            self.trust.decide(host, agreed);
            return self.tasks.push_front(task);
        }
        match task {
            Task::Ask(protocol, url) => self.asked(protocol, &url, answer),
            Task::Probe(url) => self.probed(&url, answer),
            Task::Srv(name) => self.looked_up(name, answer),
            Task::Deliver(..) => {}
        }
    }

    /// What was tried so far, in order.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    fn add_candidates(&mut self, domain: &str) {
        let hosts = [format!("autodiscover.{domain}"), domain.to_owned()];
        for host in &hosts {
            let base = Url::parse(&format!("https://{host}/"));
            self.tasks.extend(base.iter().flat_map(|base| self.both(base)).collect::<Vec<_>>());
        }
        self.tasks.extend(hosts.iter().filter_map(|host| Url::parse(&format!("http://{host}{POX_PATH}")).ok()).map(Task::Probe));
        self.tasks.push_back(Task::Srv(format!("_autodiscover._tcp.{domain}")));
    }

    /// Both protocols at a place; its own path for the one that it names.
    fn both(&self, url: &Url) -> Vec<Task> {
        let at = |path: &str| {
            let mut sibling = url.clone();
            sibling.set_path(path);
            sibling
        };
        let (first, second) = match protocol_of(url) {
            Some(Protocol::Soap) => (url.clone(), at(POX_PATH)),
            Some(Protocol::Pox) => (at(SOAP_PATH), url.clone()),
            None => (at(SOAP_PATH), at(POX_PATH)),
        };
        let soap = (self.version >= ServerVersion::Exchange2010).then_some(Task::Ask(Protocol::Soap, first));
        soap.into_iter().chain([Task::Ask(Protocol::Pox, second)]).collect()
    }

    fn begin(&mut self, task: Task) {
        let step = match &task {
            Task::Probe(url) => Step::Probe { url: url.to_string() },
            Task::Srv(name) => Step::Srv { name: name.clone() },
            Task::Ask(_, url) | Task::Deliver(_, url) => match self.trust.verdict(&host_of(url)) {
                Verdict::Ask => Step::Consent { host: host_of(url), url: shown(url) },
                // It was noted when it was refused.
                Verdict::No => return,
                Verdict::Yes => match &task {
                    Task::Ask(protocol, url) => match self.question(*protocol, url) {
                        Some(ask) => Step::Ask(ask),
                        None => return,
                    },
                    Task::Deliver(found, _) => return self.end = Some(Step::Done(found.clone())),
                    Task::Probe(_) | Task::Srv(_) => return,
                },
            },
        };
        self.pending = Some((task, step));
    }

    /// A question with a credential; none for what is not https or was asked before.
    fn question(&mut self, protocol: Protocol, url: &Url) -> Option<Ask> {
        if !is_secure(url) {
            self.note(action(protocol), shown(url), Outcome::NotSecure(shown(url)));
            return None;
        }
        if !self.asked.insert((protocol, url.to_string(), self.address.to_lowercase())) {
            self.note(action(protocol), shown(url), Outcome::Again);
            return None;
        }
        let mut headers = vec![("content-type", "text/xml; charset=utf-8".to_owned())];
        if self.address.is_ascii() {
            headers.push(("x-anchormailbox", self.address.clone()));
        }
        let body = match protocol {
            Protocol::Pox => pox::request(&self.address),
            Protocol::Soap => {
                headers.push(("soapaction", format!("\"{}\"", soap::ACTION)));
                let (mailboxes, settings) = (vec![self.address.clone()], Setting::ALL.to_vec());
                // Versions without SOAP were left out when the candidates were made.
                soap::GetUserSettings { to: url.to_string(), mailboxes, settings }.request(self.version).ok()?.body
            }
        };
        Some(Ask { protocol, url: url.to_string(), headers, body })
    }

    fn asked(&mut self, protocol: Protocol, url: &Url, answer: StepAnswer) {
        let outcome = match answer {
            StepAnswer::Unauthorized | StepAnswer::Http { status: 401, .. } => {
                self.end = Some(Step::Failed(DiscoveryError::Unauthorized { host: host_of(url) }));
                Outcome::Unauthorized
            }
            StepAnswer::Http { status: 440, .. } => Outcome::LoginForm,
            StepAnswer::Http { status, location: Some(location), .. } if is_redirect(status) => {
                return self.redirect(action(protocol), url, &location, Some(protocol));
            }
            StepAnswer::Http { status: status @ (200 | 500), body, .. } => return self.told(protocol, url, status, &body),
            StepAnswer::Http { status, .. } => Outcome::Status(status),
            other => {
                // Whoever does not answer one question does not answer the next.
                let same = |task: &Task| matches!(task, Task::Ask(_, next) if next.origin() == url.origin());
                while self.tasks.front().is_some_and(same) {
                    self.tasks.pop_front();
                }
                Outcome::NoAnswer(why(other))
            }
        };
        self.note(action(protocol), shown(url), outcome);
    }

    fn told(&mut self, protocol: Protocol, url: &Url, status: u16, body: &[u8]) {
        let answer = match protocol {
            Protocol::Soap => soap::read(body, 1).map(|answers| answers.into_iter().next()),
            Protocol::Pox => pox::read(body).map(Some),
        };
        let act = action(protocol);
        let outcome = match answer {
            Ok(Some(UserAnswer::Settings(settings))) => return self.found(protocol, url, *settings),
            Ok(Some(UserAnswer::RedirectUrl(to))) => return self.redirect(act, url, &to, Some(protocol)),
            Ok(Some(UserAnswer::RedirectAddress(to))) => return self.readdress(act, url, &to),
            Ok(Some(UserAnswer::Refused(failure))) | Err(ReadError::Fault(failure)) => {
                self.refusal = Some(failure.clone());
                Outcome::Refused(failure)
            }
            Ok(None) => Outcome::NoUrl,
            Err(_) if status != 200 => Outcome::Status(status),
            Err(error) => Outcome::Unreadable(error.to_string()),
        };
        self.note(act, shown(url), outcome);
    }

    fn found(&mut self, protocol: Protocol, url: &Url, settings: UserSettings) {
        let usable = |choice: UrlChoice| settings.ews_url(choice).and_then(secure).map(|url| (choice, url));
        let outcome = match usable(self.choice).or_else(|| usable(self.choice.other())) {
            Some((choice, ews)) => {
                let outcome = Outcome::Found { url: shown(&ews), other: choice != self.choice };
                let found = Found { ews_url: ews.to_string(), choice, settings, address: self.address.clone(), told_by: shown(url) };
                self.tasks.push_front(Task::Deliver(Box::new(found), ews));
                outcome
            }
            None => match settings.ews_url(self.choice).or_else(|| settings.ews_url(self.choice.other())) {
                Some(ews) => Outcome::NotSecure(Url::parse(ews).map_or_else(|_| "no URL".to_owned(), |ews| shown(&ews))),
                None => Outcome::NoUrl,
            },
        };
        self.note(action(protocol), shown(url), outcome);
    }

    /// Follows a redirect to another URL. `protocol` is that of the question; a probe had none.
    fn redirect(&mut self, act: Action, from: &Url, location: &str, protocol: Option<Protocol>) {
        let to = match joined(from, location) {
            Some(to) if to.path().to_ascii_lowercase().ends_with("logon.aspx") => return self.note(act, shown(from), Outcome::LoginForm),
            Some(to) if is_secure(&to) => to,
            Some(to) => return self.note(act, shown(from), Outcome::NotSecure(shown(&to))),
            None => return self.note(act, shown(from), Outcome::NotSecure("no URL".to_owned())),
        };
        self.note(act, shown(from), Outcome::Redirected(shown(&to)));
        if !self.may_redirect() {
            return;
        }
        match protocol {
            Some(protocol) => self.tasks.push_front(Task::Ask(protocol_of(&to).unwrap_or(protocol), to)),
            None => self.both(&to).into_iter().rev().for_each(|task| self.tasks.push_front(task)),
        }
    }

    /// Begins again for another address. The domain of that address is not trusted: a server named it, nobody else.
    fn readdress(&mut self, act: Action, from: &Url, to: &str) {
        let Some(domain) = domain_of(to) else {
            return self.note(act, shown(from), Outcome::Unreadable("the server names another address, which is none".to_owned()));
        };
        if !self.addresses.insert(to.trim().to_lowercase()) {
            return self.note(act, shown(from), Outcome::Again);
        }
        self.note(act, shown(from), Outcome::Readdressed(shortened(to)));
        if self.may_redirect() {
            to.trim().clone_into(&mut self.address);
            self.domain.clone_from(&domain);
            self.tasks.clear();
            self.add_candidates(&domain);
        }
    }

    fn may_redirect(&mut self) -> bool {
        self.redirects += 1;
        let may = self.redirects <= MOST_REDIRECTS;
        if !may {
            self.end = Some(Step::Failed(DiscoveryError::Redirects));
        }
        may
    }

    fn probed(&mut self, url: &Url, answer: StepAnswer) {
        let outcome = match answer {
            StepAnswer::Http { status, location: Some(location), .. } if is_redirect(status) => {
                return self.redirect(Action::Probe, url, &location, None);
            }
            StepAnswer::Http { status, .. } => Outcome::Status(status),
            StepAnswer::Unauthorized => Outcome::Status(401),
            other => Outcome::NoAnswer(why(other)),
        };
        self.note(Action::Probe, shown(url), outcome);
    }

    fn looked_up(&mut self, name: String, answer: StepAnswer) {
        let outcome = match answer {
            StepAnswer::Records(records) => {
                let urls: Vec<Url> = records.iter().filter_map(place_of).take(MOST_RECORDS).collect();
                let tasks: Vec<Task> = urls.iter().flat_map(|url| self.both(url)).collect();
                self.tasks.extend(tasks);
                match urls.is_empty() {
                    true => Outcome::NoAnswer("no usable record".to_owned()),
                    false => Outcome::Records(urls.iter().map(|url| url.authority().to_owned()).collect()),
                }
            }
            other => Outcome::NoAnswer(why(other)),
        };
        self.note(Action::Srv, name, outcome);
    }

    fn note(&mut self, action: Action, target: String, outcome: Outcome) {
        self.attempts.push(Attempt { action, target, outcome });
    }

    /// Why nothing was found: what somebody can do something about first.
    fn reason(&self) -> DiscoveryError {
        let hosts = self.trust.refused();
        match &self.refusal {
            _ if !hosts.is_empty() => DiscoveryError::NoConsent { hosts },
            Some(failure) => DiscoveryError::Refused { code: failure.to_string() },
            None => DiscoveryError::NotFound { domain: self.domain.clone() },
        }
    }
}

const fn action(protocol: Protocol) -> Action {
    match protocol {
        Protocol::Soap => Action::Soap,
        Protocol::Pox => Action::Pox,
    }
}

const fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The protocol that a path names.
fn protocol_of(url: &Url) -> Option<Protocol> {
    let path = url.path().to_ascii_lowercase();
    match path.rsplit_once('.') {
        Some((_, "svc")) => Some(Protocol::Soap),
        Some((_, "xml")) => Some(Protocol::Pox),
        _ => None,
    }
}

/// Where a service record leads; none for one that says that there is no service.
fn place_of(record: &SrvRecord) -> Option<Url> {
    let host = host_name(&record.target).filter(|_| record.port != 0)?;
    Url::parse(&format!("https://{host}:{}/", record.port)).ok()
}

fn why(answer: StepAnswer) -> String {
    match answer {
        StepAnswer::NoAnswer(reason) => reason.chars().filter(|c| !c.is_control()).take(REASON_CHARS).collect(),
        _ => "something else than the step asked for".to_owned(),
    }
}
