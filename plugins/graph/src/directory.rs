//! Users as Graph lists them.
//!
//! Graph's user list does not say what kind of mailbox a user has: all are given as mailboxes.

use calport_sdk::common::{Cursor, Error, ErrorKind};
use calport_sdk::http::ResponseExt;
use calport_sdk::{paging, request};
use serde::Deserialize;

use crate::batch::Part;
use crate::bindings::exports::calport::connector::directory::{Entry, EntryKind, EntryPage, Resolution};
use crate::client::{Client, Collection};
use crate::failure::Purpose;
use crate::feed::CURSOR_FORMAT;

/// Members of a user that are read.
const USER_MEMBERS: &str = "id,displayName,mail,userPrincipalName,proxyAddresses,accountEnabled,department,preferredLanguage";

const PURPOSE: Purpose<'_> = Purpose { doing: "reading the directory", permission: "User.Read.All", mailbox: None };

/// `user`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireUser {
    id: String,
    display_name: Option<String>,
    mail: Option<String>,
    user_principal_name: Option<String>,
    proxy_addresses: Option<Vec<String>>,
    account_enabled: Option<bool>,
    department: Option<String>,
    preferred_language: Option<String>,
}

impl WireUser {
    fn into_entry(self) -> Entry {
        let proxies = self.proxy_addresses.unwrap_or_default();
        let smtp = |p: &String| {
            let (scheme, address) = p.split_once(':')?;
            scheme.eq_ignore_ascii_case("smtp").then(|| (scheme == "SMTP", address.to_owned()))
        };
        let addresses: Vec<(bool, String)> = proxies.iter().filter_map(smtp).collect();
        let primary = addresses.iter().find(|(primary, _)| *primary).map(|(_, address)| address.clone());
        let address = self.mail.filter(|m| !m.is_empty()).or(primary).unwrap_or_default();
        let others = addresses.into_iter().map(|(_, a)| a).filter(|a| !a.eq_ignore_ascii_case(&address)).collect();
        Entry {
            id: self.id,
            kind: EntryKind::Mailbox,
            name: self.display_name.unwrap_or_default(),
            address,
            other_addresses: others,
            login: self.user_principal_name.unwrap_or_default(),
            active: self.account_enabled.unwrap_or(true),
            zone: None,
            language: self.preferred_language.filter(|l| !l.is_empty()),
            department: self.department.unwrap_or_default(),
            extra: Vec::new(),
        }
    }
}

/// A page of users.
///
/// # Errors
/// Those of any read.
pub fn list_entries(client: &Client, next: Option<&Cursor>) -> Result<EntryPage, Error> {
    let settings = &client.settings;
    let builder = match next {
        Some(cursor) => request::get(paging::place(CURSOR_FORMAT, cursor)?),
        None => {
            let builder =
                request::get(client.url("/users")).query("$select", USER_MEMBERS).query("$top", settings.directory_page_size.to_string());
            match &settings.user_filter {
                Some(filter) => builder.query("$filter", filter),
                None => builder,
            }
        }
    };
    let page: Collection<WireUser> = client.send(builder, &PURPOSE)?.json("a page of users")?;
    let entries = page.value.into_iter().map(WireUser::into_entry);
    let entries = entries.filter(|e| settings.users_without_mail || !e.address.is_empty()).collect();
    Ok(EntryPage { entries, next: page.next.map(|link| paging::cursor(CURSOR_FORMAT, &link)) })
}

/// Resolves ids, login names and addresses, in the order asked: first as an id or login name, then among all
/// addresses that users have.
pub fn resolve(client: &Client, addresses: &[String]) -> Vec<Result<Resolution, Error>> {
    let by_name = |a: &String| Part::get(None, format!("/users/{}?$select={USER_MEMBERS}", request::segment(a.trim())), "");
    let parts: Vec<Part> = addresses.iter().map(by_name).collect();
    let mut answers: Vec<Result<Resolution, Error>> = client
        .batch(&parts, &PURPOSE)
        .into_iter()
        .map(|answer| match answer {
            Ok(response) => response.json::<WireUser>("a user").map(|u| Resolution::Found(u.into_entry())),
            Err(e) => unresolved(e),
        })
        .collect();
    let open: Vec<usize> = answers
        .iter()
        .zip(addresses)
        .enumerate()
        .filter(|(_, (answer, address))| matches!(answer, Ok(Resolution::NotFound)) && address.contains('@'))
        .map(|(index, _)| index)
        .collect();
    let parts: Vec<Part> = open.iter().filter_map(|i| addresses.get(*i)).map(|a| by_address(a)).collect();
    for (index, answer) in open.into_iter().zip(client.batch(&parts, &PURPOSE)) {
        let found = match answer {
            Ok(response) => response.json::<Collection<WireUser>>("users of an address").map(|c| among(c.value)),
            Err(e) => unresolved(e),
        };
        if let Some(slot) = answers.get_mut(index) {
            *slot = found;
        }
    }
    answers
}

