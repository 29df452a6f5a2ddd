"""Archives that are none, that lack something, or that are up to something."""

import io
import os
import pickle
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nemo_files import (
    ABSENT,
    CONFIG,
    MATCHBOXNET,
    QUARTZNET,
    add,
    changed,
    config_of,
    packed,
    state_of,
)

from speechsrt.errors import UserError
from speechsrt.export import nemo


def refused(path: Path, **options: Any) -> str:
    """Return what is said of a file that cannot be imported, one line that begins with its path."""
    with pytest.raises(UserError) as caught:
        nemo.read(path, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{path}: ")
    return line.removeprefix(f"{path}: ")


class Thief:
    """An object whose pickle runs a command when it is loaded."""

    def __init__(self, evidence: Path) -> None:
        self.evidence = evidence

    def __reduce__(self):
        return os.system, (f"touch {self.evidence}",)


# --- the archive ---


def test_a_file_that_is_not_there(tmp_path: Path):
    assert refused(tmp_path / "no.nemo") == "no such file; name a .nemo archive"


@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"\x00" * 2000, b"PK\x03\x04" * 300, b"\x1f\x8b\x08junk"]
)
def test_no_archive(content: bytes, tmp_path: Path):
    (tmp_path / "a.nemo").write_bytes(content)
    line = refused(tmp_path / "a.nemo")
    assert line.startswith(("not a .nemo archive, which is a tar file (", f"holds no {CONFIG}"))


def test_a_folder(tmp_path: Path):
    assert refused(tmp_path).startswith("not a .nemo archive, which is a tar file (")


@pytest.mark.parametrize("mode", ["w:", "w:gz"])
def test_an_archive_cut_short(mode, tmp_path: Path):
    path = packed(tmp_path / "a.nemo", config_of(QUARTZNET), state_of(QUARTZNET), mode)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path)


def test_no_configuration(tmp_path: Path):
    path = packed(tmp_path / "a.nemo", None, {})
    assert refused(path) == "holds no model_config.yaml; a .nemo archive has one"


