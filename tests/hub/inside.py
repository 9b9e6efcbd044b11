"""A program of somebody's own in a container, with what an attacker's program has at hand."""

import json

# What the attacker's program has at hand; what it prints is what came of it.
PROGRAM = """
import ctypes, errno, json, os, socket, sys, urllib.error, urllib.request

libc = ctypes.CDLL(None, use_errno=True)
found = json.loads(sys.argv[1])

def call(result):
    '''Of a call of the system: what it says.'''
    return errno.errorcode[ctypes.get_errno()] if result < 0 else "done"

def attempt(act):
    '''What Python says of an error, by its name in errno.h.'''
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)
    return "done"

def port(host, number):
    return attempt(lambda: socket.create_connection((host, number), 1.5).close()) == "done"

def ports(hosts, numbers):
    '''Those that answer; all at once.'''
    import concurrent.futures
    every = [(host, number) for host in hosts for number in numbers]
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda place: port(*place), every))
    return sorted(place for place, open in zip(every, answers) if open)

def name(text):
    try:
        return socket.gethostbyname(text)
    except OSError:
        return "no such name"

def api(method, path, token=""):
    '''The hub's answer to one request.'''
    url = os.environ["JUPYTERHUB_API_URL"] + path
    headers = {"Authorization": "token " + token} if token else {}
    request = urllib.request.Request(url, method=method, headers=headers, data=b"{}")
    try:
        return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).status
    except urllib.error.HTTPError as error:
        return error.code

def write(path, text="1"):
    def act():
        with open(path, "w") as file:
            file.write(text)
    return attempt(act)

token = os.environ["JUPYTERHUB_API_TOKEN"]
def inside(pid, key):
    (line,) = [l for l in open(f"/proc/{pid}/status") if l.startswith(key + ":")]
    return line.split()[1]
"""


class Inside:
    """A program of somebody's own, in their running server."""

    def __init__(self, container, found, program=PROGRAM):
        self.container, self.found, self.program = container, json.dumps(found), program

    def run(self, code, **options):
        """Exit code and output; as the user, with nothing besides what the server's programs have."""
        command = ["python3", "-c", f"{self.program}\n{code}", self.found]
        code, out = self.container.exec_run(command, **options)
        return code, (out or b"").decode(errors="replace").strip()

    def says(self, expression):
        """What this expression comes to."""
        code, out = self.run(f"print({expression})")
        assert code == 0, out
        return out
