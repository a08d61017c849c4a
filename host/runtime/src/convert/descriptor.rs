//! What a connector says about itself, checked: a connector that claims what it cannot do stays out.

use std::time::Duration;

use calport_model::Capability;
use calport_model::descriptor::{
    CheckReport, Descriptor, Discovery, DiscoveryStep, EndpointNeed, FeedProfile, Finding, HookAnswer, HookHandshake, HookProfile,
    HookSecret, Permission, Severity, SinkProfile, StreamProfile,
};

use super::{name, text};
use crate::bindings::exports::connector;
use crate::limits::ValueLimits;

/// Bytes of a settings schema.
const SCHEMA: usize = 256 * 1024;
/// Entries of the lists of a descriptor.
const LIST: usize = 100;
/// The largest batch that is believed.
const BATCH: u32 = 10_000;

/// A field of the descriptor that cannot be used, and why.
pub(crate) type Wrong = (&'static str, String);

fn size(field: &'static str, value: u32) -> Result<usize, Wrong> {
    if value == 0 || value > BATCH {
        return Err((field, format!("is {value}; it must be 1 to {BATCH}")));
    }
    usize::try_from(value).map_err(|_| (field, "does not fit".to_owned()))
}

/// The descriptor, if all of it can be believed.
pub(crate) fn descriptor(said: connector::Descriptor, capabilities: Vec<Capability>) -> Result<Descriptor, Wrong> {
    let limits = ValueLimits::default();
    let good_name = |n: &str| (1..=40).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !good_name(&said.name) {
        return Err(("name", "must be 1 to 40 lower-case letters, digits and hyphens".to_owned()));
    }
    if said.display_name.trim().is_empty() || said.display_name.len() > 80 {
        return Err(("display-name", "must have 1 to 80 bytes".to_owned()));
    }
    semver::Version::parse(&said.version).map_err(|e| ("version", format!("is no SemVer version: {e}")))?;
    if said.settings_schema.len() > SCHEMA {
        return Err(("settings-schema", format!("has more than {SCHEMA} bytes")));
    }
    let schema: serde_json::Value =
        serde_json::from_str(&said.settings_schema).map_err(|e| ("settings-schema", format!("is no JSON: {e}")))?;
    crate::settings::check_schema(&schema).map_err(|reason| ("settings-schema", reason))?;
    let has = |c: Capability| capabilities.contains(&c);
    let feeds = has(Capability::Calendar) || has(Capability::Tasks) || has(Capability::Contacts);
    match (&said.feed, feeds) {
        (Some(_), false) => return Err(("feed", "is described, but none of calendar, tasks and contacts is exported".to_owned())),
        (None, true) => return Err(("feed", "is missing, although calendar, tasks or contacts is exported".to_owned())),
        _ => {}
    }
    match (&said.sink, has(Capability::Presence)) {
        (Some(_), false) => return Err(("sink", "is described, but presence is not exported".to_owned())),
        (None, true) => return Err(("sink", "is missing, although presence is exported".to_owned())),
        _ => {}
    }
    let notifies = has(Capability::Notifications);
    if !notifies && (said.hook.is_some() || said.streams.is_some()) {
        return Err(("hook", "or streams are described, but notifications is not exported".to_owned()));
    }
    if said.endpoints.len() > LIST || said.permissions.len() > LIST {
        return Err(("endpoints", format!("and permissions have at most {LIST} entries")));
    }
    let mut names = std::collections::BTreeSet::new();
    if !said.endpoints.iter().all(|endpoint| names.insert(&endpoint.name)) {
        return Err(("endpoints", "have the same name twice".to_owned()));
    }
    Ok(Descriptor {
        name: said.name,
        display_name: name(&said.display_name, &limits),
        version: said.version,
        identity_version: said.identity_version,
        cursor_format: said.cursor_format,
        settings_schema: said.settings_schema,
        endpoints: said.endpoints.into_iter().map(|e| endpoint(e, &good_name)).collect::<Result<_, _>>()?,
        permissions: said
            .permissions
            .into_iter()
            .map(|p| Permission {
                name: name(&p.name, &limits),
                needed_for: name(&p.needed_for, &limits),
                required: p.required,
                alternatives: super::names(&p.alternatives, &limits),
            })
            .collect(),
        feed: said.feed.map(feed).transpose()?,
        sink: said.sink.map(sink).transpose()?,
        hook: said.hook.map(hook).transpose()?,
        streams: said.streams.map(streams).transpose()?,
        capabilities,
    })
}

fn endpoint(need: connector::EndpointNeed, good_name: &impl Fn(&str) -> bool) -> Result<EndpointNeed, Wrong> {
    let limits = ValueLimits::default();
    if !good_name(&need.name) {
        return Err(("endpoints", "have a name that is not 1 to 40 lower-case letters, digits and hyphens".to_owned()));
    }
    Ok(EndpointNeed {
        name: need.name,
        purpose: text(&need.purpose, &limits),
        usual_url: name(&need.usual_url, &limits),
        schemes: super::names(&need.schemes, &limits),
        required: need.required,
    })
}

fn feed(profile: connector::FeedProfile) -> Result<FeedProfile, Wrong> {
    size("feed.page-size", profile.page_size)?;
    Ok(FeedProfile {
        occurrences: profile.shape == connector::FeedShape::Occurrences,
        per_mailbox: profile.scope == connector::FeedScope::Mailbox,
        reports_deletions: profile.reports_deletions,
        deletions_certain: profile.deletions_certain,
        window_bound: profile.window_bound,
        batch_size: size("feed.batch-size", profile.batch_size)?,
        mailbox_concurrency: usize::try_from(profile.mailbox_concurrency).unwrap_or(0),
    })
}

fn sink(profile: connector::SinkProfile) -> Result<SinkProfile, Wrong> {
    Ok(SinkProfile {
        text_limit: usize::try_from(profile.text_limit).unwrap_or(usize::MAX),
        text_limit_in_bytes: profile.text_unit == connector::TextUnit::Bytes,
        expiry: profile.expiry,
        greeting: profile.greeting,
        forwarding: profile.forwarding,
        readable: profile.readable,
        batch_size: size("sink.batch-size", profile.batch_size)?,
        changes_per_second: profile.changes_per_second,
    })
}

fn streams(profile: connector::StreamProfile) -> Result<StreamProfile, Wrong> {
    let seconds = |seconds: u32| (seconds > 0).then(|| Duration::from_secs(seconds.into()));
    if profile.life != 0 && !(60..=86_400).contains(&profile.life) {
        return Err(("streams.life", format!("is {} s; it must be 60 to 86,400, or 0 for streams that do not end", profile.life)));
    }
    if profile.quiet != 0 && !(10..=3_600).contains(&profile.quiet) {
        return Err(("streams.quiet", format!("is {} s; it must be 10 to 3,600, or 0 for streams without heartbeats", profile.quiet)));
    }
    Ok(StreamProfile { members: size("streams.members", profile.members)?, life: seconds(profile.life), quiet: seconds(profile.quiet) })
}

fn hook(profile: connector::HookProfile) -> Result<HookProfile, Wrong> {
    let word = |field: &'static str, text: String| {
        let good = !text.is_empty() && text.len() <= 200 && text.bytes().all(|b| b.is_ascii_graphic());
        good.then_some(text).ok_or((field, "must be 1 to 200 printable ASCII characters".to_owned()))
    };
    let header = |text: String| {
        let good = http::HeaderName::from_bytes(text.as_bytes()).is_ok();
        good.then_some(text).ok_or(("hook.secret", "names a header that is none".to_owned()))
    };
    Ok(HookProfile {
        handshake: profile
            .handshake
            .map(|h| {
                Ok::<_, Wrong>(match h {
                    connector::HookHandshake::EchoQuery(parameter) => HookHandshake::EchoQuery(word("hook.handshake", parameter)?),
                    connector::HookHandshake::EchoJson(member) => HookHandshake::EchoJson(word("hook.handshake", member)?),
                })
            })
            .transpose()?,
        acknowledgement: hook_answer("hook.acknowledgement", profile.acknowledgement)?,
        secret: match profile.secret {
            connector::HookSecret::UrlOnly => HookSecret::UrlOnly,
            connector::HookSecret::JsonPointer(pointer) => {
                if !pointer.starts_with('/') {
                    return Err(("hook.secret", "is no JSON pointer: it must begin with a slash".to_owned()));
                }
                HookSecret::JsonPointer(word("hook.secret", pointer)?)
            }
            connector::HookSecret::Header(name) => HookSecret::Header(header(name)?),
            connector::HookSecret::Query(name) => HookSecret::Query(parameter("hook.secret", name)?),
            connector::HookSecret::Hmac(signature) => {
                if signature.prefix.len() > 40 || !signature.prefix.bytes().all(|b| b.is_ascii_graphic()) {
                    return Err(("hook.secret", "has a prefix that is not 0 to 40 printable ASCII characters".to_owned()));
                }
                HookSecret::Hmac { header: header(signature.header)?, prefix: signature.prefix, base64: signature.base64 }
            }
        },
        farewell: profile.farewell.map(|answer| hook_answer("hook.farewell", answer)).transpose()?,
        heartbeats: profile.heartbeats,
    })
}

