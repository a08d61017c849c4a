"""Kerberos against MIT's key distribution centre and Apache with mod_auth_gssapi."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes

import certificates
import front
import realm as realms


@pytest.fixture(scope="module")
def realm(tmp_path_factory):
    if realms.missing():
        pytest.skip(f"{', '.join(realms.missing())} is not installed: apt-get install the packages of debian.txt")
    made = realms.Realm(tmp_path_factory.mktemp("realm"))
    made.user("anna", "Passw0rd")
    made.service = made.keytab("HTTP/localhost")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def apache(realm):
    made = realms.Apache(realm, realm.service)
    yield made
    made.stop()


@pytest.fixture
def ask(client, realm):
    """One job in the realm's environment: what the service's own machine would have in /etc/krb5.conf."""

    def run(url, auth, password=None, **more):
        secrets = {"password": password} if password else {}
        auth = {"scheme": "negotiate", **auth, **({"with_password": True} if password else {})}
        environment = {"KRB5_CONFIG": realm.environment["KRB5_CONFIG"], **more.pop("environment", {})}
        return client(url, auth=auth, secrets=secrets, environment=environment, **more)

    return run


def test_feat_c05_a_keytab_is_the_services_own_identity(ask, apache, realm):
    keytab = realm.keytab("calport")
    result = ask(apache.url, {"keytab": str(keytab)}, requests=40, connections=4)
    assert result["answers"] == [{"status": 200, "text": "by ticket"}] * 40, result["answers"][0]
    assert result["sent"] == 40, "a ticket goes with each request, so that no request is sent twice"


def test_feat_c05_a_ticket_cache_is_used_and_its_absence_explained(ask, apache, realm):
    cache = realm.tickets("anna", "Passw0rd")
    assert ask(apache.url, {"ticket_cache": cache})["answers"][0]["status"] == 200
    # A blank user without anything else is whatever the system has.
    assert ask(apache.url, {}, environment={"KRB5CCNAME": cache})["answers"][0]["status"] == 200
    answer = ask(apache.url, {})["answers"][0]
    assert answer["kind"] == "Login NoTicket" and "keytab" in answer["error"], answer


def test_feat_c05_user_and_password_get_a_ticket(ask, apache):
    for user in ["anna@CALPORT.TEST", "anna@calport.test", "calport.test\\anna", "anna"]:
        answer = ask(apache.url, {"user": user}, "Passw0rd")["answers"][0]
        assert answer.get("status") == 200, (user, answer)


def test_b47_a_password_that_the_realm_refuses_is_tried_once(ask, apache, realm):
    realm.admin("addpol -maxfailure 2 strict")
    realm.admin("addprinc -policy strict -pw Passw0rd bert")
    result = ask(apache.url, {"user": "bert@CALPORT.TEST"}, "wrong", requests=20, connections=4)
    assert {answer["kind"] for answer in result["answers"]} == {"Login Refused"}, result
    assert ask(apache.url, {"user": "bert@CALPORT.TEST"}, "Passw0rd")["answers"][0].get("status") == 200, "not locked"


def test_feat_c05_what_is_wrong_with_kerberos_is_named(ask, apache, realm, tmp_path):
    keytab = realm.keytab("carl")
    stale = tmp_path / "stale.keytab"
    stale.write_bytes(keytab.read_bytes())
    realm.keytab("carl")
    answer = ask(apache.url, {"keytab": str(stale)})["answers"][0]
    assert answer["kind"] == "Login NoTicket" and "keytab made again" in answer["error"], answer
    answer = ask(apache.url.replace("localhost", "127.0.0.1"), {"keytab": str(keytab)})["answers"][0]
    assert answer["kind"] == "Login NoTicket" and "names, not for addresses" in answer["error"], answer
    answer = ask(apache.url.replace("localhost", "localhost.localdomain"), {"keytab": str(realm.keytab("carl"))})["answers"][0]
    assert "HTTP/HOST" in answer["error"] or "does not resolve" in answer["error"], answer
    realm.stop()
    try:
        answer = ask(apache.url, {"user": "anna@CALPORT.TEST", "keytab": str(realm.folder / "carl.keytab")})["answers"][0]
        assert answer["kind"] == "Login NoTicket", answer
        answer = ask(apache.url, {"user": "anna@CALPORT.TEST"}, "Passw0rd")["answers"][0]
        assert answer["kind"] == "Login NoTicket" and "port 88" in answer["error"], answer
    finally:
        realm.start()


def test_feat_c05_without_kerberos_ntlm_takes_over(ask, realm, tmp_path):
    front.user_file(tmp_path / "users", ("EXAMPLE", "alice", "Passw0rd"))
    with front.Front(front.Spnego) as server:
        # A short domain name is no realm; an unknown realm has no key distribution centre.
        result = ask(server.url, {"user": "EXAMPLE\\alice"}, "Passw0rd", requests=20, connections=2)
        assert [answer.get("status") for answer in result["answers"]] == [200] * 20, result["answers"][0]
        assert server.counters["logins"] <= 2 and server.counters["refused"] == 0, server.counters
    front.user_file(tmp_path / "users", ("else.test", "alice", "Passw0rd"))
    with front.Front(front.Spnego) as server:
        answer = ask(server.url, {"user": "else.test\\alice"}, "Passw0rd")["answers"][0]
        assert answer.get("status") == 200, answer


def test_feat_c05_without_the_library_the_package_is_named(client, apache, tmp_path):
    """An empty file in the library's place is no library."""
    (tmp_path / "libgssapi_krb5.so.2").write_bytes(b"")
    environment = {"LD_LIBRARY_PATH": str(tmp_path)}
    answer = client(apache.url, auth={"scheme": "negotiate"}, environment=environment)["answers"][0]
    assert answer["kind"] == "Login NoTicket" and "libgssapi-krb5-2" in answer["error"], answer


def test_b47_a_ticket_is_bound_to_its_tls_connection(ask, realm, tmp_path):
    leaf = certificates.Certificate(certificates.rsa_key(), hashes.SHA384())
    binding = hashlib.sha384(leaf.der).digest()
    keytab = realm.keytab("dora")
    files = leaf.files(tmp_path)
    auth = {"keytab": str(keytab)}
    with front.Front(lambda: front.Kerberos(realm, realm.service, binding), certificate=files, scheme="Negotiate") as server:
        result = ask(server.url, auth, pins=[leaf.sha256()], requests=10, connections=2)
        assert [answer.get("status") for answer in result["answers"]] == [200] * 10, result["answers"][0]
        assert server.counters["connections"] <= 2 and server.counters["logins"] == 10, server.counters
        answer = ask(server.url, {**auth, "channel_binding": False}, pins=[leaf.sha256()])["answers"][0]
        assert answer["kind"] == "Login TicketRefused", answer
    with front.Front(lambda: front.Kerberos(realm, realm.service, b"x" * 48), certificate=files, scheme="Negotiate") as server:
        answer = ask(server.url, auth, pins=[leaf.sha256()])["answers"][0]
        assert answer["kind"] == "Login TicketRefused", "another server's certificate"
