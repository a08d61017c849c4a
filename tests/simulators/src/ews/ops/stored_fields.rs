//! The properties of tasks, contacts and messages: their URIs and elements in the order of the schema.

/// What a property is to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// A client sets it.
    Written,
    /// The service sets it.
    ReadOnly,
}

/// A property.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub uri: &'static str,
    /// Local name of the element.
    pub element: &'static str,
    /// Whether the shape `Default` holds it.
    pub in_default: bool,
    pub access: Access,
}

const fn written(uri: &'static str, element: &'static str, in_default: bool) -> Field {
    Field { uri, element, in_default, access: Access::Written }
}

const fn read(uri: &'static str, element: &'static str, in_default: bool) -> Field {
    Field { uri, element, in_default, access: Access::ReadOnly }
}

/// What every item has.
const ITEM: &[Field] = &[
    read("item:ParentFolderId", "ParentFolderId", false),
    written("item:ItemClass", "ItemClass", false),
    written("item:Subject", "Subject", true),
    written("item:Sensitivity", "Sensitivity", true),
    written("item:Body", "Body", true),
    read("item:DateTimeReceived", "DateTimeReceived", false),
    read("item:Size", "Size", true),
    written("item:Categories", "Categories", false),
    written("item:Importance", "Importance", false),
    written("item:InReplyTo", "InReplyTo", false),
    read("item:IsDraft", "IsDraft", false),
    read("item:DateTimeSent", "DateTimeSent", true),
    read("item:DateTimeCreated", "DateTimeCreated", true),
    written("item:ReminderDueBy", "ReminderDueBy", false),
    written("item:ReminderIsSet", "ReminderIsSet", false),
    written("item:ReminderMinutesBeforeStart", "ReminderMinutesBeforeStart", false),
    read("item:DisplayCc", "DisplayCc", false),
    read("item:DisplayTo", "DisplayTo", false),
    read("item:HasAttachments", "HasAttachments", true),
    written("", "ExtendedProperty", false),
    written("item:Culture", "Culture", false),
    read("item:LastModifiedName", "LastModifiedName", false),
    read("item:LastModifiedTime", "LastModifiedTime", false),
    read("item:TextBody", "TextBody", false),
];

const TASK: &[Field] = &[
    written("task:ActualWork", "ActualWork", false),
    written("task:BillingInformation", "BillingInformation", false),
    read("task:ChangeCount", "ChangeCount", false),
    written("task:Companies", "Companies", false),
    written("task:CompleteDate", "CompleteDate", false),
    written("task:Contacts", "Contacts", false),
    written("task:DueDate", "DueDate", true),
    read("task:IsComplete", "IsComplete", false),
    read("task:IsRecurring", "IsRecurring", false),
    written("task:Mileage", "Mileage", false),
    read("task:Owner", "Owner", false),
    written("task:PercentComplete", "PercentComplete", true),
    written("task:Recurrence", "Recurrence", false),
    written("task:StartDate", "StartDate", true),
    written("task:Status", "Status", true),
    read("task:StatusDescription", "StatusDescription", false),
    written("task:TotalWork", "TotalWork", false),
];

const CONTACT: &[Field] = &[
    written("contacts:FileAs", "FileAs", true),
    written("contacts:FileAsMapping", "FileAsMapping", false),
    written("contacts:DisplayName", "DisplayName", true),
    written("contacts:GivenName", "GivenName", true),
    written("contacts:Initials", "Initials", false),
    written("contacts:MiddleName", "MiddleName", false),
    written("contacts:Nickname", "Nickname", false),
    written("contacts:CompanyName", "CompanyName", true),
    written("contacts:EmailAddresses", "EmailAddresses", true),
    written("contacts:PhysicalAddresses", "PhysicalAddresses", true),
    written("contacts:PhoneNumbers", "PhoneNumbers", true),
    written("contacts:AssistantName", "AssistantName", false),
    written("contacts:Birthday", "Birthday", false),
    written("contacts:BusinessHomePage", "BusinessHomePage", false),
    written("contacts:Children", "Children", false),
    written("contacts:Companies", "Companies", false),
    read("contacts:ContactSource", "ContactSource", false),
    written("contacts:Department", "Department", false),
    written("contacts:Generation", "Generation", false),
    written("contacts:ImAddresses", "ImAddresses", true),
    written("contacts:JobTitle", "JobTitle", true),
    written("contacts:Manager", "Manager", false),
    written("contacts:Mileage", "Mileage", false),
    written("contacts:OfficeLocation", "OfficeLocation", false),
    written("contacts:PostalAddressIndex", "PostalAddressIndex", false),
    written("contacts:Profession", "Profession", false),
    written("contacts:SpouseName", "SpouseName", false),
    written("contacts:Surname", "Surname", true),
    written("contacts:WeddingAnniversary", "WeddingAnniversary", false),
    read("contacts:HasPicture", "HasPicture", false),
];

const MESSAGE: &[Field] = &[
    read("message:Sender", "Sender", true),
    written("message:ToRecipients", "ToRecipients", true),
    written("message:CcRecipients", "CcRecipients", true),
    written("message:BccRecipients", "BccRecipients", true),
    written("message:IsReadReceiptRequested", "IsReadReceiptRequested", true),
    written("message:IsDeliveryReceiptRequested", "IsDeliveryReceiptRequested", true),
    written("message:From", "From", true),
    written("message:IsRead", "IsRead", true),
    written("message:IsResponseRequested", "IsResponseRequested", false),
    written("message:References", "References", false),
    written("message:ReplyTo", "ReplyTo", false),
];

/// A kind of item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Task,
    Contact,
    Message,
}

impl Kind {
    /// The kind of an item by its element.
    pub fn of(local: &str) -> Option<Self> {
        match local {
            "Task" => Some(Self::Task),
            "Contact" => Some(Self::Contact),
            "Message" => Some(Self::Message),
            _ => None,
        }
    }

    /// `ItemClass` of a new one.
    pub fn class(self) -> &'static str {
        match self {
            Self::Task => "IPM.Task",
            Self::Contact => "IPM.Contact",
            Self::Message => "IPM.Note",
        }
    }

    /// All properties in the order of the schema.
    pub fn fields(self) -> impl Iterator<Item = &'static Field> {
        let own = match self {
            Self::Task => TASK,
            Self::Contact => CONTACT,
            Self::Message => MESSAGE,
        };

        ITEM.iter().chain(own)
    }

    /// Place of an element in the order of the schema.
    pub fn place(self, local: &str) -> Option<usize> {
        self.fields().position(|f| f.element == local)
    }
}

/// An indexed property: the list it stands in, and the part of an entry it means.
pub(crate) fn indexed(uri: &str) -> Option<(&'static str, Option<&str>)> {
    match uri {
        "contacts:EmailAddress" => Some(("EmailAddresses", None)),
        "contacts:PhoneNumber" => Some(("PhoneNumbers", None)),
        "contacts:ImAddress" => Some(("ImAddresses", None)),
        _ => uri.strip_prefix("contacts:PhysicalAddress:").map(|part| ("PhysicalAddresses", Some(part))),
    }
}
