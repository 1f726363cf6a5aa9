"""nginx's stream module. Default: its manual's example of balancing TCP, a worker for each core. Tuned: a
listening socket for each worker, buffers of 64 KiB, all waiting connections accepted at once.

Both are allowed as many connections as the machine's descriptors, where nginx by itself would stop at 512.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.systems.system import SESSIONS, Setting, System
from conformance.systems.nginx import Nginx as Played
from peers.process import text_of

CONFIGURATION = """\
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes {threads};
pid {folder}/nginx.pid;
error_log {folder}/error.log;

events {{
  worker_connections {connections};
{events}}}

stream {{
  upstream c {{
{nodes}  }}
  server {{
{listens}    proxy_pass c;
{more}  }}
}}
"""


class Nginx(System):
    def __init__(self, *, tuned: bool) -> None:
        self.tuned = tuned
        self.name = "nginx-tuned" if tuned else "nginx"

    def version(self) -> str | None:
        return Played().version()

    def configuration(self, setting: Setting) -> str:
        reuse = " reuseport" if self.tuned else ""
        return CONFIGURATION.format(
            threads=setting.threads,
            folder=setting.folder,
            connections=2 * SESSIONS - 500,
            events="  multi_accept on;\n" if self.tuned else "",
            nodes="".join(f"    server {text_of(each)};\n" for each in setting.nodes),
            listens="".join(f"    listen {text_of(each)}{reuse};\n" for each in setting.listen),
            more="    proxy_buffer_size 64k;\n" if self.tuned else "",
        )

    def command(self, setting: Setting) -> Sequence[str]:
        (setting.folder / "nginx.conf").write_text(self.configuration(setting))
        return [
            "nginx",
            "-c",
            str(setting.folder / "nginx.conf"),
            "-p",
            str(setting.folder),
            "-e",
            "error.log",
        ]
