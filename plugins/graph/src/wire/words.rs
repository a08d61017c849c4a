//! Graph's enumerations. Answers use lower camel case, documentation and older servers other cases: all are read.
//! A word that this version does not know is a value of its own, never an error.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Declares an enumeration that is read from a word in any case, with a case for every other word.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($word:literal => $case:ident),+ $(,)? } else $other:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] $case,)+
            /// Any other word.
            $other,
        }

        impl $name {
            /// The case of a word.
            pub fn of(word: &str) -> Self {
                $(if word.eq_ignore_ascii_case($word) { return Self::$case; })+
                Self::$other
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct WordVisitor;
                impl Visitor<'_> for WordVisitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a word")
                    }
                    fn visit_str<E: Error>(self, word: &str) -> Result<$name, E> {
                        Ok($name::of(word))
                    }
                }
                deserializer.deserialize_str(WordVisitor)
            }
        }
    };
}

words! {
    /// `eventType`.
    EventType {
        "singleInstance" => Single, "occurrence" => Occurrence, "exception" => Exception, "seriesMaster" => Master,
    } else Other
}

words! {
    /// `freeBusyStatus`.
    FreeBusy {
        "free" => Free, "tentative" => Tentative, "busy" => Taken, "oof" => OutOfOffice,
        "workingElsewhere" => WorkingElsewhere, "unknown" => Unknown,
    } else Other
}

words! {
    /// `sensitivity`.
    Sensitivity {
        "normal" => Normal, "personal" => Personal, "private" => Private, "confidential" => Confidential,
    } else Other
}

words! {
    /// `importance`.
    Importance { "low" => Low, "normal" => Normal, "high" => High } else Other
}

words! {
    /// `responseType`.
    Response {
        "organizer" => Organizer, "tentativelyAccepted" => Tentative, "accepted" => Accepted, "declined" => Declined,
        "none" => None, "notResponded" => NotResponded,
    } else Other
}

words! {
    /// `attendeeType`.
    AttendeeType { "required" => Required, "optional" => Optional, "resource" => Resource } else Other
}

words! {
    /// `dayOfWeek`.
    Day {
        "monday" => Monday, "tuesday" => Tuesday, "wednesday" => Wednesday, "thursday" => Thursday,
        "friday" => Friday, "saturday" => Saturday, "sunday" => Sunday,
    } else Other
}

words! {
    /// `weekIndex`.
    WeekIndex {
        "first" => First, "second" => Second, "third" => Third, "fourth" => Fourth, "last" => Last,
    } else Other
}

words! {
    /// `recurrenceRangeType`.
    RangeType { "endDate" => EndDate, "noEnd" => NoEnd, "numbered" => Numbered } else Other
}

words! {
    /// `automaticRepliesStatus`.
    ReplyStatus {
        "disabled" => Disabled, "alwaysEnabled" => Always, "scheduled" => Scheduled,
    } else Other
}

words! {
    /// `externalAudienceScope`.
    Audience { "none" => None, "contactsOnly" => Contacts, "all" => All } else Other
}

words! {
    /// `lifecycleEventType`.
    Lifecycle {
        "missed" => Missed, "subscriptionRemoved" => SubscriptionRemoved,
        "reauthorizationRequired" => ReauthorizationRequired,
    } else Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case_and_unknown_ones_are_no_error() {
        assert_eq!(FreeBusy::of("WorkingElsewhere"), FreeBusy::WorkingElsewhere);
        assert_eq!(serde_json::from_str::<FreeBusy>("\"Tentative\"").unwrap(), FreeBusy::Tentative);
        assert_eq!(serde_json::from_str::<FreeBusy>("\"focusTime\"").unwrap(), FreeBusy::Other);
    }
}
