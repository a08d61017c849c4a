//! User configurations: hidden items of a folder with a dictionary, an XML document and bytes.
//!
//! Two are more than kept: `CategoryList` of the calendar is Graph's `masterCategories` under another form, whichever side changed it;
//! `OWA.UserOptions` of the root says the zone of the mailbox as long as nobody wrote it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::ews::context::Context;
use crate::ews::ids::{FolderKey, seal};
use crate::ews::soap::{Fault, Trouble, document, response};
use crate::ews::store::Configuration;
use crate::ews::xml::{Element, parse};
use crate::graph::ids::checksum;
use crate::graph::mailbox::settings;

const CATEGORIES: &str = "CategoryList";
const OPTIONS: &str = "OWA.UserOptions";

/// Where a configuration is.
struct Place {
    mailbox: u32,
    folder: FolderKey,
    name: String,
}

impl Place {
    fn read(context: &mut Context<'_>, element: Option<&Element>) -> Result<Self, Trouble> {
        let incomplete = || Trouble::new("ErrorInvalidRequest", "UserConfigurationName is not complete.");
        let element = element.ok_or_else(incomplete)?;
        let (mailbox, folder) = context.folder(element.children.first().ok_or_else(incomplete)?)?;
        let name = element.attribute("Name").filter(|n| !n.is_empty()).ok_or_else(incomplete)?;
        Ok(Self { mailbox, folder, name: name.to_owned() })
    }

    fn is_categories(&self) -> bool {
        self.folder == FolderKey::Calendar(0) && self.name == CATEGORIES
    }

    fn key(&self) -> (FolderKey, String) {
        (self.folder, self.name.clone())
    }

    fn item_id(&self, content: &Configuration) -> Element {
        let mut bytes = vec![5];
        bytes.extend(self.mailbox.to_be_bytes());
        bytes.extend(checksum(format!("{:?}{}", self.folder, self.name).as_bytes()).to_be_bytes());
        let state = checksum(format!("{content:?}").as_bytes());
        Element::new("t:ItemId").attr("Id", seal(&bytes)).attr("ChangeKey", STANDARD.encode(state.to_be_bytes()))
    }
}

fn not_found(name: &str) -> Trouble {
    Trouble::new(
        "ErrorItemNotFound",
        format!("The specified object was not found in the store. The configuration object was not found. Name = {name}."),
    )
}

fn done(operation: &str, message: Result<(), Trouble>) -> Element {
    response(operation, vec![message.map(|()| Vec::new())])
}

/// `GetUserConfiguration`.
pub(crate) fn get(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let wanted = request.value("UserConfigurationProperties").unwrap_or_default();
    let has = |name: &str| wanted.split_ascii_whitespace().any(|w| w == name || w == "All");
    let mut read = || {
        let named = request.child("UserConfigurationName");
        let place = Place::read(context, named)?;
        let content = current(context, &place)?.ok_or_else(|| not_found(&place.name))?;
        let mut name = Element::new("t:UserConfigurationName").attr("Name", &place.name);
        name.children = named.map(|n| n.children.clone()).unwrap_or_default();
        let base64 = |name: &str, bytes: &Vec<u8>| Element::of(name, STANDARD.encode(bytes));
        let out = Element::new("m:UserConfiguration")
            .with(name)
            .with(has("Id").then(|| place.item_id(&content)))
            .with(content.dictionary.clone().filter(|_| has("Dictionary")))
            .with(content.xml.as_ref().filter(|_| has("XmlData")).map(|x| base64("t:XmlData", x)))
            .with(content.binary.as_ref().filter(|_| has("BinaryData")).map(|b| base64("t:BinaryData", b)));
        Ok(vec![out])
    };
    let message = read();
    Ok(response("GetUserConfiguration", vec![message]))
}

/// `CreateUserConfiguration`.
pub(crate) fn create(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    write(context, request, "CreateUserConfiguration")
}

