//! The categories of a mailbox.

use calport_sdk::common::{Error, ErrorKind};
use calport_sdk::request;
use serde::Deserialize;
use serde_json::json;

use crate::bindings::exports::calport::connector::categories::Category;
use crate::client::{Client, IMMUTABLE_IDS, user_path};
use crate::failure::Purpose;

/// The presets are numbered 0 to 24.
const LAST_PRESET: u8 = 24;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCategory {
    display_name: String,
    color: Option<String>,
}

fn path(mailbox: &str) -> String {
    format!("{}/outlook/masterCategories", user_path(mailbox))
}

/// The categories of a mailbox.
///
/// # Errors
/// Those of any read.
pub fn list_categories(client: &Client, mailbox: &str) -> Result<Vec<Category>, Error> {
    let purpose = Purpose { doing: "listing categories", permission: "MailboxSettings.Read", mailbox: Some(mailbox) };
    let list: Vec<WireCategory> = client.collect(|url| request::get(url), &path(mailbox), &purpose, IMMUTABLE_IDS)?;
    let category = |c: WireCategory| Category { name: c.display_name, colour: c.color.and_then(|c| preset(&c)), rgb: String::new() };
    Ok(list.into_iter().map(category).collect())
}

fn preset(color: &str) -> Option<u8> {
    color.to_ascii_lowercase().strip_prefix("preset")?.parse().ok().filter(|n| *n <= LAST_PRESET)
}

/// Makes a category; one of that name is left as it is (SEMANTICS S-22).
///
/// # Errors
/// `invalid` for a colour that is no preset, and those of any write.
pub fn create(client: &Client, mailbox: &str, category: &Category) -> Result<(), Error> {
    let color = match category.colour {
        None => "none".to_owned(),
        Some(n) if n <= LAST_PRESET => format!("preset{n}"),
        Some(_) => return Err(calport_sdk::error::invalid("colour", "the presets are 0 to 24")),
    };
    let purpose = Purpose { doing: "making a category", permission: "MailboxSettings.ReadWrite", mailbox: Some(mailbox) };
    let body = json!({ "displayName": category.name, "color": color });
    let builder = request::post(client.url(&path(mailbox))).json(&body);
    match client.send(builder, &purpose) {
        Err(e) if matches!(e.kind, ErrorKind::Conflict(_)) => Ok(()),
        other => other.map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::client;
    use calport_sdk::testing::Recorded;

    #[test]
    fn s22_colours_are_presets_and_an_existing_category_is_left() {
        let list = r#"{"value":[{"id":"1","displayName":"Red","color":"preset0"},{"id":"2","displayName":"Plain","color":"none"}]}"#;
        let exists = r#"{"error":{"code":"ErrorCategoryAlreadyExists","message":"x"}}"#;
        let (client, _) = client(Recorded::new().on("GET", "/masterCategories", 200, list).on("POST", "/masterCategories", 409, exists));
        let got = list_categories(&client, "a").unwrap();
        assert_eq!((got[0].colour, got[1].colour), (Some(0), None));
        assert!(create(&client, "a", &got[0]).is_ok());
    }
}