def test_no_weights(tmp_path: Path):
    path = packed(tmp_path / "a.nemo", {}, None)
    assert refused(path) == "holds no model_weights.ckpt; a .nemo archive has one"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_what_is_no_file_is_not_followed(kind: bytes, tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("labels: [a]")
    with tarfile.open(tmp_path / "a.nemo", "w") as archive:
        link = tarfile.TarInfo(CONFIG)
        link.type, link.linkname = kind, str(secret)
        archive.addfile(link)
    assert refused(tmp_path / "a.nemo") == "holds no model_config.yaml; a .nemo archive has one"


@pytest.mark.parametrize("name", [f"../{CONFIG}", f"/{CONFIG}", f"inner/{CONFIG}"])
def test_files_elsewhere_in_the_archive_are_not_meant(name: str, tmp_path: Path):
    with tarfile.open(tmp_path / "a.nemo", "w") as archive:
        add(archive, name, b"labels: [a]")
    assert refused(tmp_path / "a.nemo").startswith(f"holds no {CONFIG}")


def test_nothing_is_written_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = packed(tmp_path / "a.nemo", config_of(MATCHBOXNET), state_of(MATCHBOXNET))
    with tarfile.open(path, "a") as archive:
        add(archive, "../outside", b"x")
        add(archive, "inside", b"x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    nemo.read(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_configuration_too_large(tmp_path: Path):
    path = packed(tmp_path / "a.nemo", b" " * (1 << 24) + b" ", {})
    assert refused(path) == "its model_config.yaml has 16,777,217 bytes; up to 16,777,216 are read"


# --- the configuration as a text ---


@pytest.mark.parametrize(
    "text", [b"a: [", b"a: \xff", b"a: !!python/object/apply:os.system [ls]", b"[" * 20000, b"a: \x00"]
)
def test_no_yaml(text: bytes, tmp_path: Path):
    assert refused(packed(tmp_path / "a.nemo", text, {})).startswith("its model_config.yaml is not YAML (")


@pytest.mark.parametrize("text", [b"", b"hello", b"- a", b"3"])
def test_no_settings(text: bytes, tmp_path: Path):
    assert refused(packed(tmp_path / "a.nemo", text, {})) == "its model_config.yaml holds no settings"


# --- the weights ---


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_does_not_run(zipped: bool, tmp_path: Path):
    state = state_of(QUARTZNET) | {"extra": Thief(tmp_path / "evidence")}
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=zipped)
    path = packed(tmp_path / "a.nemo", config_of(QUARTZNET), buffer.getvalue())
    assert refused(path) == "its model_weights.ckpt wants to call posix.system; nothing of it was run"
    assert not (tmp_path / "evidence").exists()


def test_a_bare_pickle_with_code_does_not_run(tmp_path: Path):
    path = packed(tmp_path / "a.nemo", config_of(QUARTZNET), pickle.dumps(Thief(tmp_path / "evidence")))
    assert "model_weights.ckpt" in refused(path)
    assert not (tmp_path / "evidence").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x05\x06" + b"\x00" * 18, b"\x80\x02."])
def test_weights_that_are_no_file_of_pytorch(content: bytes, tmp_path: Path):
    line = refused(packed(tmp_path / "a.nemo", config_of(QUARTZNET), content))
    assert line.startswith("its model_weights.ckpt is ")


@pytest.mark.parametrize("state", [[torch.ones(2)], torch.ones(2), 3])
def test_weights_that_are_no_state_dict(state: Any, tmp_path: Path):
    line = refused(packed(tmp_path / "a.nemo", config_of(QUARTZNET), state))
    assert line == "its model_weights.ckpt holds no state dict"


HEAD = "decoder.decoder_layers.0.weight"
WRONG_TENSORS = [
    (
        "encoder.encoder.3.mconv.6.conv.weight",
        ABSENT,
        "lacks encoder.encoder.3.mconv.6.conv.weight, which its",
    ),
    (
        "encoder.encoder.2.res.0.1.running_var",
        ABSENT,
        "lacks encoder.encoder.2.res.0.1.running_var, which its",
    ),
    (HEAD, "text", f"lacks {HEAD}, which its"),
    (HEAD, torch.ones(3), f"{HEAD} is 3 in its model_weights.ckpt, 29 x 32 by its model_config.yaml"),
    (HEAD, torch.ones(29, 31, 1), f"{HEAD} is 29 x 31 x 1 in its model_weights.ckpt, 29 x 32 by its"),
    (HEAD, torch.ones(29, 32, 1, dtype=torch.int64), f"no plain fractions in {HEAD} (torch.int64)"),
    pytest.param(
        HEAD,
        torch.ones(29, 32).to_sparse(),
        f"no plain fractions in {HEAD} (torch.float32)",
        marks=pytest.mark.filterwarnings("ignore:Sparse"),
    ),
    (HEAD, torch.ones(29, 32, device="meta"), f"no plain fractions in {HEAD} (torch.float32)"),
    (
        "encoder.adapter.weight",
        torch.ones(2),
        "holds encoder.adapter.weight, of which its model_config.yaml knows",
    ),
    (
        "encoder.encoder.9.mconv.0.conv.weight",
        torch.ones(2),
        "holds encoder.encoder.9.mconv.0.conv.weight, of",
    ),
]


@pytest.mark.parametrize(("name", "tensor", "expected"), WRONG_TENSORS)
def test_tensors_that_do_not_fit(name: str, tensor: Any, expected: str, tmp_path: Path):
    assert expected in refused(changed(QUARTZNET, tmp_path, **{name: tensor}))


def test_tensors_of_other_parts_are_passed_over(tmp_path: Path):
    more = {"preprocessor.featurizer.fb": ABSENT, "loss.weight": torch.ones(3), "wer.scores": torch.ones(1)}
    nemo.read(changed(QUARTZNET, tmp_path, **more))


@given(st.integers(0, MATCHBOXNET.stat().st_size - 1), st.integers(1, 255))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_byte_gives_a_mistake_or_a_model(tmp_path: Path, position: int, flip: int):
    content = bytearray(MATCHBOXNET.read_bytes())
    content[position] ^= flip
    (tmp_path / "a.nemo").write_bytes(content)
    with suppress(UserError):
        nemo.read(tmp_path / "a.nemo")
