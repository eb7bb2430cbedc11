#!/usr/bin/env bash
# nginx 1.22 of Debian 12: with `error_page 400 = @name`, a request for /../ is answered 500 with nginx's own page, since a
# request whose path could not be read cannot go to a named location. With a path in place of the name it is answered 400.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill $(cat "$folder"/nginx.pid) 2>/dev/null || true; rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download --quiet 'nginx=1.22.1-9+deb12u11' >/dev/null 2>&1 && dpkg -x nginx_*.deb nginx)
cd "$folder"
read -r named path < <(python3 -c '
import socket
servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(server.getsockname()[1] for server in servers))')
cat >nginx.conf <<NGINX
pid $folder/nginx.pid;
error_log $folder/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $folder/t; proxy_temp_path $folder/t; fastcgi_temp_path $folder/t;
    uwsgi_temp_path $folder/t; scgi_temp_path $folder/t;
    server {
        listen 127.0.0.1:$named;
        error_page 400 = @bad;
        location @bad { return 400 'ours'; }
    }
    server {
        listen 127.0.0.1:$path;
        error_page 400 = /bad;
        location = /bad { internal; return 400 'ours'; }
    }
}
NGINX
nginx/usr/sbin/nginx -e "$folder/error.log" -c "$folder/nginx.conf"
ask() { curl -s -o /dev/null -w '%{http_code}' --path-as-is "http://127.0.0.1:$1/../"; }
found="$(ask "$named") $(ask "$path")"
nginx/usr/sbin/nginx -v 2>&1
echo "GET /../ with a named location, with a path: $found"
[ "$found" = '500 400' ] || { echo 'changed: expected 500 400'; exit 1; }
