//! Which network addresses a request may reach (FEATURES X02).
//!
//! Only addresses of the public internet are reachable unless the endpoint's `allow_addresses` says otherwise. An address is
//! judged in its canonical form, so an IPv4 address inside an IPv6 one gains nothing. Unspecified and multicast addresses are
//! never reachable, and an address where cloud platforms hand out credentials needs a rule for exactly that address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// One entry of `allow_addresses`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressRule {
    /// `loopback`: 127.0.0.0/8 and ::1.
    Loopback,
    /// `private`: 10/8, 172.16/12, 192.168/16 and fc00::/7.
    Private,
    /// A network in CIDR form, or one address.
    Network(IpNet),
}

impl FromStr for AddressRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "loopback" => Ok(Self::Loopback),
            "private" => Ok(Self::Private),
            other => other.parse::<IpNet>().or_else(|_| other.parse::<IpAddr>().map(IpNet::from)).map(Self::Network).map_err(|_| {
                format!("`{other}` is no address rule: use `loopback`, `private`, an address, or a network such as 10.1.0.0/16")
            }),
        }
    }
}

impl fmt::Display for AddressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback => f.write_str("loopback"),
            Self::Private => f.write_str("private"),
            Self::Network(network) => write!(f, "{network}"),
        }
    }
}

/// Why an address is not simply reachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// The machine itself.
    Loopback,
    /// A private network.
    Private,
    /// Link-local (169.254/16, fe80::/10) or the old site-local range.
    LinkLocal,
    /// A service of a cloud platform that hands out credentials.
    Metadata,
    /// Shared by carriers (100.64/10).
    Shared,
    /// Reserved for protocols, benchmarks, documentation or the future.
    Reserved,
    /// Multicast or broadcast.
    Multicast,
    /// 0.0.0.0/8, `::` and IPv4-compatible addresses, which reach the machine itself on some systems.
    Unspecified,
    /// NAT64, 6to4, Teredo: carries an IPv4 address that would escape the check.
    Translated,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "an address where a platform hands out credentials",
            Self::Shared => "a shared carrier address (100.64.0.0/10)",
            Self::Reserved => "a reserved address",
            Self::Multicast => "a multicast address",
            Self::Unspecified => "an unspecified address",
            Self::Translated => "an address that carries another one (NAT64, 6to4 or Teredo)",
        })
    }
}

/// Decides about one address.
///
/// # Errors
/// The class of the address if neither the public internet nor a rule covers it.
pub fn judge_address(address: IpAddr, rules: &[AddressRule]) -> Result<(), AddressClass> {
    let address = address.to_canonical();
    let Some(class) = classify(address) else { return Ok(()) };
    let allowed = rules.iter().any(|rule| match (rule, class) {
        (_, AddressClass::Multicast | AddressClass::Unspecified) => false,
        (AddressRule::Loopback, AddressClass::Loopback) | (AddressRule::Private, AddressClass::Private) => true,
        (AddressRule::Network(network), AddressClass::Metadata) => {
            network.prefix_len() == network.max_prefix_len() && network.addr().to_canonical() == address
        }
        (AddressRule::Network(network), _) => network.contains(&address),
        _ => false,
    });
    if allowed { Ok(()) } else { Err(class) }
}

/// The rule that would allow an address, for messages; `None` if no rule can.
pub(crate) fn rule_for(address: IpAddr, class: AddressClass) -> Option<String> {
    match class {
        AddressClass::Multicast | AddressClass::Unspecified => None,
        AddressClass::Loopback => Some("loopback".to_owned()),
        AddressClass::Private => Some("private".to_owned()),
        _ => Some(IpNet::from(address.to_canonical()).to_string()),
    }
}

fn classify(address: IpAddr) -> Option<AddressClass> {
    if METADATA.contains(&address) {
        return Some(AddressClass::Metadata);
    }
    match address {
        IpAddr::V4(address) => V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, class)| *class),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Some(AddressClass::Loopback),
        IpAddr::V6(address) => V6.iter().find(|(network, _)| network.contains(&address)).map(|(_, class)| *class),
    }
}

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// Credential services of the large platforms; two of them lie outside the link-local range.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// IANA's special-purpose registry for IPv4.
const V4: [(Ipv4Net, AddressClass); 15] = [
    (v4(0, 0, 0, 8), AddressClass::Unspecified),
    (v4(10, 0, 0, 8), AddressClass::Private),
    (v4(100, 64, 0, 10), AddressClass::Shared),
    (v4(127, 0, 0, 8), AddressClass::Loopback),
    (v4(169, 254, 0, 16), AddressClass::LinkLocal),
    (v4(172, 16, 0, 12), AddressClass::Private),
    (v4(192, 0, 0, 24), AddressClass::Reserved),
    (v4(192, 0, 2, 24), AddressClass::Reserved),
    (v4(192, 88, 99, 24), AddressClass::Translated),
    (v4(192, 168, 0, 16), AddressClass::Private),
    (v4(198, 18, 0, 15), AddressClass::Reserved),
    (v4(198, 51, 100, 24), AddressClass::Reserved),
    (v4(203, 0, 113, 24), AddressClass::Reserved),
    (v4(224, 0, 0, 4), AddressClass::Multicast),
    (v4(240, 0, 0, 4), AddressClass::Reserved),
];

