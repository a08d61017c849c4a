//! What each version brought: an element, property or value newer than the version of a request is not valid against its schema.

use super::soap::Fault;
use super::version::Version;
use super::xml::Element;

use Version::{Exchange2007Sp1, Exchange2010, Exchange2010Sp1, Exchange2013, Exchange2016};

/// Elements by local name.
const ELEMENTS: &[(&str, Version)] = &[
    ("UID", Exchange2007Sp1),
    ("SmtpAddress", Exchange2007Sp1),
    ("StartTimeZone", Exchange2010),
    ("EndTimeZone", Exchange2010),
    ("SyncScope", Exchange2010),
    ("FirstDayOfWeek", Exchange2010Sp1),
    ("EnhancedLocation", Exchange2013),
    ("StartTimeZoneId", Exchange2013),
    ("EndTimeZoneId", Exchange2013),
    ("ReturnNewItemIds", Exchange2010Sp1),
    ("StreamingSubscriptionRequest", Exchange2010Sp1),
];

/// Properties by their URI.
const PROPERTIES: &[(&str, Version)] = &[
    ("calendar:UID", Exchange2007Sp1),
    ("calendar:RecurrenceId", Exchange2007Sp1),
    ("calendar:DateTimeStamp", Exchange2007Sp1),
    ("calendar:StartTimeZone", Exchange2010),
    ("calendar:EndTimeZone", Exchange2010),
    ("item:IsAssociated", Exchange2010),
    ("item:WebClientReadFormQueryString", Exchange2010),
    ("item:ConversationId", Exchange2010),
    ("item:UniqueBody", Exchange2010),
    ("calendar:StartWallClock", Exchange2013),
    ("calendar:EndWallClock", Exchange2013),
    ("calendar:StartTimeZoneId", Exchange2013),
    ("calendar:EndTimeZoneId", Exchange2013),
    ("calendar:EnhancedLocation", Exchange2013),
    ("calendar:JoinOnlineMeetingUrl", Exchange2013),
    ("calendar:OnlineMeetingSettings", Exchange2013),
    ("calendar:IsOrganizer", Exchange2013),
    ("item:TextBody", Exchange2013),
    ("item:Preview", Exchange2013),
    ("item:Flag", Exchange2013),
    ("item:InstanceKey", Exchange2013),
    ("calendar:DoNotForwardMeeting", Exchange2016),
];

/// Values by element and text.
const VALUES: &[(&str, &str, Version)] = &[("LegacyFreeBusyStatus", "WorkingElsewhere", Exchange2013)];

/// The version that brought a property; the first for one that was always there.
pub(crate) fn since(uri: &str) -> Version {
    PROPERTIES.iter().find(|(u, _)| *u == uri).map_or(Version::Exchange2007, |(_, v)| *v)
}

/// Looks for what the version does not know.
///
/// # Errors
/// `ErrorSchemaValidation`.
pub(crate) fn check(root: &Element, version: Version) -> Result<(), Fault> {
    let mut violation = None;
    root.walk(&mut |e| {
        let name = e.local();
        if let Some(uri) = e.attribute("FieldURI").filter(|u| since(u) > version) {
            violation = Some(format!("The 'FieldURI' attribute is invalid - The value '{uri}' is invalid according to its datatype."));
        } else if ELEMENTS.iter().any(|(n, since)| *n == name && *since > version) {
            violation = Some(format!("The element has invalid child element '{name}'."));
        } else if VALUES.iter().any(|(n, v, since)| *n == name && *v == e.text.trim() && *since > version) {
            violation =
                Some(format!("The '{name}' element is invalid - The value '{}' is invalid according to its datatype.", e.text.trim()));
        }
    });
    violation.map_or(Ok(()), |v| Err(Fault::schema(v)))
}
