"""Certificates of many kinds for `localhost`."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Certificate:
    """A certificate with its key; signed by itself unless an issuer is given."""

    def __init__(self, key, digest, issuer=None, host="localhost", authority=False, start=NOW - DAY, end=NOW + DAY, pss=False):
        self.key = key
        subject = name("test authority" if authority else host)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.made.subject if issuer else subject)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(start).not_valid_after(end)
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        more = {"rsa_padding": padding.PSS(padding.MGF1(digest), digest.digest_size)} if pss else {}
        self.made = builder.sign((issuer or self).key, digest, **more)

    @property
    def der(self):
        return self.made.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self):
        return self.made.public_bytes(serialization.Encoding.PEM).decode()

    def sha256(self):
        return self.made.fingerprint(hashes.SHA256()).hex(":").upper()

    def files(self, folder):
        """Writes certificate and key, as a server wants them."""
        chain, key = folder / "server.pem", folder / "server.key"
        chain.write_text(self.pem)
        key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(chain), str(key)


def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


def ed_key():
    return ed25519.Ed25519PrivateKey.generate()


def authority(key=None, digest=hashes.SHA256()):
    return Certificate(key or rsa_key(), digest, authority=True)
