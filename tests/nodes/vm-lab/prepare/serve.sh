install -d /srv/files
head -c 8388608 /dev/urandom > /srv/files/large
cat > /usr/local/bin/serve <<'PYTHON'
#!/usr/bin/python3
"""Gives a file, and tells the digest of what it is sent; echoes datagrams."""
import hashlib, http.server, socket, threading

class Files(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments):
        super().__init__(*arguments, directory="/srv/files")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = hashlib.sha256(body).hexdigest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

def echo():
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("", 9009))
    while True:
        data, sender = datagrams.recvfrom(2048)
        datagrams.sendto(data, sender)

threading.Thread(target=echo, daemon=True).start()
http.server.ThreadingHTTPServer(("", 8000), Files).serve_forever()
PYTHON
chmod +x /usr/local/bin/serve
cat > /etc/systemd/system/serve.service <<'UNIT'
[Unit]
Description=Files for the neighbours
[Service]
ExecStart=/usr/local/bin/serve
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --now serve.service 2>/dev/null
for _ in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:8000/large && break; sleep 0.2; done
