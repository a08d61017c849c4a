//! Certificates through the whole host: each bad one is told apart with its remedy, and nothing is sent to such a server (FEATURES C19).

use calport_e2e::Rig;
use calport_e2e::front::{Authority, Certificate, Front, Life, address_of};

use crate::onprem::{door, rig};

/// Leads the connection to a place by https, with these lines in the endpoint.
fn lead(rig: &Rig, port: u16, lines: &str) {
    let (old, new) = (format!("url = \"{}\"", door(rig).url()), format!("url = \"https://localhost:{port}\"\n{lines}"));
    rig.edit(|text| text.replace(&old, &new).replace("plain_http = true\nauth = { scheme = \"ntlm\"", "auth = { scheme = \"ntlm\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c19_each_bad_certificate_has_its_own_error_and_remedy() {
    let authority = Authority::default();
    let trusted = "ca_file = \"company.pem\"";
    for (certificate, lines, error, remedy) in [
        (authority.certificate(&["localhost"], Life::Now), "", "a CA that this machine does not trust", "`ca_file`"),
        (authority.certificate(&["localhost"], Life::Over), trusted, "expired at 2001-02-03", "renewed at the server"),
        (authority.certificate(&["localhost"], Life::ToCome), trusted, "only valid from 2090-01-01", "compare the clocks"),
        (authority.certificate(&["mail.contoso.example"], Life::Now), trusted, "mail.contoso.example", "`url`"),
        (Certificate::self_signed(&["localhost"]), "", "signed by itself", "`certificate_sha256 = [\""),
    ] {
        let rig = rig(1).await;
        std::fs::write(rig.path("company.pem"), authority.pem()).unwrap();
        let front = Front::start(&certificate, &door(&rig).base_url()).await;
        lead(&rig, front.address().port(), lines);
        let ran = rig.command(&["check"]).await;
        assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
        assert!(ran.out.contains(error) && ran.out.contains(remedy), "`{error}`, `{remedy}` in {}", ran.out);
        assert!(door(&rig).requests().is_empty(), "something was sent: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c19_plain_http_on_the_port_is_told_as_such() {
    let rig = rig(1).await;
    lead(&rig, address_of(&door(&rig).base_url()).port(), "");
    let ran = rig.command(&["check"]).await;
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("the port answers without TLS"), "{}", ran.out);
    assert!(door(&rig).connections().iter().all(|c| c.begun == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c19_a_private_ca_and_a_pinned_certificate_work_and_the_login_is_tied_to_them() {
    let authority = Authority::default();
    let by_ca = authority.certificate(&["localhost"], Life::Now);
    let own = Certificate::self_signed(&["WIN-EX01"]);
    for (certificate, lines) in [(by_ca, "ca_file = \"company.pem\""), (own, "")] {
        let rig = rig(1).await;
        std::fs::write(rig.path("company.pem"), authority.pem()).unwrap();
        // The server demands Extended Protection.
        door(&rig).configure(|config| config.doors.binding = Some(certificate.binding()));
        let front = Front::start(&certificate, &door(&rig).base_url()).await;
        lead(&rig, front.address().port(), lines);
        if lines.is_empty() {
            // The line that the error proposes.
            let refused = rig.command(&["check"]).await.out;
            let from = refused.find("certificate_sha256 = [").unwrap();
            let line = refused[from..].split_inclusive(']').next().unwrap().to_owned();
            rig.edit(|text| {
                text.replace("[connections.calendar.endpoints.ews]\n", &format!("[connections.calendar.endpoints.ews]\n{line}\n"))
            });
        }
        let ran = rig.command(&["check"]).await;
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let logins = door(&rig).connections();
        assert!(logins.iter().all(|c| c.refused.is_empty()) && logins.iter().any(|c| c.logins.len() == 1), "{logins:?}");
    }
}
