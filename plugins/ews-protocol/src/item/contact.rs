//! Contacts.

use calport_sdk::common::{Date, Instant, Sensitivity, TextBody};
use calport_sdk::time;

use super::{Detail, Item, ItemId, PathOf, of_other_kind, read_body, read_extended};
use crate::error::{ReadError, Unreadable};
use crate::path::{ExtendedField, Path};
use crate::value::{self, When};
use crate::version::ServerVersion;
use crate::words;
use crate::xml::{Element, Scanner};

/// A contact as the server has it. Empty texts are not known.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    /// Its id and version.
    pub id: ItemId,
    /// The name as shown.
    pub display_name: String,
    /// The name as filed, such as `Plate, Tanja`.
    pub file_as: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Title.
    pub title: String,
    /// The company.
    pub company: String,
    /// The department.
    pub department: String,
    /// The role in the company.
    pub job_title: String,
    /// Mail addresses in the order of the server's three places; others than SMTP are left out.
    pub mail_addresses: Vec<String>,
    /// Telephone and fax numbers by their place.
    pub phones: Vec<(PhonePlace, String)>,
    /// Postal addresses.
    pub addresses: Vec<PostalAddress>,
    /// A web page.
    pub web_page: String,
    /// The birthday.
    pub birthday: Option<Date>,
    /// A note; absent when it was not read.
    pub note: Option<TextBody>,
    /// Names of categories.
    pub categories: Vec<String>,
    /// Who may see it.
    pub sensitivity: Sensitivity,
    /// The tag given at creation.
    pub tag: Option<String>,
    /// The operation that made it.
    pub operation: Option<String>,
    /// When it was last changed.
    pub modified: Option<Instant>,
}

/// The places that EWS has for numbers, as far as Calport fills them; others are read as `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhonePlace {
    /// At work, the first number.
    Business,
    /// At work, the second number.
    Business2,
    /// At home, the first number.
    Home,
    /// At home, the second number.
    Home2,
    /// Mobile.
    Mobile,
    /// Anything else.
    Other,
    /// Fax at work.
    BusinessFax,
    /// Fax at home.
    HomeFax,
    /// Another fax.
    OtherFax,
}