/// `UpdateUserConfiguration`: what is not given stays.
pub(crate) fn update(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    write(context, request, "UpdateUserConfiguration")
}

/// `DeleteUserConfiguration`.
pub(crate) fn delete(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let mut remove = || {
        let place = Place::read(context, request.child("UserConfigurationName"))?;
        current(context, &place)?.ok_or_else(|| not_found(&place.name))?;
        context.store.shelf(place.mailbox).configurations.remove(&place.key());
        if place.is_categories() {
            set_categories(context, place.mailbox, Vec::new());
        }
        Ok(())
    };
    let message = remove();
    Ok(done("DeleteUserConfiguration", message))
}

fn write(context: &mut Context<'_>, request: &Element, operation: &str) -> Result<Element, Fault> {
    let given =
        request.child("UserConfiguration").ok_or_else(|| Fault::schema(format!("The element '{operation}' has incomplete content.")))?;
    let bytes = |name: &str| {
        let text = given.child(name).map(|x| x.text.split_ascii_whitespace().collect::<String>());
        text.map(|t| STANDARD.decode(t).map_err(|_| Fault::schema(format!("The '{name}' element is no base64.")))).transpose()
    };
    let (xml, binary, dictionary) = (bytes("XmlData")?, bytes("BinaryData")?, given.child("Dictionary").map(dictionary));
    let mut keep = || {
        let place = Place::read(context, given.child("UserConfigurationName"))?;
        let before = current(context, &place)?;
        let mut content = match (operation == "CreateUserConfiguration", before) {
            (true, Some(_)) => {
                return Err(Trouble::new("ErrorItemSave", format!("The configuration object already exists. Name = {}.", place.name)));
            }
            (false, None) => return Err(not_found(&place.name)),
            (_, before) => before.unwrap_or_default(),
        };
        if let (true, Some(xml)) = (place.is_categories(), &xml) {
            let list = parse(xml).map(|list| read_categories(&list)).unwrap_or_default();
            set_categories(context, place.mailbox, list);
        }
        content.xml = xml.clone().or(content.xml);
        content.binary = binary.clone().or(content.binary);
        content.dictionary = dictionary.clone().or(content.dictionary);
        context.store.shelf(place.mailbox).configurations.insert(place.key(), content);
        Ok(())
    };
    let message = keep();
    Ok(done(operation, message))
}

/// A dictionary as the service gives it back: however a truth value was written, it comes as a word.
fn dictionary(written: &Element) -> Element {
    let mut out = written.clone();
    out.change(&mut |e| {
        if e.value("Type") == Some("Boolean") {
            for value in e.children.iter_mut().filter(|v| v.local() == "Value") {
                value.text = if ["1", "true", "True"].contains(&value.text.trim()) { "True" } else { "False" }.to_owned();
            }
        }
    });
    out
}

/// A configuration as it stands now, if there is one.
fn current(context: &mut Context<'_>, place: &Place) -> Result<Option<Configuration>, Trouble> {
    let kept = context.store.shelf(place.mailbox).configurations.get(&place.key()).cloned();
    let mailbox = context.open(place.mailbox)?;
    if place.is_categories() {
        if kept.is_none() && mailbox.categories.is_empty() {
            return Ok(None);
        }
        let mut content = kept.unwrap_or_default();
        content.xml = Some(with_categories(content.xml, &mailbox.categories));
        return Ok(Some(content));
    }
    let root = context.store.shelf(place.mailbox).distinguished("root").map(FolderKey::Other);
    if kept.is_none() && place.name == OPTIONS && root == Some(place.folder) {
        let zone = settings(context.open(place.mailbox)?).remove("timeZone").unwrap_or_default();
        let part = |name: &str, text: &str| Element::new(name).with_text("t:Type", "String").with_text("t:Value", text);
        let entry = Element::new("t:DictionaryEntry")
            .with(part("t:DictionaryKey", "timezone"))
            .with(part("t:DictionaryValue", zone.as_str().unwrap_or("UTC")));
        let dictionary = Some(Element::new("t:Dictionary").with(entry));
        return Ok(Some(Configuration { dictionary, ..Configuration::default() }));
    }
    Ok(kept)
}

