//! The server is found by an address, by https and with names that a proxy leads (FEATURES C07, SEMANTICS B-33, B-48). The
//! server demands that logins are tied to its certificate.

use std::net::SocketAddr;
use std::time::Duration;

use calport_e2e::front::{Authority, Front, Life, Tunnel, address_of};
use calport_e2e::{ARRIVE, Ran, Rig, now_draft};
use calport_simulators::ews::{Config, Reply, Simulator};

use crate::onprem::{door, rig};

const USUAL: &str = "autodiscover.contoso.example";
const MAIL: &str = "mail.contoso.example";
const OTHER: &str = "mail2.contoso.example";
const FOREIGN: &str = "mail.hoster.example";
const URL: &str = "https://mail.contoso.example/EWS/Exchange.asmx";
const OTHER_URL: &str = "https://mail2.contoso.example/EWS/Exchange.asmx";
const SVC: &str = "/autodiscover/autodiscover.svc";

/// A Calport that has an address and no URL.
struct Found {
    rig: Rig,
    front: Front,
    authority: Authority,
    plain: SocketAddr,
}

impl Found {
    async fn new(people: u16, change: impl FnOnce(&mut Config)) -> Self {
        let rig = rig(people).await;
        let authority = Authority::default();
        let certificate = authority.certificate(&[USUAL, MAIL, FOREIGN], Life::Now);
        door(&rig).configure(|config| {
            config.autodiscover.external_url = Some(URL.to_owned());
            config.doors.binding = Some(certificate.binding());
            change(config);
        });
        let front = Front::start(&certificate, &door(&rig).base_url()).await;
        let plain = address_of(&door(&rig).base_url());
        std::fs::write(rig.path("company.pem"), authority.pem()).unwrap();
        Self { rig, front, authority, plain }
    }

    /// Where names lead. Hosts by https come here, those in `plain` by http too, `more` elsewhere.
    async fn ways(&self, secure: &[&str], plain: &[&str], more: &[(&str, SocketAddr)]) -> Tunnel {
        let names: Vec<(String, SocketAddr)> = secure
            .iter()
            .map(|host| (format!("{host}:443"), self.front.address()))
            .chain(plain.iter().map(|host| (format!("{host}:80"), self.plain)))
            .chain(more.iter().map(|(host, to)| (format!("{host}:443"), *to)))
            .collect();
        let names: Vec<(&str, SocketAddr)> = names.iter().map(|(name, to)| (name.as_str(), *to)).collect();
        let tunnel = Tunnel::start(&names).await;
        let old = format!("url = \"{}\"\nallow_addresses = [\"loopback\"]\nplain_http = true\n", door(&self.rig).url());
        let new = format!("ca_file = \"company.pem\"\nproxy = {{ url = \"{}\" }}\n", tunnel.url());
        let rule = "[connections.calendar.discovery]\naddress = \"anna@contoso.example\"\n\n[connections.calendar.endpoints.ews]\n";
        self.rig.edit(|text| text.replace(&old, &new).replace("[connections.calendar.endpoints.ews]\n", rule));
        tunnel
    }

    async fn check(&self, arguments: &[&str]) -> Ran {
        self.rig.command(&[&["check"], arguments].concat()).await
    }

    /// Schemes of the logins that requests to a host showed.
    fn schemes(&self, host: &str) -> Vec<String> {
        let to = |named: &Option<String>| named.as_deref().is_some_and(|h| h.split(':').next() == Some(host));
        door(&self.rig).requests().into_iter().filter(|r| to(&r.host)).filter_map(|r| r.scheme).collect()
    }
}

