//! Makes a page of appointments as Exchange 2016 answers `FindItem` with a window.

use std::fmt::Write as _;

/// The answer with so many appointments, about a kilobyte each.
pub fn page(items: usize) -> String {
    let mut out = String::with_capacity(items * 1_100 + 1_000);
    out.push_str(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>\
         <h:ServerVersionInfo MajorVersion=\"15\" MinorVersion=\"1\" MajorBuildNumber=\"2507\" MinorBuildNumber=\"6\" Version=\"V2017_07_11\" \
         xmlns:h=\"http://schemas.microsoft.com/exchange/services/2006/types\"/></s:Header><s:Body><m:FindItemResponse \
         xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><m:ResponseMessages><m:FindItemResponseMessage \
         ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>",
    );
    // Writing into a string does not fail.
    let _written = write!(out, "<m:RootFolder TotalItemsInView=\"{items}\" IncludesLastItemInRange=\"true\"><t:Items>");
    for n in 0..items {
        let (day, hour) = (1 + n % 28, 6 + n % 12);
        let _written = write!(
            out,
            "<t:CalendarItem><t:ItemId Id=\"AAMkAGUxNDk0ZmQyLTM0NDctNDE2Ny1iZjhkLWYyZjA2ZmQ5ODY0OQFRAAgI2tqAAGAAEYAAAAA{n:08}\" \
             ChangeKey=\"DwAAABYAAABmD4kqSxhWQKQz{n:08}\"/><t:Subject>Subject of appointment {n} &amp; more</t:Subject>\
             <t:Sensitivity>Normal</t:Sensitivity><t:Categories><t:String>Blue category</t:String></t:Categories>\
             <t:Importance>Normal</t:Importance><t:DateTimeCreated>2026-01-02T03:04:05Z</t:DateTimeCreated>\
             <t:ReminderIsSet>true</t:ReminderIsSet><t:ReminderMinutesBeforeStart>15</t:ReminderMinutesBeforeStart>\
             <t:LastModifiedTime>2026-01-02T03:04:06Z</t:LastModifiedTime>\
             <t:UID>040000008200E00074C5B7101A82E008{n:010}</t:UID><t:Start>2026-03-{day:02}T{hour:02}:00:00Z</t:Start>\
             <t:End>2026-03-{day:02}T{hour:02}:30:00Z</t:End><t:IsAllDayEvent>false</t:IsAllDayEvent>\
             <t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus><t:Location>Room {n}</t:Location><t:IsMeeting>true</t:IsMeeting>\
             <t:IsCancelled>false</t:IsCancelled><t:CalendarItemType>Single</t:CalendarItemType>\
             <t:MyResponseType>Accept</t:MyResponseType><t:Organizer><t:Mailbox><t:Name>Person {n}</t:Name>\
             <t:EmailAddress>person{n}@example.com</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType></t:Mailbox></t:Organizer>\
             <t:AppointmentState>3</t:AppointmentState><t:StartTimeZone Id=\"W. Europe Standard Time\" Name=\"(UTC+01:00) Berlin\"/>\
             </t:CalendarItem>"
        );
    }
    out.push_str("</t:Items></m:RootFolder></m:FindItemResponseMessage></m:ResponseMessages></m:FindItemResponse></s:Body></s:Envelope>");
    out
}
