//! Finding a server: asks whoever it is told of, with and without the credential, and by the name service.

use calport_sdk::dns;
use calport_sdk::http::{HostHttp, Http};
use calport_sdk::request;

use crate::bindings::exports::calport::connector::connector::{Discovery, DiscoveryStep, Endpoint};

fn step(tried: String, outcome: String) -> DiscoveryStep {
    DiscoveryStep { tried, outcome }
}

/// Asks each host, and says what came of it.
pub fn ask(address: &str, hosts: &[String]) -> Discovery {
    let mut steps = Vec::new();
    let mut endpoints = Vec::new();
    for host in hosts {
        let asked = request::post(format!("https://{host}/autodiscover/autodiscover.xml")).body("text/xml", "<x/>").build();
        let probe = request::get(format!("http://{host}/autodiscover/autodiscover.xml")).anonymous().build();
        for request in [asked, probe] {
            let outcome = match HostHttp.send(&request) {
                Ok(answer) => answer.status.to_string(),
                Err(error) => format!("{error:?}"),
            };
            steps.push(step(format!("{} {}", request.method, request.url), outcome));
        }
        endpoints.push(Endpoint { name: "api".to_owned(), url: format!("https://{host}/found") });
    }
    let domain = address.rsplit('@').next().unwrap_or_default();
    let name = format!("_autodiscover._tcp.{domain}");
    let outcome = dns::srv(&name).map_or_else(|error| error.message, |records| records.len().to_string());
    steps.push(step(name, outcome));
    Discovery { endpoints, steps }
}

/// More of everything than anybody needs, and with characters that would deceive whoever reads them.
pub fn bad(amount: u32) -> Discovery {
    let endpoint = |n: u32| Endpoint { name: format!("api{n}"), url: "https://server.example.com/".to_owned() + &"x".repeat(n as usize) };
    Discovery {
        endpoints: (0..amount).map(endpoint).collect(),
        steps: (0..amount).map(|_| step("a\u{1b}[2Jb\nforged".to_owned(), "y".repeat(10_000))).collect(),
    }
}
