"""A Kerberos realm of our own, and an Apache that asks for its tickets; both on loopback, in a directory, without root's files."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

REALM = "CALPORT.TEST"
HOST = "localhost"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(what, happened, process):
    """Polls until something has happened; the process must live that long."""
    end = time.monotonic() + 30
    while not happened():
        assert process.poll() is None, f"{what} ended with {process.returncode}"
        assert time.monotonic() < end, f"{what} does not answer"
        time.sleep(0.02)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A program in the foreground, stopped by its process id."""

    def __init__(self, command, environment, log, port):
        self.log = log.open("wb")
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for(command[0], lambda: listens(port), self.process)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)
        self.log.close()


class Realm:
    """MIT's key distribution centre with one service, HTTP/localhost."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.port = folder, free_port()
        (folder / "krb5.conf").write_text(
            f"""[libdefaults]
default_realm = {REALM}
dns_lookup_kdc = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
default_ccache_name = FILE:{folder}/no-such-cache
[realms]
{REALM} = {{
  kdc = 127.0.0.1:{self.port}
}}
[domain_realm]
{HOST} = {REALM}
"""
        )
        (folder / "kdc.conf").write_text(
            f"""[kdcdefaults]
kdc_listen = 127.0.0.1:{self.port}
kdc_tcp_listen = 127.0.0.1:{self.port}
[realms]
{REALM} = {{
  database_name = {folder}/principal
  key_stash_file = {folder}/stash
  acl_file = {folder}/acl
  max_life = 1h
  default_principal_flags = +preauth
}}
"""
        )
        self.environment = {
            "PATH": PATH,
            "KRB5_CONFIG": str(folder / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
        }
        subprocess.run(
            ["kdb5_util", "create", "-s", "-r", REALM, "-P", "master of the tests"], env=self.environment, check=True, capture_output=True
        )
        self.kdc = None
        self.start()

    def start(self):
        self.kdc = Process(["krb5kdc", "-n"], self.environment, self.folder / "kdc.log", self.port)

    def admin(self, command):
        subprocess.run(["kadmin.local", "-r", REALM, "-q", command], env=self.environment, check=True, capture_output=True)

    def user(self, name, password):
        self.admin(f'addprinc -pw "{password}" {name}')

    def keytab(self, name):
        """A file with new keys of a principal, which must exist or is made."""
        path = self.folder / f"{name.replace('/', '-')}.keytab"
        path.unlink(missing_ok=True)
        self.admin(f"addprinc -randkey {name}")
        self.admin(f"ktadd -k {path} {name}")
        return path

    def tickets(self, name, password):
        """A ticket cache as `kinit` fills it."""
        cache = f"FILE:{self.folder}/{name}.cache"
        subprocess.run(["kinit", "-c", cache, name], input=password, text=True, env=self.environment, check=True, capture_output=True)
        return cache

    def stop(self):
        self.kdc.stop()


MODULES = ["mpm_event", "authn_core", "authz_core", "authz_user", "unixd", "auth_gssapi", "dir", "mime", "headers"]


class Apache:
    """Apache with mod_auth_gssapi before one file."""

    def __init__(self, realm: Realm, keys: pathlib.Path):
        self.port = free_port()
        # Started as root, its workers are not: they must reach all of it.
        self.place = tempfile.TemporaryDirectory(prefix="calport-apache-")
        folder = pathlib.Path(self.place.name)
        folder.chmod(0o755)
        web = folder / "web"
        web.mkdir()
        (web / "index.html").write_text("by ticket")
        keytab = folder / "http.keytab"
        keytab.write_bytes(keys.read_bytes())
        keytab.chmod(0o644)
        modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in MODULES if has_module(name))
        (folder / "apache.conf").write_text(
            f"""ServerRoot {folder}
ServerName {HOST}
Listen 127.0.0.1:{self.port}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache-error.log
LogLevel warn
{modules}
TypesConfig /etc/mime.types
DocumentRoot {web}
DirectoryIndex index.html
User www-data
Group www-data
<Location />
  AuthType GSSAPI
  AuthName realm
  GssapiCredStore keytab:{keytab}
  GssapiAllowedMech krb5
  Require valid-user
  Header always set X-User "expr=%{{REMOTE_USER}}"
</Location>
"""
        )
        config = folder / "krb5.conf"
        config.write_bytes((realm.folder / "krb5.conf").read_bytes())
        environment = {"PATH": PATH, "KRB5_CONFIG": str(config), "KRB5RCACHENAME": "none:"}
        command = ["apache2", "-X", "-f", str(folder / "apache.conf")]
        self.process = Process(command, environment, folder / "apache.log", self.port)
        self.url = f"http://{HOST}:{self.port}/"

    def stop(self):
        self.process.stop()
        self.place.cleanup()


def has_module(name):
    return os.path.exists(f"/usr/lib/apache2/modules/mod_{name}.so")


def missing():
    """What this machine lacks, if anything."""
    found = [name for name in ("krb5kdc", "kadmin.local", "kinit", "apache2") if not shutil.which(name, path=PATH)]
    if not has_module("auth_gssapi"):
        found.append("mod_auth_gssapi")
    if subprocess.run(["/usr/bin/python3", "-c", "import gssapi"], capture_output=True).returncode != 0:
        found.append("python3-gssapi")
    return found
