//! Versions of Exchange: what a server says of itself and what it takes.

use serde::{Deserialize, Serialize};

/// A version of the server, or the one a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Version {
    /// Exchange 2007, as first sold.
    Exchange2007,
    /// Exchange 2007 SP1.
    Exchange2007Sp1,
    /// Exchange 2010.
    Exchange2010,
    /// Exchange 2010 SP1.
    Exchange2010Sp1,
    /// Exchange 2010 SP2 and SP3.
    Exchange2010Sp2,
    /// Exchange 2013.
    Exchange2013,
    /// Exchange 2013 SP1 and later updates.
    Exchange2013Sp1,
    /// Exchange 2016.
    Exchange2016,
    /// Exchange 2019.
    Exchange2019,
    /// Exchange Server Subscription Edition.
    SubscriptionEdition,
    /// Exchange Online.
    Online,
}

impl Version {
    /// Every version, oldest first.
    pub const ALL: [Self; 11] = [
        Self::Exchange2007,
        Self::Exchange2007Sp1,
        Self::Exchange2010,
        Self::Exchange2010Sp1,
        Self::Exchange2010Sp2,
        Self::Exchange2013,
        Self::Exchange2013Sp1,
        Self::Exchange2016,
        Self::Exchange2019,
        Self::SubscriptionEdition,
        Self::Online,
    ];

    /// Major and minor version, major and minor build, and the name of the schema, as in `ServerVersionInfo`; 2007 names none.
    pub(crate) fn info(self) -> (u32, u32, u32, u32, Option<&'static str>) {
        match self {
            Self::Exchange2007 => (8, 0, 685, 24, None),
            Self::Exchange2007Sp1 => (8, 1, 240, 5, None),
            Self::Exchange2010 => (14, 0, 639, 20, Some("Exchange2010")),
            Self::Exchange2010Sp1 => (14, 1, 218, 12, Some("Exchange2010_SP1")),
            Self::Exchange2010Sp2 => (14, 3, 513, 0, Some("Exchange2010_SP2")),
            Self::Exchange2013 => (15, 0, 516, 29, Some("Exchange2013")),
            Self::Exchange2013Sp1 => (15, 0, 1497, 48, Some("V2_23")),
            Self::Exchange2016 => (15, 1, 2507, 27, Some("V2017_07_11")),
            Self::Exchange2019 => (15, 2, 1544, 4, Some("V2017_07_11")),
            Self::SubscriptionEdition => (15, 2, 2562, 17, Some("V2017_07_11")),
            Self::Online => (15, 20, 9094, 18, Some("V2018_01_08")),
        }
    }

    /// Its name in the list of schemas that Autodiscover gives; none for a version that brought no name of its own.
    pub(crate) fn schema(self) -> Option<&'static str> {
        Some(match self {
            Self::Exchange2007 => "Exchange2007",
            Self::Exchange2007Sp1 => "Exchange2007_SP1",
            Self::Exchange2010 => "Exchange2010",
            Self::Exchange2010Sp1 => "Exchange2010_SP1",
            Self::Exchange2010Sp2 => "Exchange2010_SP2",
            Self::Exchange2013 => "Exchange2013",
            Self::Exchange2013Sp1 => "Exchange2013_SP1",
            Self::Exchange2016 => "Exchange2015",
            Self::Exchange2019 | Self::SubscriptionEdition | Self::Online => return None,
        })
    }

    /// The version a request's `RequestServerVersion` asks for; none for a word that no server knows.
    pub(crate) fn requested(word: &str) -> Option<Self> {
        Some(match word {
            "Exchange2007" => Self::Exchange2007,
            "Exchange2007_SP1" => Self::Exchange2007Sp1,
            "Exchange2009" | "Exchange2010" => Self::Exchange2010,
            "Exchange2010_SP1" => Self::Exchange2010Sp1,
            "Exchange2010_SP2" => Self::Exchange2010Sp2,
            "Exchange2012" | "Exchange2013" => Self::Exchange2013,
            "Exchange2013_SP1" => Self::Exchange2013Sp1,
            "Exchange2015" | "Exchange2016" | "V2015_10_05" | "V2016_01_06" | "V2016_04_13" | "V2016_07_13" | "V2016_10_10"
            | "V2017_01_07" | "V2017_04_14" | "V2017_07_11" => Self::Exchange2016,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_has_a_newer_build() {
        let builds: Vec<_> = Version::ALL.iter().map(|v| v.info()).map(|(a, b, c, d, _)| (a, b, c, d)).collect();
        assert!(builds.is_sorted());
        assert_eq!(Version::requested("Exchange2010_SP2"), Some(Version::Exchange2010Sp2));
        assert_eq!(Version::requested("Exchange2099"), None);
    }
}
