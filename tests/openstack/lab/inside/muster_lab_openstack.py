"""The program `openstack`, loaded once: each command line runs in a fork of this process.

Most of what a command costs is Python's own start and the client's imports. A connection brings one line of JSON, the
words of the command line, and takes another: its exit code and what it wrote to both streams.

Runs with the lab's own environment: PORT is the argument.
"""

import importlib
import json
import os
import socketserver
import sys
import tempfile

from openstackclient import shell

LOADED = (
    *(f"openstackclient.{service}.client" for service in ("compute", "identity", "image", "network", "volume")),
    *(f"openstackclient.compute.v2.{kind}" for kind in ("aggregate", "flavor", "server", "server_event")),
    *(f"openstackclient.compute.v2.{kind}" for kind in ("server_group", "server_migration", "service")),
    *(f"openstackclient.volume.v3.{kind}" for kind in ("service", "volume")),
)


class Command(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        words = json.loads(self.rfile.readline())
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            code = shell.main(words)
            sys.stdout.flush()
            sys.stderr.flush()
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        self.wfile.write(json.dumps([code, *texts]).encode())


class Server(socketserver.ForkingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    max_children = 64


if __name__ == "__main__":
    for name in LOADED:
        importlib.import_module(name)
    Server(("127.0.0.1", int(sys.argv[1])), Command).serve_forever()
