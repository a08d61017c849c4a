"""An HTTP server whose login is judged by somebody else: pyspnego, Samba's ntlm_auth, or MIT's Kerberos.

One handler object lives as long as its connection, as NTLM wants it. Everything is counted.
"""

import base64
import collections
import http.server
import os
import pathlib
import ssl
import subprocess
import threading
import time

import spnego
import spnego._ntlm_raw.crypto
import spnego.channel_bindings


class Refused(Exception):
    """The acceptor does not let this client in."""


class Spnego:
    """One login judged by pyspnego; users come from the file named by NTLM_USER_FILE."""

    def __init__(self, binding=None):
        bindings = None
        if binding:
            bindings = spnego.channel_bindings.GssChannelBindings(application_data=b"tls-server-end-point:" + binding)
        self.context = spnego.server(protocol="ntlm", channel_bindings=bindings)

    def step(self, token):
        try:
            answer = self.context.step(token)
        except spnego.exceptions.SpnegoError as error:
            raise Refused(str(error)) from error
        return answer, self.context.complete

    def close(self):
        pass


class Samba:
    """One login judged by ntlm_auth, which knows one user and needs no domain."""

    def __init__(self, domain, user, password):
        command = ["ntlm_auth", "--helper-protocol=squid-2.5-ntlmssp", "--configfile=/dev/null"]
        command += [f"--domain={domain}", f"--username={user}", f"--password={password}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.verb = b"YR "

    def step(self, token):
        self.process.stdin.write(self.verb + base64.b64encode(token) + b"\n")
        self.process.stdin.flush()
        self.verb = b"KK "
        answer = self.process.stdout.readline().strip()
        if answer.startswith(b"TT "):
            return base64.b64decode(answer[3:]), False
        if answer.startswith(b"AF "):
            return None, True
        raise Refused(answer.decode(errors="replace"))

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


class Kerberos:
    """Logins judged by `acceptor.py`; each request is a login of its own."""

    def __init__(self, realm, keytab, binding):
        program = str(pathlib.Path(__file__).with_name("acceptor.py"))
        environment = {**realm.environment, "KRB5RCACHENAME": "none:"}
        command = ["/usr/bin/python3", program, str(keytab), binding.hex()]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    def step(self, token):
        self.process.stdin.write(base64.b64encode(token) + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer.startswith(b"AF "):
            return base64.b64decode(answer[3:]), True
        raise Refused(answer.decode(errors="replace"))

    close = Samba.close


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.acceptor = None
        self.known = False
        self.proof = None
        self.server.count("connections")

    def finish(self):
        if self.acceptor:
            self.acceptor.close()
        super().finish()

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        front = self.server
        given = self.headers.get("authorization", "")
        if not self.known and not self.log_in(given, body):
            return
        if given and self.known == "before":
            front.count("login on a known connection")
        self.known = "before"
        if isinstance(self.connection, ssl.SSLSocket):
            front.count(f"requests by {self.connection.selected_alpn_protocol()}")
        front.count("requests")
        time.sleep(front.takes)
        self.answer(200, body or b"hello")
        if front.scheme == "Negotiate":
            self.known = False

    do_POST = do_GET

    def log_in(self, given, body):
        front = self.server
        scheme, _, token = given.partition(" ")
        if front.basic is not None and scheme == "Basic":
            if base64.b64decode(token) == front.basic.encode():
                self.known = "now"
                return True
            front.count("refused")
            self.challenge([])
            return False
        if scheme.upper() != front.scheme.upper() or not token:
            self.challenge(front.offers)
            return False
        if self.acceptor is None:
            front.count("first messages")
            self.acceptor = front.acceptor()
            if body:
                front.count("bodies with a first message")
        try:
            answer, done = self.acceptor.step(base64.b64decode(token))
        except Refused:
            front.count("refused")
            self.acceptor.close()
            self.acceptor = None
            self.challenge(front.offers)
            return False
        if not done:
            self.challenge(["Negotiate", "NTLM " + base64.b64encode(answer).decode(), 'Basic realm="front"'])
            return False
        front.count("logins")
        self.proof = answer
        self.known = "now"
        return True

    def challenge(self, offers):
        self.send_response(401)
        for offer in offers:
            self.send_header("WWW-Authenticate", offer)
        for name, value in self.server.extra_headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"login!")

    def answer(self, status, body):
        self.send_response(status)
        if self.proof:
            self.send_header("WWW-Authenticate", f"{self.server.scheme} {base64.b64encode(self.proof).decode()}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Front(http.server.ThreadingHTTPServer):
    """The server; `acceptor` makes the judge of one login."""

    daemon_threads = True

    def __init__(self, acceptor, certificate=None, basic=None, scheme="NTLM"):
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = scheme
        self.offers = ["Negotiate"] if scheme == "Negotiate" else ["Negotiate", "NTLM", 'Basic realm="front"']
        self.acceptor, self.basic, self.takes, self.extra_headers = acceptor, basic, 0.0, []
        self.counters, self.lock = collections.Counter(), threading.Lock()
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            context.set_alpn_protocols(["h2", "http/1.1"])
            # The handshake belongs to the connection's own thread.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            scheme = "https"
        self.url = f"{scheme}://localhost:{self.server_port}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def count(self, what):
        with self.lock:
            self.counters[what] += 1

    def handle_error(self, *_):
        """Clients that hang up are part of the tests."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def user_file(path, *users):
    """Writes the users that pyspnego knows, each as (domain, user, password). It cannot read a colon in a password."""

    def line(domain, user, password):
        if ":" not in password:
            return f"{domain}:{user}:{password}\n"
        key = spnego._ntlm_raw.crypto.ntowfv1(password).hex().upper()
        return f"{domain}\\{user}:1000:{'0' * 32}:{key}::\n"

    path.write_text("".join(line(*user) for user in users), encoding="utf-8")
    os.environ["NTLM_USER_FILE"] = str(path)
