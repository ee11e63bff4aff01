"""The two RTMP to HLS servers that are compared, behind one face: url to publish to, playlist to
watch, pid to count. Both on free ports; nginx with a configuration and folders of its own, its
segments in memory (/dev/shm), as ours are.
"""
import atexit
import os
import shutil
import tempfile
from pathlib import Path

import harness

NGINX_CONF = """
load_module {module};
user {user};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
worker_rlimit_nofile 8192;
events {{ worker_connections 2048; }}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{rtmp_port};
        application live {{
            live on;
            hls on;
            hls_path {folder}/hls;
            hls_fragment 2s;
            hls_playlist_length 12s;
        }}
    }}
}}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
    server {{
        listen 127.0.0.1:{http_port};
        keepalive_requests 100000;
        location /hls {{ root {folder}; add_header Cache-Control no-cache; }}
    }}
}}
"""


def _module():
    for folder in ("/usr/lib/nginx/modules", "/usr/share/nginx/modules"):
        path = Path(folder) / "ngx_rtmp_module.so"
        if path.exists():
            return path
    raise AssertionError("nginx's rtmp module is not installed: deploy/deps bench")


class Nginx:
    NAME = "nginx-rtmp"

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="streaming-back-end-nginx.", dir="/dev/shm"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.rtmp_port, self.http_port = harness.free_port(), harness.free_port()
        user = "root" if os.geteuid() == 0 else "nobody"
        (self.folder / "nginx.conf").write_text(NGINX_CONF.format(
            module=_module(), folder=self.folder, user=user, rtmp_port=self.rtmp_port,
            http_port=self.http_port))
        self.command = ["nginx", "-p", self.folder, "-c", self.folder / "nginx.conf"]
        self.process = harness.Process(self.command, self.folder / "log")
        harness.wait_for(lambda: harness.http_get(f"http://127.0.0.1:{self.http_port}/").status,
                         10, "nginx answers")
        return self

    def __exit__(self, *what):
        # In order: a worker whose master is killed would live on.
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self):
        return self.process.pid

    def rtmp(self, name):
        return f"rtmp://127.0.0.1:{self.rtmp_port}/live/{name}"

    def playlist(self, name):
        return f"http://127.0.0.1:{self.http_port}/hls/{name}.m3u8"


class Ours:
    NAME = "broadcaster"

    def __enter__(self):
        self.rtmp_port, self.http_port = harness.free_port(), harness.free_port()
        self.role = harness.Role(
            "broadcaster",
            ["-rtmpAddr", f"127.0.0.1:{self.rtmp_port}", "-httpAddr",
             f"127.0.0.1:{self.http_port}", "-maxSessions", 200, "-connectionsPerAddress", 200],
            separate=True, verbosity=3)
        self.command = self.role.args
        return self

    def __exit__(self, *what):
        self.role.stop()

    @property
    def pid(self):
        return self.role.pid

    def rtmp(self, name):
        return f"rtmp://127.0.0.1:{self.rtmp_port}/{name}"

    def playlist(self, name):
        return f"http://127.0.0.1:{self.http_port}/stream/{name}/source.m3u8"