/// Name and colour of the categories in a list; a colour outside of 0 to 24 is none.
fn read_categories(list: &Element) -> Vec<(String, Option<u8>)> {
    let one = |c: &Element| {
        let colour = c.attribute("color").and_then(|n| n.parse().ok()).filter(|n| *n < 25);
        Some((c.attribute("name").filter(|n| !n.is_empty())?.to_owned(), colour))
    };
    list.all("category").filter_map(one).collect()
}

/// Makes Graph show these categories. One that was there keeps its id.
fn set_categories(context: &mut Context<'_>, mailbox: u32, list: Vec<(String, Option<u8>)>) {
    let Some(mailbox) = context.state.mailboxes.get_mut(mailbox as usize) else { return };
    let before = std::mem::take(&mut mailbox.categories);
    for (name, colour) in list {
        let old = before.iter().find(|c| c.get("displayName").and_then(Value::as_str) == Some(&name));
        let id = old.and_then(|c| c.get("id").cloned()).unwrap_or_else(|| json!(uuid::Uuid::new_v4().to_string()));
        let colour = colour.map_or_else(|| "none".to_owned(), |n| format!("preset{n}"));
        mailbox.categories.push(json!({"id": id, "displayName": name, "color": colour}));
    }
}

/// The kept document, with what Graph added since and without what it took away. A document that says the same stays to the byte.
fn with_categories(kept: Option<Vec<u8>>, categories: &[Value]) -> Vec<u8> {
    let text = |c: &Value, name: &str| c.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let wanted: Vec<(String, Option<u8>)> =
        categories.iter().map(|c| (text(c, "displayName"), text(c, "color").strip_prefix("preset").and_then(|n| n.parse().ok()))).collect();
    let mut list = match kept.as_ref().map(|k| parse(k)) {
        Some(Ok(list)) if read_categories(&list) == wanted => return kept.unwrap_or_default(),
        Some(Ok(list)) => list,
        _ => Element::new("categories"),
    };
    list.attributes.push(("xmlns".to_owned(), "CategoryList.xsd".to_owned()));
    list.text.clear();
    list.children.retain(|c| wanted.iter().any(|(name, _)| c.attribute("name") == Some(name)));
    let known: Vec<(String, Option<u8>)> = read_categories(&list);
    for (category, (name, colour)) in categories.iter().zip(&wanted) {
        if known.iter().any(|(k, _)| k == name) {
            continue;
        }
        let colour = colour.map_or(-1, i16::from);
        let guid = format!("{{{}}}", text(category, "id").to_uppercase());
        list = list.with(
            Element::new("category")
                .attr("name", name)
                .attr("color", colour)
                .attr("keyboardShortcut", 0)
                .attr("lastTimeUsed", "1601-01-01T00:00:00.000")
                .attr("guid", guid),
        );
    }
    document(&list).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_c15_a_list_that_says_the_same_stays_to_the_byte() {
        let list = b"<?xml version='1.0'?> <categories xmlns='CategoryList.xsd' default='Red'><category name='Red' color='0' own='1'/></categories>";
        let red = json!({"id": "a", "displayName": "Red", "color": "preset0"});
        assert_eq!(with_categories(Some(list.to_vec()), std::slice::from_ref(&red)), list);
        let more =
            String::from_utf8(with_categories(Some(list.to_vec()), &[red, json!({"id": "b", "displayName": "Plain", "color": "none"})]));
        let more = more.unwrap();
        assert!(more.contains("own=\"1\"") && more.contains("name=\"Plain\" color=\"-1\""), "{more}");
        let none = String::from_utf8(with_categories(Some(list.to_vec()), &[])).unwrap();
        assert!(!none.contains("Red\" color"), "{none}");
    }
}