fn by_address(address: &str) -> Part {
    // In an OData literal a quote is doubled.
    let literal = address.trim().replace('\'', "''");
    let filter = format!("proxyAddresses/any(p:p eq 'smtp:{literal}')");
    Part::get(None, format!("/users?$filter={}&$select={USER_MEMBERS}", request::segment(&filter)), "")
}

fn among(users: Vec<WireUser>) -> Resolution {
    let mut entries: Vec<Entry> = users.into_iter().map(WireUser::into_entry).collect();
    match entries.len() {
        0 => Resolution::NotFound,
        1 => entries.pop().map_or(Resolution::NotFound, Resolution::Found),
        _ => Resolution::Ambiguous(entries.into_iter().map(|e| e.id).collect()),
    }
}

/// A name that Graph cannot even parse as one (400) is one that it does not know.
fn unresolved(error: Error) -> Result<Resolution, Error> {
    match error.kind {
        ErrorKind::NotFound | ErrorKind::Refused(_) | ErrorKind::Invalid(_) => Ok(Resolution::NotFound),
        ErrorKind::Forbidden => Ok(Resolution::NotPermitted(error.message)),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::client;
    use calport_sdk::testing::Recorded;

    const ADELE: &str = r#"{"id":"u1","displayName":"Adele","mail":"adele@example.com","userPrincipalName":"adele@example.com",
        "proxyAddresses":["SMTP:adele@example.com","smtp:a.vance@example.com","SIP:adele@example.com"],"accountEnabled":true,
        "preferredLanguage":"en-US","department":null}"#;

    #[test]
    fn feat_directory_lists_users_page_by_page_without_those_that_have_no_mail() {
        let page = format!(
            r#"{{"value":[{ADELE},{{"id":"u2","mail":null,"userPrincipalName":"svc@example.com"}}],
            "@odata.nextLink":"https://graph.example/v1.0/users?$skiptoken=x"}}"#
        );
        let (client, http) =
            client(Recorded::new().on("GET", "/users?$select=", 200, &page).on("GET", "$skiptoken=x", 200, r#"{"value":[]}"#));
        let first = list_entries(&client, None).unwrap();
        assert_eq!(first.entries.len(), 1);
        assert_eq!(first.entries[0].other_addresses, ["a.vance@example.com"]);
        let last = list_entries(&client, first.next.as_ref()).unwrap();
        assert!(last.entries.is_empty() && last.next.is_none());
        assert_eq!(http.left(), 0);
    }

    #[test]
    fn feat_directory_resolves_in_order_with_four_outcomes() {
        let names = format!(
            r#"{{"responses":[
                {{"id":"3","status":403,"body":{{"error":{{"code":"Authorization_RequestDenied","message":"Insufficient privileges"}}}}}},
                {{"id":"0","status":200,"body":{ADELE}}},
                {{"id":"1","status":404,"body":{{"error":{{"code":"Request_ResourceNotFound","message":"no"}}}}}},
                {{"id":"2","status":404,"body":{{"error":{{"code":"Request_ResourceNotFound","message":"no"}}}}}},
                {{"id":"4","status":404,"body":{{"error":{{"code":"Request_ResourceNotFound","message":"no"}}}}}}]}}"#
        );
        let found = format!(
            r#"{{"responses":[{{"id":"0","status":200,"body":{{"value":[{ADELE},{{"id":"u9"}}]}}}},
                {{"id":"1","status":200,"body":{{"value":[]}}}}]}}"#
        );
        let (client, http) = client(Recorded::new().on("POST", "/$batch", 200, &names).on("POST", "/$batch", 200, &found));
        let asked = ["adele@example.com", "o'neil@example.com", "no@example.com", "denied@example.com", "4711"];
        let got = resolve(&client, &asked.map(str::to_owned));
        assert!(matches!(got[0], Ok(Resolution::Found(ref e)) if e.id == "u1"));
        assert!(matches!(got[1], Ok(Resolution::Ambiguous(ref ids)) if *ids == ["u1", "u9"]));
        assert!(matches!(got[2], Ok(Resolution::NotFound)));
        assert!(matches!(got[3], Ok(Resolution::NotPermitted(ref why)) if why.contains("User.Read.All")));
        assert!(matches!(got[4], Ok(Resolution::NotFound)), "an extension is no address and is not searched for");
        let second = String::from_utf8(http.requests()[1].body.clone().unwrap()).unwrap();
        assert!(second.contains("smtp%3Ao%27%27neil"), "{second}");
    }
}