/// IANA's special-purpose registry for IPv6; `::1` is judged before.
const V6: [(Ipv6Net, AddressClass); 13] = [
    (v6(0, 0, 0, 96), AddressClass::Unspecified),
    (v6(0x64, 0xff9b, 0, 96), AddressClass::Translated),
    (v6(0x64, 0xff9b, 1, 48), AddressClass::Translated),
    (v6(0x100, 0, 0, 64), AddressClass::Reserved),
    (v6(0x2001, 0, 0, 32), AddressClass::Translated),
    (v6(0x2001, 0xdb8, 0, 32), AddressClass::Reserved),
    (v6(0x2002, 0, 0, 16), AddressClass::Translated),
    (v6(0x3fff, 0, 0, 20), AddressClass::Reserved),
    (v6(0x5f00, 0, 0, 16), AddressClass::Reserved),
    (v6(0xfc00, 0, 0, 7), AddressClass::Private),
    (v6(0xfe80, 0, 0, 10), AddressClass::LinkLocal),
    (v6(0xfec0, 0, 0, 10), AddressClass::LinkLocal),
    (v6(0xff00, 0, 0, 8), AddressClass::Multicast),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(address: &str, rules: &[&str]) -> Result<(), AddressClass> {
        let rules: Vec<AddressRule> = rules.iter().map(|r| r.parse().unwrap()).collect();
        judge_address(address.parse().unwrap(), &rules)
    }

    #[test]
    fn feat_x02_only_the_public_internet_is_reachable_by_default() {
        use AddressClass::*;
        let table = [
            ("0.0.0.0", Unspecified),
            ("0.1.2.3", Unspecified),
            ("10.0.0.1", Private),
            ("100.64.0.1", Shared),
            ("100.127.255.255", Shared),
            ("100.100.100.200", Metadata),
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("168.63.129.16", Metadata),
            ("169.254.1.1", LinkLocal),
            ("169.254.169.254", Metadata),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.0.0.8", Reserved),
            ("192.168.255.255", Private),
            ("198.19.0.1", Reserved),
            ("224.0.0.1", Multicast),
            ("239.255.255.255", Multicast),
            ("240.0.0.1", Reserved),
            ("255.255.255.255", Reserved),
            ("::", Unspecified),
            ("::1", Loopback),
            ("::7f00:1", Unspecified),
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:169.254.169.254", Metadata),
            ("::ffff:10.0.0.1", Private),
            ("64:ff9b::7f00:1", Translated),
            ("64:ff9b:1::1", Translated),
            ("2001::1", Translated),
            ("2002:7f00:1::", Translated),
            ("fc00::1", Private),
            ("fd00:ec2::254", Metadata),
            ("fe80::1", LinkLocal),
            ("fec0::1", LinkLocal),
            ("ff02::1", Multicast),
        ];
        for (address, class) in table {
            assert_eq!(judge(address, &[]), Err(class), "{address}");
        }
        for public in ["1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "223.255.255.255", "2606:4700::1", "2a00::1"]
        {
            assert_eq!(judge(public, &[]), Ok(()), "{public}");
        }
    }

    #[test]
    fn feat_x02_rules_open_exactly_what_they_name() {
        let table = [
            ("127.0.0.1", "loopback", true),
            ("::1", "loopback", true),
            ("::ffff:127.0.0.1", "loopback", true),
            ("10.0.0.1", "loopback", false),
            ("10.0.0.1", "private", true),
            ("fd12::1", "private", true),
            ("127.0.0.1", "private", false),
            ("fd00:ec2::254", "private", false),
            ("10.1.2.3", "10.1.0.0/16", true),
            ("10.2.2.3", "10.1.0.0/16", false),
            ("100.64.0.1", "100.64.0.0/10", true),
            ("169.254.169.254", "169.254.0.0/16", false),
            ("169.254.169.254", "0.0.0.0/0", false),
            ("169.254.169.254", "169.254.169.254", true),
            ("169.254.1.1", "169.254.0.0/16", true),
            ("0.0.0.0", "0.0.0.0/0", false),
            ("224.0.0.1", "224.0.0.0/4", false),
            ("::", "::/0", false),
        ];
        for (address, rule, allowed) in table {
            assert_eq!(judge(address, &[rule]).is_ok(), allowed, "{address} under {rule}");
        }
        assert!("privat".parse::<AddressRule>().unwrap_err().contains("loopback"));
    }
}
