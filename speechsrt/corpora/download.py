"""Fetching a corpus: resumed download, verification, extraction that cannot write elsewhere, then one rename.

An archive lands in `NAME.part` and is renamed once its size and SHA-256 are right. It is unpacked into a
temporary folder, a marker with the hash is written into it, and the folder is renamed into place: a corpus
folder that exists is whole. Folders that came there any other way are accepted as they are.
"""

import hashlib
import os
import shutil
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO

from speechsrt.errors import UserError

Progress = Callable[[str, int, int], None]
"""Called as progress(description, done, total)."""

MARKER = ".archive.sha256"
_CHUNK = 1 << 20
_STALLED_SECONDS = 60


class DownloadError(UserError):
    """A corpus that could not be fetched, verified, unpacked or written."""


@dataclass(frozen=True)
class Archive:
    """A tar file on the web; `size` in bytes and `sha256` are None where no source publishes them."""

    address: str
    size: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The file's name, the last part of its address."""
        return self.address.rsplit("/", 1)[-1]


def is_present(folder: Path) -> bool:
    """Whether a corpus folder holds anything."""
    return folder.is_dir() and any(folder.iterdir())


def provide(archive: Archive, folder: Path, command: str, download: bool, progress: Progress | None) -> None:
    """See that `folder` exists: already there, unpacked from the archive beside it, or (`download`) fetched.

    Raises UserError naming `command` where the corpus is absent and may not be fetched, and DownloadError
    for every failure of fetching, verifying, unpacking or writing.
    """
    if is_present(folder):
        return
    path = folder.parent / archive.name
    if not path.exists() and not download:
        raise UserError(f"{folder}: the corpus is not there; type: {command}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        digest = verify(archive, path, progress) if path.exists() else fetch(archive, path, progress)
        unpack(path, folder, digest, progress)
    except OSError as error:
        raise DownloadError(
            f"{folder}: cannot be prepared ({error}); check the space left and data_root="
        ) from None


def fetch(archive: Archive, path: Path, progress: Progress | None = None) -> str:
    """Download to `path`, going on where an earlier attempt stopped; returns the SHA-256.

    Raises DownloadError where the server fails or what came is not the archive.
    """
    part = path.with_name(path.name + ".part")
    try:
        _download(archive, part, progress)
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadError(
            f"{archive.address}: the download stopped ({reason}); type the same command again to go on"
        ) from None
    digest = verify(archive, part, progress)
    part.replace(path)
    return digest


def _download(archive: Archive, part: Path, progress: Progress | None) -> None:
    held = part.stat().st_size if part.exists() else 0
    if archive.size is not None and held == archive.size:
        return
    if archive.size is not None and held > archive.size:
        held = 0
    request = urllib.request.Request(archive.address, headers={"Range": f"bytes={held}-"} if held else {})
    try:
        response = urllib.request.urlopen(request, timeout=_STALLED_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and archive.size is None:  # nothing is left to send: the part is already whole
            return
        raise
    with response:
        if response.status != 206:  # the server sends everything, whatever was asked for
            held = 0
        total = held + int(response.headers.get("Content-Length") or 0)
        with part.open("ab" if held else "wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                held += len(chunk)
                _report(progress, f"downloading {archive.name}", held, max(held, total))
    if held < total:
        raise ConnectionError(f"{held} of {total} bytes came")


def verify(archive: Archive, path: Path, progress: Progress | None = None) -> str:
    """The SHA-256 of the file at `path`. Removes a `.part` and raises DownloadError if it is wrong."""
    size = path.stat().st_size
    if archive.size is not None and size != archive.size:
        raise _wrong(path, f"has {size} bytes instead of {archive.size}")
    _report(progress, f"verifying {path.name}", 0, size)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    _report(progress, f"verifying {path.name}", size, size)
    if archive.sha256 is not None and digest != archive.sha256:
        raise _wrong(path, f"has SHA-256 {digest} instead of {archive.sha256}")
    return digest


def _wrong(path: Path, reason: str) -> DownloadError:
    if path.suffix == ".part":
        path.unlink()
        return DownloadError(
            f"{path}: {reason}; it was removed: type the same command again to download it anew"
        )
    return DownloadError(f"{path}: {reason}; remove it and prepare the corpus again")


def unpack(path: Path, folder: Path, digest: str, progress: Progress | None = None) -> None:
    """Extract a tar archive as `folder`, whole or not at all. Raises DownloadError if damaged or unsafe."""
    temporary = folder.with_name(f"{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        with path.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as tar:
            _extract(tar, raw, temporary, progress)
    except tarfile.FilterError as error:
        raise DownloadError(f"{path}: is not safe to unpack ({error}); remove it") from None
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DownloadError(f"{path}: is damaged ({error}); remove it and prepare the corpus again") from None
    else:
        (temporary / MARKER).write_text(f"{digest}  {path.name}\n", encoding="utf-8")
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(tar: tarfile.TarFile, raw: IO[bytes], folder: Path, progress: Progress | None) -> None:
    size = os.fstat(raw.fileno()).st_size
    for count, member in enumerate(tar):
        tar.extract(member, folder, filter="data")
        if count % 500 == 0:
            _report(progress, f"unpacking {folder.stem}", raw.tell(), size)
    _report(progress, f"unpacking {folder.stem}", size, size)


def _report(progress: Progress | None, description: str, done: int, total: int) -> None:
    if progress:
        progress(description, done, total)
