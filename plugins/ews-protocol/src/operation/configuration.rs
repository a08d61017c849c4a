//! User configurations: hidden items of a folder. The list of categories is one, the options of the web client another.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{ReadError, WriteError};
use crate::folder::{Folder, KnownFolder};
use crate::soap::{Done, Gaps, Operation, Reply};
use crate::version::ServerVersion;
use crate::xml::{Element, Scanner, Writer};

/// Configurations that Calport knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WellKnownConfiguration {
    /// The categories of the mailbox with their colours: [`crate::categories`].
    CategoryList,
    /// The options of the web client; `timezone` is the zone of the mailbox. Absent where nobody ever signed in there.
    WebOptions,
}

impl WellKnownConfiguration {
    const fn place(self) -> (&'static str, KnownFolder) {
        match self {
            Self::CategoryList => ("CategoryList", KnownFolder::Calendar),
            Self::WebOptions => ("OWA.UserOptions", KnownFolder::Root),
        }
    }

    fn write(self, xml: &mut Writer, element: &str, mailbox: Option<&String>) -> Result<(), WriteError> {
        let (name, folder) = self.place();
        xml.element_with(element, &[("Name", name)], |xml| {
            Folder::Known { name: folder, mailbox: mailbox.cloned() }.write(xml);
            Ok(())
        })
    }
}

/// Reads a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetUserConfiguration {
    /// Which.
    pub configuration: WellKnownConfiguration,
    /// The mailbox, by its address; absent for the one that the call acts in.
    pub mailbox: Option<String>,
}

impl Operation for GetUserConfiguration {
    type Reply = Configuration;
    const NAME: &'static str = "GetUserConfiguration";
    const SINCE: ServerVersion = ServerVersion::Exchange2010;

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        xml.element("m:GetUserConfiguration", |xml| {
            self.configuration.write(xml, "m:UserConfigurationName", self.mailbox.as_ref())?;
            xml.text("m:UserConfigurationProperties", "Dictionary XmlData");
            Ok(())
        })
    }
}

/// Makes a configuration that a mailbox does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateUserConfiguration {
    /// Which.
    pub configuration: WellKnownConfiguration,
    /// The mailbox, by its address; absent for the one that the call acts in.
    pub mailbox: Option<String>,
    /// The whole XML.
    pub xml: Vec<u8>,
}

impl Operation for CreateUserConfiguration {
    type Reply = Done;
    const NAME: &'static str = "CreateUserConfiguration";
    const SINCE: ServerVersion = ServerVersion::Exchange2010;

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        xml.element("m:CreateUserConfiguration", |xml| write_whole(xml, self.configuration, self.mailbox.as_ref(), &self.xml))
    }
}

/// Replaces the XML of a configuration. There is no condition: the caller reads, changes, writes, and reads back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateUserConfiguration {
    /// Which.
    pub configuration: WellKnownConfiguration,
    /// The mailbox, by its address; absent for the one that the call acts in.
    pub mailbox: Option<String>,
    /// The whole XML.
    pub xml: Vec<u8>,
}

impl Operation for UpdateUserConfiguration {
    type Reply = Done;
    const NAME: &'static str = "UpdateUserConfiguration";
    const SINCE: ServerVersion = ServerVersion::Exchange2010;

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        xml.element("m:UpdateUserConfiguration", |xml| write_whole(xml, self.configuration, self.mailbox.as_ref(), &self.xml))
    }
}

fn write_whole(xml: &mut Writer, which: WellKnownConfiguration, mailbox: Option<&String>, content: &[u8]) -> Result<(), WriteError> {
    xml.element("m:UserConfiguration", |xml| {
        which.write(xml, "t:UserConfigurationName", mailbox)?;
        xml.text("t:XmlData", &STANDARD.encode(content));
        Ok(())
    })
}

/// A configuration as the server has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configuration {
    /// Its dictionary, as far as keys and values are single texts.
    pub dictionary: Vec<(String, String)>,
    /// Its XML; none when there is none, or when it is not base64.
    pub xml: Option<Vec<u8>>,
}

impl Configuration {
    /// A value of the dictionary.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.dictionary.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

impl Reply for Configuration {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        if part.name() != "UserConfiguration" {
            return Ok(false);
        }
        xml.children(|xml, field| match field.name() {
            "Dictionary" => xml.children(|xml, _| {
                let (mut key, mut value) = (None, None);
                xml.children(|xml, side| {
                    match side.name() {
                        "DictionaryKey" => key = xml.texts("Value")?.into_iter().next(),
                        "DictionaryValue" => value = xml.texts("Value")?.into_iter().next(),
                        _ => {}
                    }
                    Ok(())
                })?;
                self.dictionary.extend(key.zip(value));
                Ok(())
            }),
            "XmlData" => {
                let text: String = xml.text()?.split_ascii_whitespace().collect();
                self.xml = STANDARD.decode(text).ok();
                Ok(())
            }
            _ => Ok(()),
        })?;
        Ok(true)
    }
}
