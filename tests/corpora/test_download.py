import hashlib
import io
import re
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from speechsrt.corpora.download import MARKER, Archive, fetch, provide, unpack
from speechsrt.errors import UserError


def tar_bytes(members: dict[str, bytes], link: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo("yes")
            info.type, info.linkname = tarfile.SYMTYPE, link
            tar.addfile(info)
    return buffer.getvalue()


GOOD = tar_bytes({"./yes/a.wav": b"sound" * 1000, "./testing_list.txt": b"yes/a.wav\n"})


@dataclass
class Server:
    """A web server on this machine, its one file, what it was asked for, and how it misbehaves."""

    content: bytes = GOOD
    ranges: bool = True
    stop_after: int | None = None
    asked: list[str | None] = field(default_factory=list)
    address: str = ""

    def archive(self, size: int | None = None, sha256: str | None = None) -> Archive:
        return Archive(self.address + "/corpus.tar.gz", size, sha256)

    def true_archive(self) -> Archive:
        return self.archive(len(self.content), hashlib.sha256(self.content).hexdigest())


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.asked.append(asked)
            start = int(re.findall(r"\d+", asked)[0]) if asked and state.ranges else 0
            if start and start >= len(state.content):
                self.send_error(416)
                return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.stop_after])

        def log_message(self, format: str, *args: object) -> None:
            """Keeps the tests' output clean."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.address = f"http://127.0.0.1:{http.server_port}"
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


def test_a_corpus_is_fetched_verified_and_unpacked(server: Server, tmp_path: Path):
    seen: list[tuple[str, int, int]] = []
    folder = tmp_path / "deep" / "corpus"
    provide(server.true_archive(), folder, "", True, lambda *report: seen.append(report))
    assert (folder / "yes" / "a.wav").read_bytes() == b"sound" * 1000
    assert (folder / MARKER).read_text().split()[0] == hashlib.sha256(GOOD).hexdigest()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["corpus", "corpus.tar.gz"]
    assert {report[0].split()[0] for report in seen} == {"downloading", "verifying", "unpacking"}
    assert all(done <= total for _, done, total in seen)
    assert seen[-1][1] == seen[-1][2]


def test_a_folder_that_is_there_needs_nothing(server: Server, tmp_path: Path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "file").touch()
    provide(server.true_archive(), tmp_path / "corpus", "", True, None)
    assert server.asked == []


def test_nothing_is_fetched_unless_asked_for(server: Server, tmp_path: Path):
    with pytest.raises(UserError, match="corpus is not there; type: speechsrt prepare x"):
        provide(server.true_archive(), tmp_path / "corpus", "speechsrt prepare x", False, None)
    assert server.asked == []


def test_an_archive_beside_the_folder_is_unpacked_without_a_download(server: Server, tmp_path: Path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus.tar.gz").write_bytes(GOOD)
    provide(server.true_archive(), tmp_path / "corpus", "", False, None)
    assert (tmp_path / "corpus" / "testing_list.txt").exists()
    assert server.asked == []


@pytest.mark.parametrize("known", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(server: Server, tmp_path: Path, known: bool):
    archive = server.true_archive() if known else server.archive()
    server.stop_after = 50
    with pytest.raises(UserError, match=r"the download stopped .* type the same command again to go on"):
        fetch(archive, tmp_path / "c.tar.gz")
    assert (tmp_path / "c.tar.gz.part").read_bytes() == GOOD[:50]
    server.stop_after = None
    assert fetch(archive, tmp_path / "c.tar.gz") == hashlib.sha256(GOOD).hexdigest()
    assert server.asked == [None, "bytes=50-"]
    assert (tmp_path / "c.tar.gz").read_bytes() == GOOD


@pytest.mark.parametrize("known", [True, False])
def test_a_part_that_is_already_whole_is_taken(server: Server, tmp_path: Path, known: bool):
    (tmp_path / "c.part").write_bytes(GOOD)
    fetch(server.true_archive() if known else server.archive(), tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == GOOD


def test_a_server_that_cannot_resume_starts_anew(server: Server, tmp_path: Path):
    server.ranges = False
    (tmp_path / "c.part").write_bytes(b"x" * 50)
    fetch(server.true_archive(), tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == GOOD


def test_a_part_that_is_too_long_is_started_anew(server: Server, tmp_path: Path):
    (tmp_path / "c.part").write_bytes(GOOD + b"more")
    fetch(server.true_archive(), tmp_path / "c")
    assert server.asked == [None]


def test_a_wrong_hash_is_removed_and_told(server: Server, tmp_path: Path):
    with pytest.raises(UserError, match=r"has SHA-256 .* instead of 00; it was removed"):
        fetch(server.archive(len(GOOD), "00"), tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_size_is_removed_and_told(server: Server, tmp_path: Path):
    with pytest.raises(UserError, match=rf"has {len(GOOD)} bytes instead of {len(GOOD) - 1}; it was removed"):
        fetch(server.archive(len(GOOD) - 1), tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_archive_of_the_users_is_left_to_them(server: Server, tmp_path: Path):
    (tmp_path / "corpus.tar.gz").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"bytes instead of .*; remove it and prepare the corpus again"):
        provide(server.true_archive(), tmp_path / "corpus", "", True, None)
    assert (tmp_path / "corpus.tar.gz").read_bytes() == b"mine"


def test_a_server_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:1/c: the download stopped"):
        fetch(Archive("http://127.0.0.1:1/c"), tmp_path / "c")


@pytest.mark.parametrize(
    "content",
    [
        tar_bytes({"../escaped.txt": b"x"}),
        tar_bytes({"good/../../escaped.txt": b"x"}),
        tar_bytes({}, link="/etc"),
        tar_bytes({}, link="../.."),
    ],
    ids=["above", "through", "absolute link", "link above"],
)
def test_an_archive_that_reaches_outside_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "c.tar.gz").write_bytes(content)
    with pytest.raises(UserError, match="is not safe to unpack"):
        unpack(tmp_path / "c.tar.gz", tmp_path / "inner" / "corpus", "")
    assert not list(tmp_path.rglob("escaped.txt"))
    assert list((tmp_path / "inner").iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"no tar at all", GOOD[: len(GOOD) // 2]], ids=["empty", "no tar", "half"]
)
def test_a_damaged_archive_leaves_nothing_behind(tmp_path: Path, content: bytes):
    (tmp_path / "c.tar.gz").write_bytes(content)
    with pytest.raises(UserError, match="is damaged"):
        unpack(tmp_path / "c.tar.gz", tmp_path / "corpus", "")
    assert [path.name for path in tmp_path.iterdir()] == ["c.tar.gz"]


def test_a_place_that_cannot_be_written_is_a_users_mistake(server: Server, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be prepared .*; check the space left and data_root="):
        provide(server.true_archive(), tmp_path / "file" / "corpus", "", True, None)