fn says(ran: &Ran, wanted: &[&str]) {
    for wanted in wanted {
        assert!(ran.out.contains(wanted), "`{wanted}` is not in {}\n{}", ran.out, ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c07_an_address_is_enough_and_each_step_is_printed() {
    // The usual host knows the older protocol only.
    let mut found = Found::new(2, |config| config.autodiscover.soap = false).await;
    let _ways = found.ways(&[USUAL, MAIL], &[], &[]).await;
    let ran = found.check(&[]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let usual = format!("https://{USUAL}");
    says(&ran, &[&format!("{usual}{SVC}: "), &format!("{usual}/autodiscover/autodiscover.xml: "), &format!("the server was found: {URL}")]);
    says(&ran, &["connected to EWS Microsoft Exchange v15.02."]);
    assert!(found.schemes(USUAL).iter().all(|scheme| scheme == "NTLM"), "{:?}", found.schemes(USUAL));
    found.rig.start().await;
    found.rig.settled().await;
    found.rig.add(1, now_draft("At the found server"));
    found.rig.arrives(1, "At the found server").await;
    let log = found.rig.command(&["log", "-n", "500"]).await.out;
    assert!(log.contains("the server was found") && log.contains(&format!("Using EWS URL: {URL}")), "{log}");
    let refused: Vec<_> = door(&found.rig).connections().into_iter().filter(|c| !c.refused.is_empty()).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c07_what_was_found_can_be_pinned() {
    let found = Found::new(1, |_| {}).await;
    let ways = found.ways(&[USUAL, MAIL], &[], &[]).await;
    let ran = found.check(&["--pin"]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let line = format!("url = \"{URL}\"");
    says(&ran, &["[connections.calendar.endpoints.ews]", &line]);
    let asked = ways.asked().iter().filter(|place| place.starts_with(USUAL)).count();
    assert!(asked > 0);
    found
        .rig
        .edit(|text| text.replace("[connections.calendar.endpoints.ews]\n", &format!("[connections.calendar.endpoints.ews]\n{line}\n")));
    let ran = found.check(&[]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    says(&ran, &["every endpoint has its `url`, so `discovery` is not used"]);
    assert_eq!(ways.asked().iter().filter(|place| place.starts_with(USUAL)).count(), asked, "nobody is asked any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn b48_a_redirect_over_plain_http_is_followed_and_shown_no_credential() {
    let found = Found::new(1, |config| {
        let to = format!("https://{MAIL}{SVC}");
        config.autodiscover.hosts.insert(USUAL.to_owned(), Reply::Redirect { to });
    })
    .await;
    // Nobody answers by https but the host that is led to.
    let ways = found.ways(&[MAIL], &[USUAL], &[]).await;
    let ran = found.check(&[]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    says(&ran, &[&format!("http://{USUAL}/autodiscover/autodiscover.xml: "), &format!("the server was found: {URL}")]);
    let places = ways.asked();
    let first = |wanted: String| places.iter().position(|place| *place == wanted).unwrap_or_else(|| panic!("{wanted} in {places:?}"));
    let order = [format!("{USUAL}:443"), "contoso.example:443".to_owned(), format!("{USUAL}:80"), format!("{MAIL}:443")].map(first);
    assert!(order.is_sorted(), "{places:?}");
    assert!(found.schemes(USUAL).is_empty(), "{:?}", found.schemes(USUAL));
    assert!(!found.schemes(MAIL).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn b48_a_stranger_gets_the_credential_by_consent_only() {
    let found = Found::new(1, |config| {
        let to = format!("https://{FOREIGN}{SVC}");
        config.autodiscover.hosts.insert(USUAL.to_owned(), Reply::Redirect { to });
        config.autodiscover.external_url = Some(format!("https://{FOREIGN}/EWS/Exchange.asmx"));
    })
    .await;
    let ways = found.ways(&[USUAL, FOREIGN], &[], &[]).await;
    let ran = found.check(&[]).await;
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    says(&ran, &[FOREIGN, "`hosts`", "[connections.calendar.discovery]"]);
    assert!(found.schemes(FOREIGN).is_empty() && !ways.asked().iter().any(|place| place.starts_with(FOREIGN)), "{:?}", ways.asked());
    let address = "address = \"anna@contoso.example\"\n";
    found.rig.edit(|text| text.replacen(address, &format!("{address}hosts = [\"{FOREIGN}\"]\n"), 1));
    let ran = found.check(&[]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    says(&ran, &[&format!("the server was found: https://{FOREIGN}/EWS/Exchange.asmx")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn b48_a_wrong_password_is_shown_to_one_host_once() {
    let mut found = Found::new(1, |_| {}).await;
    let _ways = found.ways(&[USUAL, MAIL, "contoso.example"], &[], &[]).await;
    found.rig.set_secret("calendar-password", "guessed").await;
    let refusals = || door(&found.rig).connections().iter().map(|c| c.refused.len()).sum::<usize>();
    let ran = found.check(&[]).await;
    assert_eq!((ran.code, refusals()), (5, 1), "{}{}", ran.out, ran.err);
    says(&ran, &["calport secret set calendar-password"]);
    door(&found.rig).reset_log();
    found.rig.start().await;
    let refusals = |rig: &Rig| door(rig).connections().iter().map(|c| c.refused.len()).sum::<usize>();
    found.rig.until("it was tried", ARRIVE, async || refusals(&found.rig) == 1).await;
    found.rig.holds("once", Duration::from_secs(6), async || refusals(&found.rig) == 1).await;
    found.rig.set_secret("calendar-password", "simulated~password").await;
    found.rig.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b33_mailboxes_that_moved_are_found_again() {
    let mut found = Found::new(2, |_| {}).await;
    let other_certificate = found.authority.certificate(&[OTHER], Life::Now);
    let config = Config {
        autodiscover: calport_simulators::ews::Autodiscover { external_url: Some(OTHER_URL.to_owned()), ..Default::default() },
        doors: calport_simulators::ews::Doors { binding: Some(other_certificate.binding()), ..door(&found.rig).config().doors },
        ..door(&found.rig).config()
    };
    let other = Simulator::beside(&found.rig.world.calendar, config).await.unwrap();
    let other_front = Front::start(&other_certificate, &other.base_url()).await;
    let ways = found.ways(&[USUAL, MAIL], &[], &[(OTHER, other_front.address())]).await;
    found.rig.start().await;
    found.rig.settled().await;
    // The next start takes up what was stored, and asks nobody.
    assert_eq!(found.rig.stop().await, Some(0));
    let asked = ways.asked().iter().filter(|place| place.starts_with(USUAL)).count();
    found.rig.start().await;
    found.rig.settled().await;
    assert_eq!(ways.asked().iter().filter(|place| place.starts_with(USUAL)).count(), asked, "it was stored");
    for member in &found.rig.world.members {
        door(&found.rig).begin_move(&member.address, &other);
        door(&found.rig).finish_move(&member.address, &other);
    }
    found.rig.add(0, now_draft("After the move"));
    found.rig.add(1, now_draft("Moved as well"));
    assert_eq!(found.rig.command(&["sync", "--now"]).await.code, 0);
    found.rig.until("both arrive", ARRIVE * 2, async || found.rig.shows(0, "After the move") && found.rig.shows(1, "Moved as well")).await;
    assert!(other.count("FindItem", None) > 0, "the other server is asked");
    assert!(found.rig.log().contains(OTHER_URL), "{}", found.rig.log());
    let moved = found.rig.person("ben").await;
    assert_eq!((&moved["resolution"], &moved["feed"]), (&"resolved".into(), &"live".into()), "{moved}");
}
