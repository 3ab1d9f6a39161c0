"""A stand-in for the Hugging Face Hub on this machine, as far as uploads and downloads go."""

import base64
import hashlib
import json
import re
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "hf_stand_in"
REPO = re.compile(r"/(?:api/)?(?:(models|spaces)/)?([\w.-]+/[\w.-]+?)(\.git)?(/.*)?$")


class Hub(ThreadingHTTPServer):
    """The routes of the Hub that uploads and downloads use, with one branch per repository, and faults to order."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.objects: dict[str, bytes] = {}  # LFS: sha256 -> content
        self.repos: dict[tuple[str, str], list[tuple[str, dict[str, bytes]]]] = {}  # -> (commit, files) of each commit
        self.lfs: set[str] = set()  # paths that are stored in LFS
        self.variables: dict[str, dict[str, str]] = {}
        self.private: dict[tuple[str, str], bool] = {}
        self.cuts: list[int] = []  # bytes after which each of the next downloads breaks off
        self.served: list[str] = []  # Range of each download, "" for all

    def files(self, kind: str, repo: str) -> dict[str, bytes]:
        return self.repos[kind, repo][-1][1]

    def commit(self, kind: str, repo: str, files: dict[str, bytes]) -> str:
        oid = hashlib.sha1(repr((len(self.repos[kind, repo]), sorted(files))).encode()).hexdigest()
        self.repos[kind, repo].append((oid, files))
        return oid


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, body=None, status=200, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in ({"Content-Length": len(data)} | dict(headers)).items():
            self.send_header(key, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def fail(self, status, code=""):
        self.answer({"error": code or "no"}, status, {"X-Error-Code": code} if code else {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        if path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.fail(401)
        if path == "/api/repos/create":
            asked = json.loads(body)
            owner = asked.get("organization") or "me"
            if owner == "other":
                return self.fail(403)
            kind, repo = asked.get("type", "model") + "s", f"{owner}/{asked['name']}"
            url = f"{self.server.url}/{'spaces/' if kind == 'spaces' else ''}{repo}"
            if (kind, repo) in self.server.repos:
                return self.answer({"error": "You already created this repo", "url": url}, 409)
            self.server.repos[kind, repo] = []
            self.server.private[kind, repo] = asked.get("visibility") == "private" or asked.get("private", False)
            self.server.commit(kind, repo, {".gitattributes": b"*.safetensors filter=lfs"})
            return self.answer({"url": url})
        kind, repo, git, rest = REPO.match(path).groups()
        kind = kind or "models"
        if (kind, repo) not in self.server.repos:
            return self.fail(404, "RepoNotFound")
        if rest.startswith("/preupload/"):
            files = json.loads(body)["files"]
            modes = {file["path"]: "lfs" if file["path"].endswith(".safetensors") else "regular" for file in files}
            return self.answer(
                {"files": [{"path": path, "uploadMode": mode, "shouldIgnore": False} for path, mode in modes.items()]}
            )
        if git and rest == "/info/lfs/objects/batch":
            objects = [
                file | {"actions": {"upload": {"href": f"{self.server.url}/lfs/{file['oid']}"}}}
                for file in json.loads(body)["objects"]
                if file["oid"] not in self.server.objects
            ]
            return self.answer({"transfer": "basic", "objects": objects})
        if rest.startswith("/commit/"):
            files = dict(self.server.files(kind, repo))
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    files[value["path"]] = self.server.objects[value["oid"]]
                    self.server.lfs.add(value["path"])
                elif line["key"] == "deletedFile":
                    del files[value["path"]]
            oid = self.server.commit(kind, repo, files)
            return self.answer({"commitUrl": f"{self.server.url}/{repo}/commit/{oid}", "commitOid": oid})
        if rest == "/variables":
            asked = json.loads(body)
            self.server.variables.setdefault(repo, {})[asked["key"]] = asked["value"]
            return self.answer({})
        self.fail(500, f"no route {self.path}")

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        oid = self.path.removeprefix("/lfs/")
        if hashlib.sha256(content).hexdigest() != oid:
            return self.fail(400)
        self.server.objects[oid] = content
        self.answer({})

    def do_GET(self):
        address = urlsplit(self.path)
        kind, repo, _, rest = REPO.match(address.path).groups()
        kind, rest = kind or "models", rest or ""
        if (kind, repo) not in self.server.repos:
            return self.fail(404, "RepoNotFound")
        commits = dict(self.server.repos[kind, repo])
        head = self.server.repos[kind, repo][-1][0]
        action, _, rest = rest.lstrip("/").partition("/")
        revision, _, name = rest.partition("/")
        oid = head if revision in ("", "main") else revision
        if oid not in commits:
            return self.fail(404, "RevisionNotFound")
        if action == "resolve":
            return self.download(commits[oid], oid, name)
        entries = []
        for path, content in sorted(commits[oid].items()):
            entry = {"type": "file", "path": path, "rfilename": path, "size": len(content), "oid": "0" * 40}
            if path in self.server.lfs:
                sha256 = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": sha256, "oid": sha256, "size": len(content), "pointerSize": 130}
            entries.append(entry)
        if action == "tree":
            return self.answer(entries)
        if action in ("", "revision"):
            return self.answer({"id": repo, "sha": oid, "siblings": entries if parse_qs(address.query) else []})
        self.fail(500, f"no route {self.path}")

    do_HEAD = do_GET  # noqa: N815

    def download(self, files, oid, name):
        if name not in files:
            return self.fail(404, "EntryNotFound")
        content = files[name]
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": oid}
        if self.command == "HEAD":
            return self.answer(content, 200, headers)
        wanted = self.headers.get("Range", "")
        self.server.served.append(wanted)
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if self.server.cuts:
            self.send_response(206 if wanted else 200)
            for key, value in (headers | {"Content-Length": len(content) - start}).items():
                self.send_header(key, str(value))
            self.end_headers()
            self.wfile.write(content[start : start + self.server.cuts.pop(0)])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.answer(content[start:], 206 if wanted else 200, headers)