fn hook_answer(field: &'static str, answer: connector::HookAnswer) -> Result<HookAnswer, Wrong> {
    if !(200..300).contains(&answer.status) {
        return Err((field, format!("has the status {}; it must be 200 to 299", answer.status)));
    }
    let bad_type =
        answer.content_type.len() > 200 || http::HeaderValue::from_str(&answer.content_type).is_err() || !answer.content_type.is_ascii();
    if answer.body.len() > 16 * 1024 || bad_type {
        return Err((field, "has a body over 16 KiB or a media type that is none".to_owned()));
    }
    Ok(HookAnswer { status: answer.status, content_type: answer.content_type, body: answer.body })
}

/// The name of a query parameter that stands in a URL as it is.
fn parameter(field: &'static str, name: String) -> Result<String, Wrong> {
    let good = (1..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    good.then_some(name).ok_or((field, "names a parameter that is not 1 to 40 ASCII letters, digits, `-` and `_`".to_owned()))
}

/// What a discovery found. A URL that is too long for one is left out, and so is what comes after the hundredth step.
pub(crate) fn discovery(said: connector::Discovery, limits: &ValueLimits) -> Discovery {
    let endpoints = said.endpoints.into_iter().take(LIST).filter(|found| found.name.len() <= 40 && found.url.len() <= limits.id);
    let steps = said.steps.iter().take(LIST);
    Discovery {
        endpoints: endpoints.map(|found| (found.name, found.url)).collect(),
        steps: steps.map(|step| DiscoveryStep { tried: text(&step.tried, limits), outcome: text(&step.outcome, limits) }).collect(),
    }
}

/// What a check found.
pub(crate) fn report(report: connector::CheckReport, limits: &ValueLimits) -> CheckReport {
    let mut findings: Vec<Finding> = report
        .findings
        .into_iter()
        .take(LIST)
        .map(|f| Finding {
            severity: match f.severity {
                connector::Severity::Info => Severity::Info,
                connector::Severity::Warning => Severity::Warning,
                connector::Severity::Problem => Severity::Problem,
            },
            message: text(&f.message, limits),
            remedy: text(&f.remedy, limits),
        })
        .collect();
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    CheckReport { server: name(&report.server, limits), version: name(&report.version, limits), findings }
}

#[cfg(test)]
mod tests;
