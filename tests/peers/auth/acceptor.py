"""A Kerberos acceptor on its own, run by the distribution's Python, which has the module `gssapi`.

Arguments: a keytab, and the binding (hexadecimal) that a login must have. One line of base64 in for each login, one line out:
`AF` with the answer, or `NA` with the reason.
"""

import base64
import sys

import gssapi
import gssapi.raw

# GSS_C_CHANNEL_BOUND_FLAG: the client has sent a binding, and it fits.
BOUND = 2048

keytab, binding = sys.argv[1], bytes.fromhex(sys.argv[2])
credentials = gssapi.Credentials(usage="accept", store={"keytab": f"FILE:{keytab}"})
for line in sys.stdin:
    bindings = gssapi.raw.ChannelBindings(application_data=b"tls-server-end-point:" + binding)
    context = gssapi.SecurityContext(usage="accept", creds=credentials, channel_bindings=bindings)
    try:
        token = context.step(base64.b64decode(line))
        bound = int(context.actual_flags) & BOUND
        print(f"AF {base64.b64encode(token or b'').decode()}" if bound else "NA not bound", flush=True)
    except gssapi.exceptions.GSSError as error:
        print("NA", str(error).replace("\n", " "), flush=True)
