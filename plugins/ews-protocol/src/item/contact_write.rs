//! From fields to the properties of `t:Contact`.
//!
//! Numbers and addresses live in dictionaries. A new contact has them whole; a change names each of Calport's places by
//! itself, so that the places it does not know stay as they are.

use calport_sdk::common::{Date, Sensitivity, TextBody};

use super::contact::{AddressPlace, Contact, MAIL_KEYS, PhonePlace, PostalAddress};
use super::event_write::sensitivity;
use super::{Draft, Property, Writing};
use crate::error::WriteError;
use crate::path::{ExtendedField, Path};
use crate::soap::Gaps;
use crate::xml::Writer;

/// A field of a contact with a new value. Empty texts clear theirs.
#[derive(Debug, Clone, PartialEq)]
pub enum ContactField {
    /// The name as shown.
    DisplayName(String),
    /// The name as filed.
    FileAs(String),
    /// Given name.
    GivenName(String),
    /// Family name.
    FamilyName(String),
    /// Title, such as `Dr.`
    Title(String),
    /// The company.
    Company(String),
    /// The department.
    Department(String),
    /// The role in the company.
    JobTitle(String),
    /// All mail addresses; EWS holds three.
    MailAddresses(Vec<String>),
    /// All numbers of the places that Calport fills, one for each.
    Phones(Vec<(PhonePlace, String)>),
    /// All postal addresses, one for each place.
    Addresses(Vec<PostalAddress>),
    /// A web page.
    WebPage(String),
    /// The birthday; none clears it.
    Birthday(Option<Date>),
    /// The note; none clears it.
    Note(Option<TextBody>),
    /// All categories.
    Categories(Vec<String>),
    /// Who may see it.
    Sensitivity(Sensitivity),
    /// The tag to find it by.
    Tag(String),
    /// The operation that makes it (SEMANTICS S-14).
    Operation(String),
}

impl Draft for Contact {
    type Field = ContactField;
    const ELEMENT: &'static str = "t:Contact";
    const INVITES: bool = false;

    fn properties(fields: &[ContactField], writing: Writing, _: &mut Gaps) -> Result<Vec<Property>, WriteError> {
        let mut out = Vec::new();
        let text = Property::text_or_removed;
        for field in fields {
            match field {
                ContactField::Sensitivity(value) => out.push(sensitivity(11, *value)),
                ContactField::Note(note) => out.push(Property::body(12, note.as_ref())),
                ContactField::Categories(list) => out.push(Property::categories(13, list)),
                ContactField::Tag(tag) => out.push(Property::extended(20, ExtendedField::Tag, tag)),
                ContactField::Operation(id) => out.push(Property::extended(20, ExtendedField::Operation, id)),
                ContactField::Title(title) if title.is_empty() => {
                    out.push(Property::removed(20, Path::Extended(ExtendedField::NamePrefix)));
                }
                ContactField::Title(title) => out.push(Property::extended(20, ExtendedField::NamePrefix, title)),
                ContactField::FileAs(name) => out.push(text(30, "contacts:FileAs", "t:FileAs", name)),
                ContactField::DisplayName(name) => out.push(text(31, "contacts:DisplayName", "t:DisplayName", name)),
                ContactField::GivenName(name) => out.push(text(32, "contacts:GivenName", "t:GivenName", name)),
                ContactField::Company(name) => out.push(text(33, "contacts:CompanyName", "t:CompanyName", name)),
                ContactField::MailAddresses(addresses) => mail(addresses, writing, &mut out)?,
                ContactField::Addresses(addresses) => postal(addresses, writing, &mut out)?,
                ContactField::Phones(numbers) => phones(numbers, writing, &mut out)?,
                ContactField::Birthday(day) => out.push(birthday(day.as_ref())?),
                ContactField::WebPage(url) => out.push(text(38, "contacts:BusinessHomePage", "t:BusinessHomePage", url)),
                ContactField::Department(name) => out.push(text(39, "contacts:Department", "t:Department", name)),
                ContactField::JobTitle(name) => out.push(text(40, "contacts:JobTitle", "t:JobTitle", name)),
                ContactField::FamilyName(name) => out.push(text(41, "contacts:Surname", "t:Surname", name)),
            }
        }
        Ok(out)
    }
}

fn birthday(day: Option<&Date>) -> Result<Property, WriteError> {
    const URI: &str = "contacts:Birthday";
    let Some(day) = day else { return Ok(Property::removed(37, Path::Field(URI))) };
    let date: jiff::civil::Date = day.parse().map_err(|_| WriteError::invalid("birthday", "a day that is no date"))?;
    Ok(Property::text(37, URI, "t:Birthday", &format!("{date}T00:00:00Z")))
}

/// One dictionary: its place in the sequence, its element, and the property that names its entries.
struct Dictionary {
    order: u16,
    element: &'static str,
    uri: &'static str,
}

