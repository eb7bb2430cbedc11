#!/usr/bin/env bash
# nginx 1.22 of Debian 12: with two entries in an upstream, one POST whose connection breaks takes both entries out for
# ten seconds (max_fails=1 by default), and requests that would be answered get 502. With max_fails=0 they do not.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill $(cat "$folder"/*.pid) 2>/dev/null || true; rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download --quiet 'nginx=1.22.1-9+deb12u11' >/dev/null 2>&1 && dpkg -x nginx_*.deb nginx)
cd "$folder"
cat >server.py <<'PYTHON'
import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET; closes the connection of a POST without an answer."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        self.close_connection = True

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
python3 server.py >port &
echo $! >server.pid
until [ -s port ]; do sleep 0.1; done
ask() {  # max_fails: the statuses of one GET, one POST, three GETs
    port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mkdir -p "$1"
    cat >"$1/nginx.conf" <<NGINX
pid $folder/nginx-$1.pid;
error_log $folder/$1/error.log;
worker_processes 1;
events {}
http {
    access_log off;
    client_body_temp_path $folder/$1; proxy_temp_path $folder/$1; fastcgi_temp_path $folder/$1;
    uwsgi_temp_path $folder/$1; scgi_temp_path $folder/$1;
    upstream servers { server 127.0.0.1:$(cat port) $2; server 127.0.0.1:$(cat port) $2; }
    server {
        listen 127.0.0.1:$port;
        location / { proxy_pass http://servers; proxy_next_upstream error non_idempotent; }
    }
}
NGINX
    nginx/usr/sbin/nginx -e "$folder/$1/error.log" -c "$folder/$1/nginx.conf"
    for method in GET POST GET GET GET; do
        curl -s -o /dev/null -w '%{http_code} ' -X "$method" "http://127.0.0.1:$port/"
    done
}
default=$(ask default '')
never=$(ask never 'max_fails=0')
nginx/usr/sbin/nginx -v 2>&1
echo "GET POST GET GET GET, as it comes: $default"
echo "GET POST GET GET GET, max_fails=0: $never"
[ "$default" = '200 502 502 502 502 ' ] && [ "$never" = '200 502 200 200 200 ' ] || {
    echo 'changed: expected 502 after the POST as it comes, and 200 with max_fails=0'
    exit 1
}
