//! `GetServerTimeZones`: the zones that the server knows, for the zone doctor and for names that no table has.

use crate::error::{ReadError, WriteError};
use crate::soap::{Gaps, Operation, Reply};
use crate::version::ServerVersion;
use crate::xml::{Element, Scanner, Writer};
use crate::zone::{Definition, read_definition};

/// Reads zones with their rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetServerTimeZones {
    /// By their Windows names; none for all.
    pub ids: Vec<String>,
}

impl Operation for GetServerTimeZones {
    type Reply = TimeZones;
    const NAME: &'static str = "GetServerTimeZones";
    const SINCE: ServerVersion = ServerVersion::Exchange2010;

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        xml.element_with("m:GetServerTimeZones", &[("ReturnFullTimeZoneData", "true")], |xml| {
            if self.ids.is_empty() {
                return Ok(());
            }
            xml.element("m:Ids", |xml| {
                self.ids.iter().for_each(|id| xml.text("t:Id", id));
                Ok(())
            })
        })
    }
}

/// Zones of the server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimeZones {
    /// The zones.
    pub zones: Vec<Definition>,
}

impl Reply for TimeZones {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        if part.name() != "TimeZoneDefinitions" {
            return Ok(false);
        }
        xml.children(|xml, zone| {
            self.zones.push(read_definition(xml, zone)?);
            Ok(())
        })?;
        Ok(true)
    }
}
