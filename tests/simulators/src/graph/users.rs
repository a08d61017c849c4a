//! The directory: people and the organisation.

use serde_json::{Value, json};

use super::filter::Filter;
use super::http::{Answer, Call, Handled, Refusal, select};
use super::ids::{seal, unseal};
use super::mailbox::settings;
use super::render::put;
use super::state::{Mailbox, State};

/// What the service gives of a person if nothing is selected.
const DEFAULT: &str =
    "businessPhones,displayName,givenName,jobTitle,mail,mobilePhone,officeLocation,preferredLanguage,surname,userPrincipalName";

/// Place in the list from a skip token.
fn place(call: &Call) -> Result<usize, Refusal> {
    let Some(word) = call.query.get("$skiptoken") else { return Ok(0) };
    let bytes = unseal(word).and_then(|b| <[u8; 8]>::try_from(b).ok());
    let place = bytes.and_then(|b| usize::try_from(u64::from_be_bytes(b)).ok());
    place.ok_or_else(|| {
        Refusal::bad(
            "Directory_ExpiredPageToken",
            "The specified page token value has expired and can no longer be included in your request.",
        )
    })
}

/// `GET /users`.
pub(crate) fn list(state: &State, call: &Call) -> Handled {
    if let Some(option) = ["$search", "$orderby", "$expand"].iter().find(|o| call.query.get(o).is_some()) {
        return Err(Refusal::bad("Request_UnsupportedQuery", format!("Unsupported query: {option}.")));
    }
    let size = call.query.count("$top", 999)?.unwrap_or(100);
    let filter = call.query.get("$filter").map(Filter::read).transpose()?;
    let from = place(call)?;
    let mut value = Vec::new();
    let mut next = None;
    let mut total = 0_usize;
    let counting = call.query.get("$count") == Some("true");
    for (at, mailbox) in state.mailboxes.iter().enumerate().skip(if counting { 0 } else { from }) {
        let properties = Value::Object(mailbox.user.properties());
        if filter.as_ref().map_or(Ok(true), |f| f.passes(&properties))? {
            total += 1;
            if at < from {
                continue;
            }
            if value.len() < size {
                value.push(person(mailbox, call)?);
            } else if next.is_none() {
                next = Some(at);
                if !counting {
                    break;
                }
            }
        }
    }
    let context = call.query.get("$select").map_or_else(|| "users".to_owned(), |s| format!("users({s})"));
    let mut body = json!({"@odata.context": call.context(&context), "value": value});
    if counting {
        put(&mut body, "@odata.count", json!(total));
    }
    if let Some(at) = next {
        put(&mut body, "@odata.nextLink", json!(call.link(&[("$skiptoken", Some(seal(&(at as u64).to_be_bytes())))])));
    }
    Ok(Answer::json(200, body))
}

fn person(mailbox: &Mailbox, call: &Call) -> Result<Value, Refusal> {
    let mut map = mailbox.user.properties();
    let wanted = call.query.get("$select").unwrap_or(DEFAULT);
    const PLAIN: &[&str] = &["mailboxSettings", "department", "city", "country", "employeeId", "companyName", "onPremisesSyncEnabled"];
    for name in wanted.split(',').map(str::trim) {
        if !map.keys().any(|k| k.eq_ignore_ascii_case(name)) && !PLAIN.contains(&name) {
            return Err(Refusal::bad(
                "BadRequest",
                format!("Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.user'."),
            ));
        }
    }
    if wanted.split(',').any(|n| n.trim() == "mailboxSettings") && mailbox.user.mailbox {
        map.insert("mailboxSettings".to_owned(), Value::Object(settings(mailbox)));
    }
    select(&mut map, Some(wanted));
    if !wanted.split(',').any(|n| n.trim() == "id") && call.query.get("$select").is_some() {
        map.remove("id");
    }
    Ok(Value::Object(map))
}

/// `GET /users/{id or principal name}`; addresses that are not the principal name are not ids here.
pub(crate) fn one(state: &State, call: &Call, name: &str) -> Handled {
    let (_, mailbox) = state.user(name)?;
    if !mailbox.user.id.eq_ignore_ascii_case(name) && !mailbox.user.user_principal_name.eq_ignore_ascii_case(name) {
        return Err(Refusal::new(
            404,
            "Request_ResourceNotFound",
            format!("Resource '{name}' does not exist or one of its queried reference-property objects are not present."),
        ));
    }
    let mut body = person(mailbox, call)?;
    put(&mut body, "@odata.context", call.context("users/$entity"));
    Ok(Answer::json(200, body))
}

/// `GET /organization`.
pub(crate) fn organization(state: &State, call: &Call) -> Handled {
    let domains = json!([{"capabilities": "Email", "isDefault": true, "isInitial": true, "name": "example.test", "type": "Managed"}]);
    let mut map = super::render::into_map(json!({
        "id": state.config.tenant, "deletedDateTime": null, "displayName": "Simulated tenant", "businessPhones": [], "city": null,
        "country": null, "countryLetterCode": "DE", "createdDateTime": "2020-01-01T00:00:00Z", "preferredLanguage": "en",
        "tenantType": "AAD", "verifiedDomains": domains,
    }));
    select(&mut map, call.query.get("$select"));
    Ok(Answer::json(200, json!({"@odata.context": call.context("organization"), "value": [map]})))
}
