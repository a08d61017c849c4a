//! A calendar view as an EWS server answers it.

use std::fmt::Write as _;

use jiff::SignedDuration;

use super::page::start;

/// An answer to `FindItem` with so many appointments, complete: about a kilobyte each.
pub fn ews(events: usize) -> Vec<u8> {
    let mut text = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><h:ServerVersionInfo MajorVersion="15" MinorVersion="20" MajorBuildNumber="8769" MinorBuildNumber="18" Version="V2018_01_08" xmlns:h="http://schemas.microsoft.com/exchange/services/2006/types"/></s:Header><s:Body><m:FindItemResponse xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages><m:FindItemResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:RootFolder TotalItemsInView="{events}" IncludesLastItemInRange="true"><t:Items>"#
    );
    for number in 0..events {
        item(&mut text, number);
    }
    text.push_str("</t:Items></m:RootFolder></m:FindItemResponseMessage></m:ResponseMessages></m:FindItemResponse></s:Body></s:Envelope>");
    text.into_bytes()
}

fn item(text: &mut String, number: usize) {
    let (from, to) = (start(number), start(number) + SignedDuration::from_mins(50));
    write!(
        text,
        r#"<t:CalendarItem><t:ItemId Id="AAMkAGZlNWQ3ODVkLTZmMjItNDg5Mi05ZGRkLTZhMTI4YzNhNDQxZQBGAAAAAAAHYQDEapmEc2byACqAC/EWg0A{number:06}AAA=" ChangeKey="DwAAABYAAAC{number:08}AAB"/><t:Subject>Project review {number} with the people from Zürich &amp; Bern</t:Subject><t:Sensitivity>Normal</t:Sensitivity><t:Categories><t:String>Blue category</t:String></t:Categories><t:Importance>Normal</t:Importance><t:DateTimeCreated>2026-02-01T08:00:00Z</t:DateTimeCreated><t:ReminderIsSet>true</t:ReminderIsSet><t:ReminderMinutesBeforeStart>15</t:ReminderMinutesBeforeStart><t:LastModifiedTime>2026-02-02T08:00:00Z</t:LastModifiedTime><t:UID>040000008200E00074C5B7101A82E008{number:024}</t:UID><t:Start>{from}</t:Start><t:End>{to}</t:End><t:IsAllDayEvent>false</t:IsAllDayEvent><t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus><t:Location>Room 2</t:Location><t:IsCancelled>false</t:IsCancelled><t:CalendarItemType>Single</t:CalendarItemType><t:MyResponseType>Organizer</t:MyResponseType><t:Organizer><t:Mailbox><t:Name>Anna Acker</t:Name><t:EmailAddress>anna@contoso.example</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType></t:Mailbox></t:Organizer><t:AppointmentState>0</t:AppointmentState><t:StartTimeZone Id="W. Europe Standard Time" Name="(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna"/><t:EndTimeZone Id="W. Europe Standard Time" Name="(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna"/></t:CalendarItem>"#
    )
    .unwrap();
}