impl PhonePlace {
    /// Every place, with its key.
    pub(crate) const ALL: [(Self, &'static str); 9] = [
        (Self::Business, "BusinessPhone"),
        (Self::Business2, "BusinessPhone2"),
        (Self::Home, "HomePhone"),
        (Self::Home2, "HomePhone2"),
        (Self::Mobile, "MobilePhone"),
        (Self::Other, "OtherTelephone"),
        (Self::BusinessFax, "BusinessFax"),
        (Self::HomeFax, "HomeFax"),
        (Self::OtherFax, "OtherFax"),
    ];

    fn of(key: &str) -> Self {
        Self::ALL.iter().find(|(_, name)| *name == key).map_or(Self::Other, |(place, _)| *place)
    }
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostalAddress {
    /// What it is for.
    pub place: AddressPlace,
    /// Street and number.
    pub street: String,
    /// City.
    pub city: String,
    /// State or region.
    pub region: String,
    /// Country.
    pub country: String,
    /// Postal code.
    pub postal_code: String,
}

/// The places that EWS has for postal addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressPlace {
    /// At work.
    Business,
    /// At home.
    Home,
    /// Another.
    Other,
}

impl AddressPlace {
    /// Every place, with its key.
    pub(crate) const ALL: [(Self, &'static str); 3] = [(Self::Business, "Business"), (Self::Home, "Home"), (Self::Other, "Other")];
}

const FIELDS: [&str; 12] = [
    "item:Sensitivity",
    "item:Categories",
    "contacts:FileAs",
    "contacts:DisplayName",
    "contacts:GivenName",
    "contacts:CompanyName",
    "contacts:Birthday",
    "contacts:BusinessHomePage",
    "contacts:Department",
    "contacts:JobTitle",
    "contacts:Surname",
    "item:LastModifiedTime",
];

const ADDRESS_PARTS: [&str; 5] = [
    "contacts:PhysicalAddress:Street",
    "contacts:PhysicalAddress:City",
    "contacts:PhysicalAddress:State",
    "contacts:PhysicalAddress:CountryOrRegion",
    "contacts:PhysicalAddress:PostalCode",
];

/// The keys of mail addresses.
pub(crate) const MAIL_KEYS: [&str; 3] = ["EmailAddress1", "EmailAddress2", "EmailAddress3"];

impl Item for Contact {
    fn paths(detail: Detail, version: ServerVersion) -> Vec<PathOf> {
        let mut paths: Vec<Path> = FIELDS.map(Path::Field).to_vec();
        if version < ServerVersion::Exchange2007Sp1 {
            paths.retain(|path| *path != Path::Field("item:LastModifiedTime"));
        }
        paths.extend(MAIL_KEYS.map(|key| Path::Entry("contacts:EmailAddress", key)));
        paths.extend(PhonePlace::ALL.map(|(_, key)| Path::Entry("contacts:PhoneNumber", key)));
        for (_, key) in AddressPlace::ALL {
            paths.extend(ADDRESS_PARTS.map(|part| Path::Entry(part, key)));
        }
        if detail == Detail::WithBody {
            paths.push(Path::Field("item:Body"));
        }
        paths.extend([ExtendedField::Tag, ExtendedField::Operation, ExtendedField::NamePrefix].map(Path::Extended));
        paths.into_iter().map(PathOf).collect()
    }

    fn read(xml: &mut Scanner<'_>, element: &Element<'_>) -> Result<Result<Self, Unreadable>, ReadError> {
        if element.name() != "Contact" {
            return of_other_kind(xml, element, "a contact").map(Err);
        }
        let contact = read_contact(xml)?;
        Ok(if contact.id.id.is_empty() {
            Err(Unreadable { id: String::new(), reason: "a contact without an id".to_owned() })
        } else {
            Ok(contact)
        })
    }
}

/// Reads the contact that was opened last, tolerant of everything; the directory's entries have the same form.
pub(crate) fn read_contact(xml: &mut Scanner<'_>) -> Result<Contact, ReadError> {
    let mut contact = empty();
    xml.children(|xml, field| {
        match field.name() {
            "ItemId" => contact.id = ItemId::read(field),
            "Sensitivity" => contact.sensitivity = words::sensitivity(xml.text()?.trim()),
            "Categories" => contact.categories = xml.texts("String")?,
            "Body" => contact.note = Some(read_body(xml, field)?),
            "FileAs" => contact.file_as = xml.text()?.into_owned(),
            "DisplayName" => contact.display_name = xml.text()?.into_owned(),
            "GivenName" => contact.given_name = xml.text()?.into_owned(),
            "Surname" => contact.family_name = xml.text()?.into_owned(),
            "CompleteName" => xml.children(|xml, part| {
                if part.name() == "Title" {
                    contact.title = xml.text()?.into_owned();
                }
                Ok(())
            })?,
            "CompanyName" => contact.company = xml.text()?.into_owned(),
            "Department" => contact.department = xml.text()?.into_owned(),
            "JobTitle" => contact.job_title = xml.text()?.into_owned(),
            "BusinessHomePage" => contact.web_page = xml.word()?,
            "Birthday" => contact.birthday = birthday(&xml.text()?),
            "LastModifiedTime" => contact.modified = value::date_time(&xml.text()?).and_then(When::utc),
            "EmailAddresses" => contact.mail_addresses = mail_addresses(xml)?,
            "PhoneNumbers" => xml.children(|xml, entry| {
                let place = PhonePlace::of(&entry.attribute("Key").unwrap_or_default());
                let number = xml.word()?;
                if !number.is_empty() {
                    contact.phones.push((place, number));
                }
                Ok(())
            })?,
            "PhysicalAddresses" => xml.children(|xml, entry| {
                let key = entry.attribute("Key").unwrap_or_default();
                let place = AddressPlace::ALL.iter().find(|(_, name)| *name == key).map_or(AddressPlace::Other, |(place, _)| *place);
                contact.addresses.extend(address(xml, place)?);
                Ok(())
            })?,
            "ExtendedProperty" => read_extended(xml, |field, value| match field {
                ExtendedField::Tag => contact.tag = Some(value),
                ExtendedField::Operation => contact.operation = Some(value),
                ExtendedField::NamePrefix => contact.title = value,
                _ => {}
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(contact)
}

fn empty() -> Contact {
    Contact {
        id: ItemId::default(),
        display_name: String::new(),
        file_as: String::new(),
        given_name: String::new(),
        family_name: String::new(),
        title: String::new(),
        company: String::new(),
        department: String::new(),
        job_title: String::new(),
        mail_addresses: Vec::new(),
        phones: Vec::new(),
        addresses: Vec::new(),
        web_page: String::new(),
        birthday: None,
        note: None,
        categories: Vec::new(),
        sensitivity: Sensitivity::Normal,
        tag: None,
        operation: None,
        modified: None,
    }
}

fn mail_addresses(xml: &mut Scanner<'_>) -> Result<Vec<String>, ReadError> {
    let mut found: Vec<(String, String)> = Vec::new();
    xml.children(|xml, entry| {
        let key = entry.attribute("Key").unwrap_or_default();
        let routing = entry.attribute("RoutingType").unwrap_or_default();
        let address = xml.word()?;
        // The directory writes `SMTP:` before them.
        let address = address.get(..5).filter(|p| p.eq_ignore_ascii_case("smtp:")).and(address.get(5..)).unwrap_or(&address);
        if address.contains('@') && (routing.is_empty() || routing.eq_ignore_ascii_case("smtp")) {
            found.push((key, address.to_owned()));
        }
        Ok(())
    })?;
    found.sort();
    Ok(found.into_iter().map(|(_, address)| address).collect())
}

fn address(xml: &mut Scanner<'_>, place: AddressPlace) -> Result<Option<PostalAddress>, ReadError> {
    let text = String::new;
    let mut out = PostalAddress { place, street: text(), city: text(), region: text(), country: text(), postal_code: text() };
    xml.children(|xml, part| {
        match part.name() {
            "Street" => out.street = xml.text()?.into_owned(),
            "City" => out.city = xml.text()?.into_owned(),
            "State" => out.region = xml.text()?.into_owned(),
            "CountryOrRegion" => out.country = xml.text()?.into_owned(),
            "PostalCode" => out.postal_code = xml.text()?.into_owned(),
            _ => {}
        }
        Ok(())
    })?;
    let known = [&out.street, &out.city, &out.region, &out.country, &out.postal_code].into_iter().any(|text| !text.is_empty());
    Ok(known.then_some(out))
}

/// Clients keep birthdays as midnights of some zone.
fn birthday(text: &str) -> Option<Date> {
    match value::date_time(text) {
        Some(When::At(instant)) => time::nearest_utc_date(instant),
        Some(When::Wall(wall)) => Some(wall.date().to_string()),
        None => value::date(text).map(|date| date.to_string()),
    }
}
