//! Versions of the server: what is asked for, what answers, and what a version lacks.

use std::fmt;

/// A version of the EWS schema, in the order in which they appeared. It goes into `RequestServerVersion`; the server
/// then answers as that version would, and refuses a version that it does not know (`ErrorInvalidServerVersion`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerVersion {
    /// Exchange 2007.
    Exchange2007,
    /// Exchange 2007 SP1.
    Exchange2007Sp1,
    /// Exchange 2010: named zones at items, user configurations, list of zones.
    Exchange2010,
    /// Exchange 2010 SP1: the first day of the week in weekly series.
    Exchange2010Sp1,
    /// Exchange 2010 SP2.
    Exchange2010Sp2,
    /// Exchange 2013: working elsewhere, wall clocks, links to join.
    Exchange2013,
    /// Exchange 2013 SP1.
    Exchange2013Sp1,
    /// Exchange 2016, 2019, SE and Online.
    Exchange2016,
}

impl ServerVersion {
    /// Every version, oldest first.
    pub const ALL: [Self; 8] = [
        Self::Exchange2007,
        Self::Exchange2007Sp1,
        Self::Exchange2010,
        Self::Exchange2010Sp1,
        Self::Exchange2010Sp2,
        Self::Exchange2013,
        Self::Exchange2013Sp1,
        Self::Exchange2016,
    ];

    /// The latest.
    pub const LATEST: Self = Self::Exchange2016;

    /// Its name on the wire and in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exchange2007 => "Exchange2007",
            Self::Exchange2007Sp1 => "Exchange2007_SP1",
            Self::Exchange2010 => "Exchange2010",
            Self::Exchange2010Sp1 => "Exchange2010_SP1",
            Self::Exchange2010Sp2 => "Exchange2010_SP2",
            Self::Exchange2013 => "Exchange2013",
            Self::Exchange2013Sp1 => "Exchange2013_SP1",
            Self::Exchange2016 => "Exchange2016",
        }
    }

    /// What it lacks of that which later ones have, each in a few words; nothing for the latest.
    pub fn lacks(self) -> impl Iterator<Item = &'static str> {
        Self::SINCE.into_iter().filter(move |(since, _)| self < *since).map(|(_, what)| what)
    }

    /// What came with which version.
    const SINCE: [(Self, &'static str); 6] = [
        (Self::Exchange2007Sp1, "the ids that all copies of a meeting share, and times of change"),
        (Self::Exchange2010, "zones of appointments with their rules"),
        (Self::Exchange2010, "categories with colours, and the zone of a mailbox"),
        (Self::Exchange2010Sp1, "the first day of the week in weekly series"),
        (Self::Exchange2013, "`working elsewhere`"),
        (Self::Exchange2013, "links to join online meetings"),
    ];

    /// By its name, in any case; none for another name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.name().eq_ignore_ascii_case(name.trim()))
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The build that answered, from the header `ServerVersionInfo`. It prints as administrators know it: `v15.02.2562.0017`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerBuild {
    /// 8 is 2007, 14 is 2010, 15 everything later.
    pub major: u16,
    /// With 15: 0 is 2013, 1 is 2016, 2 is 2019 and SE, 20 is Online.
    pub minor: u16,
    /// Build.
    pub build: u16,
    /// Revision.
    pub revision: u16,
}

impl ServerBuild {
    /// Whether it is Exchange Online.
    pub const fn is_online(self) -> bool {
        matches!((self.major, self.minor), (15, 20))
    }

    /// The newest version of the schema that such a server speaks.
    pub fn speaks(self) -> ServerVersion {
        match (self.major, self.minor) {
            (0..=7, _) | (8, 0) => ServerVersion::Exchange2007,
            (8, _) => ServerVersion::Exchange2007Sp1,
            (9..=13, _) | (14, 0) => ServerVersion::Exchange2010,
            (14, 1) => ServerVersion::Exchange2010Sp1,
            (14, _) => ServerVersion::Exchange2010Sp2,
            // 15.0.847 is SP1 of 2013.
            (15, 0) if self.build < 847 => ServerVersion::Exchange2013,
            (15, 0) => ServerVersion::Exchange2013Sp1,
            _ => ServerVersion::LATEST,
        }
    }
}

impl fmt::Display for ServerBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{:02}.{:02}.{:04}.{:04}", self.major, self.minor, self.build, self.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_and_found_by_name() {
        assert!(ServerVersion::ALL.is_sorted());
        for version in ServerVersion::ALL {
            assert_eq!(ServerVersion::named(version.name()), Some(version));
        }
        assert_eq!(ServerVersion::named(" exchange2010_sp2 "), Some(ServerVersion::Exchange2010Sp2));
        assert_eq!(ServerVersion::named("Exchange2003"), None);
    }

    #[test]
    fn feat_c06_what_a_version_lacks_is_told() {
        assert_eq!(ServerVersion::LATEST.lacks().count(), 0);
        assert_eq!(ServerVersion::Exchange2007.lacks().count(), ServerVersion::SINCE.len());
        let of_2010 = ServerVersion::Exchange2010Sp2.lacks().collect::<Vec<_>>();
        assert_eq!(of_2010, ["`working elsewhere`", "links to join online meetings"]);
    }

    #[test]
    fn feat_c06_a_build_tells_the_version_and_prints_as_known() {
        let build = |major, minor, build, revision| ServerBuild { major, minor, build, revision };
        assert_eq!(build(15, 2, 2562, 17).to_string(), "v15.02.2562.0017");
        assert!(build(15, 20, 1, 1).is_online() && !build(15, 2, 2562, 17).is_online());
        assert_eq!(build(8, 0, 685, 8).speaks(), ServerVersion::Exchange2007);
        assert_eq!(build(8, 3, 83, 0).speaks(), ServerVersion::Exchange2007Sp1);
        assert_eq!(build(14, 0, 0, 0).speaks(), ServerVersion::Exchange2010);
        assert_eq!(build(14, 1, 218, 15).speaks(), ServerVersion::Exchange2010Sp1);
        assert_eq!(build(14, 3, 123, 4).speaks(), ServerVersion::Exchange2010Sp2);
        assert_eq!(build(15, 0, 775, 7).speaks(), ServerVersion::Exchange2013);
        assert_eq!(build(15, 0, 939, 16).speaks(), ServerVersion::Exchange2013Sp1);
        assert_eq!(build(15, 20, 1, 1).speaks(), ServerVersion::LATEST);
    }
}
