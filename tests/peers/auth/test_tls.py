"""TLS: logins bound to the connection (pyspnego demands it), private authorities, pinned certificates, and each wrong one."""

import datetime
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes

import certificates
import front

SHA256, SHA384, SHA512 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512()


@pytest.fixture(autouse=True)
def users(tmp_path):
    front.user_file(tmp_path / "users", ("EXAMPLE", "alice", "Passw0rd"))


def ask(client, server, **more):
    auth = {"scheme": "ntlm", "user": "EXAMPLE\\alice", **more.pop("auth", {})}
    return client(server.url, auth=auth, secrets={"password": "Passw0rd"}, **more)


def signed(kind):
    """A server certificate with its authority, and the hash that its signature prescribes."""
    make = certificates.Certificate
    if kind == "ecdsa sha256":
        ca = certificates.authority(certificates.ec_key())
        return ca, make(certificates.ec_key(), SHA256, ca), hashlib.sha256
    if kind == "ecdsa key, rsa sha512":
        ca = certificates.authority()
        return ca, make(certificates.ec_key(), SHA512, ca), hashlib.sha512
    ca = certificates.authority()
    digest, count, pss = {
        "rsa sha256": (SHA256, hashlib.sha256, False),
        "rsa sha384": (SHA384, hashlib.sha384, False),
        "rsa sha512": (SHA512, hashlib.sha512, False),
        "pss sha256": (SHA256, hashlib.sha256, True),
        "pss sha384": (SHA384, hashlib.sha384, True),
    }[kind]
    return ca, make(certificates.rsa_key(), digest, ca, pss=pss), count


KINDS = ["rsa sha256", "rsa sha384", "rsa sha512", "pss sha256", "pss sha384", "ecdsa sha256", "ecdsa key, rsa sha512"]


@pytest.mark.parametrize("kind", KINDS)
def test_b47_a_login_is_bound_to_its_tls_connection(client, tmp_path, kind):
    ca, leaf, count = signed(kind)
    binding = count(leaf.der).digest()
    with front.Front(lambda: front.Spnego(binding), certificate=leaf.files(tmp_path)) as server:
        answer = ask(client, server, ca=ca.pem)["answers"][0]
        assert answer.get("status") == 200, answer
        answer = ask(client, server, ca=ca.pem, auth={"channel_binding": False})["answers"][0]
        assert answer["kind"] == "Login Refused", "the acceptor demands the binding"


def test_b47_a_hundred_requests_over_tls_log_in_eight_times(client, tmp_path):
    ca, leaf, count = signed("rsa sha256")
    binding = count(leaf.der).digest()
    with front.Front(lambda: front.Spnego(binding), certificate=leaf.files(tmp_path)) as server:
        server.takes = 0.05
        result = ask(client, server, ca=ca.pem, requests=100, connections=8)
        assert {answer.get("status") for answer in result["answers"]} == {200}
        assert server.counters["connections"] == 8 and server.counters["logins"] == 8, server.counters
        assert server.counters["requests by http/1.1"] == 100, "HTTP/2 has no logged-in connections"


def test_feat_c19_a_pinned_certificate_works_whatever_it_says_of_itself(client, tmp_path):
    for leaf in [
        certificates.Certificate(certificates.rsa_key(), SHA256, host="another.example"),
        certificates.authority(),
        certificates.Certificate(certificates.ed_key(), None),
    ]:
        with front.Front(front.Spnego, certificate=leaf.files(tmp_path)) as server:
            answer = ask(client, server, pins=[leaf.sha256()])["answers"][0]
            assert answer.get("status") == 200, answer
            answer = ask(client, server)["answers"][0]
            assert answer["kind"] == "Tls SelfSigned" and f'["{leaf.sha256()}"]' in answer["error"], answer
            answer = ask(client, server, pins=["00" * 32])["answers"][0]
            assert answer["kind"] == "Tls NotPinned" and leaf.sha256() in answer["error"], answer
            assert server.counters["requests"] == 1, "nothing is sent to a server that is not trusted"


@pytest.mark.parametrize("scheme", ["ntlm", "basic"])
def test_feat_c19_each_wrong_certificate_is_told_apart_with_its_remedy(client, tmp_path, scheme):
    ca, other = certificates.authority(), certificates.authority()
    long_ago, day = datetime.datetime(2001, 2, 3, tzinfo=datetime.timezone.utc), datetime.timedelta(days=1)

    def leaf(**more):
        return certificates.Certificate(certificates.rsa_key(), SHA256, ca, **more)

    cases = [
        (leaf(), other.pem, "Tls UnknownIssuer", "ca_file"),
        (leaf(start=long_ago - day, end=long_ago), ca.pem, "Tls Expired", "2001-02-03"),
        (leaf(start=certificates.NOW + day, end=certificates.NOW + 2 * day), ca.pem, "Tls NotYetValid", "clocks"),
        (leaf(host="mail.example"), ca.pem, "Tls WrongName", "mail.example"),
    ]
    seen = set()
    for made, trusted, kind, word in cases:
        with front.Front(front.Spnego, certificate=made.files(tmp_path)) as server:
            answer = ask(client, server, ca=trusted, auth={"scheme": scheme})["answers"][0]
            assert answer["kind"] == kind and word in answer["error"] and not answer["sent"], answer
            assert not server.counters["requests"] and not server.counters["first messages"], server.counters
            seen.add(answer["error"].split(": ", 1)[1])
    with front.Front(front.Spnego) as plain:
        plain.url = plain.url.replace("http:", "https:")
        answer = ask(client, plain, ca=ca.pem, auth={"scheme": scheme})["answers"][0]
        assert answer["kind"] == "Tls NotTls" and "plain_http" in answer["error"], answer
        seen.add(answer["error"])
    assert len(seen) == 5


def test_feat_c19_an_expired_pinned_certificate_is_still_expired(client, tmp_path):
    day = datetime.timedelta(days=1)
    leaf = certificates.Certificate(certificates.rsa_key(), SHA256, start=certificates.NOW - 3 * day, end=certificates.NOW - day)
    with front.Front(front.Spnego, certificate=leaf.files(tmp_path)) as server:
        assert ask(client, server, pins=[leaf.sha256()])["answers"][0]["kind"] == "Tls Expired"