const MAIL: Dictionary = Dictionary { order: 34, element: "t:EmailAddresses", uri: "contacts:EmailAddress" };
const POSTAL: Dictionary = Dictionary { order: 35, element: "t:PhysicalAddresses", uri: "contacts:PhysicalAddress" };
const PHONES: Dictionary = Dictionary { order: 36, element: "t:PhoneNumbers", uri: "contacts:PhoneNumber" };

impl Dictionary {
    /// Entries that hold a text each.
    fn texts(&self, entries: &[(&'static str, Option<&str>)], writing: Writing, out: &mut Vec<Property>) -> Result<(), WriteError> {
        let entry = |xml: &mut Writer, key: &str, text: &str| xml.text_with("t:Entry", &[("Key", key)], text);
        let filled = || entries.iter().filter_map(|(key, text)| text.filter(|t| !t.is_empty()).map(|text| (*key, text)));
        if writing == Writing::New {
            if filled().next().is_some() {
                out.push(Property::set(self.order, Path::Field(self.uri), |xml| {
                    xml.element(self.element, |xml| {
                        filled().for_each(|(key, text)| entry(xml, key, text));
                        Ok(())
                    })
                })?);
            }
            return Ok(());
        }
        for (key, text) in entries {
            let path = Path::Entry(self.uri, key);
            out.push(match text.filter(|text| !text.is_empty()) {
                None => Property::removed(self.order, path),
                Some(text) => Property::set(self.order, path, |xml| {
                    xml.element(self.element, |xml| {
                        entry(xml, key, text);
                        Ok(())
                    })
                })?,
            });
        }
        Ok(())
    }
}

fn mail(addresses: &[String], writing: Writing, out: &mut Vec<Property>) -> Result<(), WriteError> {
    if addresses.len() > MAIL_KEYS.len() {
        return Err(WriteError::invalid("mail-addresses", "EWS holds three of them"));
    }
    let given = addresses.iter().map(|address| Some(address.as_str())).chain(std::iter::repeat(None));
    let entries: Vec<_> = MAIL_KEYS.into_iter().zip(given).collect();
    MAIL.texts(&entries, writing, out)
}

fn phones(numbers: &[(PhonePlace, String)], writing: Writing, out: &mut Vec<Property>) -> Result<(), WriteError> {
    let of = |place: PhonePlace| numbers.iter().filter(move |(other, _)| *other == place);
    if PhonePlace::ALL.iter().any(|(place, _)| of(*place).count() > 1) {
        return Err(WriteError::invalid("phone-numbers", "EWS holds one number in each place"));
    }
    let entries = PhonePlace::ALL.map(|(place, key)| (key, of(place).next().map(|(_, number)| number.as_str())));
    PHONES.texts(&entries, writing, out)
}

/// The parts of a postal address in the order of the schema.
fn parts(address: &PostalAddress) -> [(&'static str, &'static str, &str); 5] {
    [
        ("contacts:PhysicalAddress:Street", "t:Street", &address.street),
        ("contacts:PhysicalAddress:City", "t:City", &address.city),
        ("contacts:PhysicalAddress:State", "t:State", &address.region),
        ("contacts:PhysicalAddress:CountryOrRegion", "t:CountryOrRegion", &address.country),
        ("contacts:PhysicalAddress:PostalCode", "t:PostalCode", &address.postal_code),
    ]
}

fn postal(addresses: &[PostalAddress], writing: Writing, out: &mut Vec<Property>) -> Result<(), WriteError> {
    let of = |place: AddressPlace| addresses.iter().filter(move |address| address.place == place);
    if AddressPlace::ALL.iter().any(|(place, _)| of(*place).count() > 1) {
        return Err(WriteError::invalid("addresses", "EWS holds one address in each place"));
    }
    if writing == Writing::New {
        if addresses.is_empty() {
            return Ok(());
        }
        out.push(Property::set(POSTAL.order, Path::Field(POSTAL.uri), |xml| {
            xml.element(POSTAL.element, |xml| {
                let filled = AddressPlace::ALL.into_iter().flat_map(|(place, key)| of(place).map(move |address| (key, address)));
                for (key, address) in filled {
                    xml.element_with::<WriteError>("t:Entry", &[("Key", key)], |xml| {
                        parts(address).iter().filter(|(_, _, text)| !text.is_empty()).for_each(|(_, name, text)| xml.text(name, text));
                        Ok(())
                    })?;
                }
                Ok(())
            })
        })?);
        return Ok(());
    }
    let text = String::new;
    for (place, key) in AddressPlace::ALL {
        let none = PostalAddress { place, street: text(), city: text(), region: text(), country: text(), postal_code: text() };
        for (uri, element, value) in parts(of(place).next().unwrap_or(&none)) {
            let path = Path::Entry(uri, key);
            out.push(if value.is_empty() {
                Property::removed(POSTAL.order, path)
            } else {
                Property::set(POSTAL.order, path, |xml| {
                    xml.element(POSTAL.element, |xml| {
                        xml.element_with("t:Entry", &[("Key", key)], |xml| {
                            xml.text(element, value);
                            Ok(())
                        })
                    })
                })?
            });
        }
    }
    Ok(())
}
