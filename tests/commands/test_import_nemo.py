"""NeMo's files from the command line: imported, then used as any model of ours."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
import torch
from nemo_files import MATCHBOXNET, QUARTZNET, changed
from spelling import write_spelling
from tones import write_tones

import speechsrt
from speechsrt import config
from speechsrt.cli import main
from speechsrt.commands import evaluate, import_nemo, train
from speechsrt.export import nemo, package
from speechsrt.models.keyword import KeywordModel
from speechsrt.models.recogniser import Recogniser

Refused = Callable[..., str]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of both networks' packages."""
    folder = tmp_path_factory.mktemp("imported")
    import_nemo.run(config.load([f"input={QUARTZNET}", f"output={folder}/quartznet"]))
    import_nemo.run(config.load([f"input={MATCHBOXNET}", f"output={folder}/matchboxnet.safetensors"]))
    return folder


# --- import ---


def test_it_tells_what_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["import_nemo", f"input={QUARTZNET}", f"output={tmp_path}/a b"])
    main(["import_nemo", f"input={MATCHBOXNET}", f"output={tmp_path}/c.safetensors"])
    shown = capsys.readouterr()
    assert shown.err == ""
    for told in (
        "nemo_quartznet.nemo",
        "EncDecCTCModel, NeMo 3.0.0",
        "25,597",
        '28 characters: " abcdefghijklmnopqrstuvwxyz\'"',
        "NormalisedMel, 16,000 Hz",
        f"package: {tmp_path}/a b/model.safetensors",
        "8,277",
        "5: down, no, off, on, yes",
        f"package: {tmp_path}/c.safetensors",
    ):
        assert told in shown.out


def test_the_package_is_the_model(imported: Path) -> None:
    waveform = 0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0))
    model, direct = speechsrt.load(imported / "quartznet"), nemo.read(QUARTZNET).model
    assert isinstance(model, Recogniser)
    assert isinstance(direct, Recogniser)
    assert torch.equal(model(waveform[None])[0], direct(waveform[None])[0])
    assert isinstance(model.transcribe(waveform, 16000).text, str)
    model = speechsrt.load(imported / "matchboxnet.safetensors")
    assert isinstance(model, KeywordModel)
    assert model.predict(waveform, 16000).word in model.labels


def test_the_package_tells_where_it_is_from(imported: Path) -> None:
    assert package.about(imported / "quartznet")["imported"] == {
        "file": "nemo_quartznet.nemo",
        "class": "nemo.collections.asr.models.ctc_models.EncDecCTCModel",
        "nemo_version": "3.0.0",
    }


def test_the_rounding_of_older_releases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["import_nemo", f"input={QUARTZNET}", f"output={tmp_path}/ceil", "rounding=ceil"])
    assert capsys.readouterr().err == ""
    assert package.load(tmp_path / "ceil").describe()["features"]["rounding"] == "ceil"


@pytest.mark.parametrize(
    ("source", "release", "told"),
    [
        (QUARTZNET, "1.23.0", True),
        (QUARTZNET, "2.4.1", True),
        (QUARTZNET, "2.5.0rc0", False),
        (QUARTZNET, "10.0", False),
        (QUARTZNET, "next", False),
        (MATCHBOXNET, "1.23.0", False),
    ],
)
def test_a_release_with_other_features_is_told(
    source: Path, release: str, told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(source, tmp_path, {"nemo_version": release})
    main(["import_nemo", f"input={path}", f"output={tmp_path}/model"])
    note = (
        f"NeMo {release} counted frames as rounding=floor_plus_one does, and reflected the sound at "
        "its ends; the model is read as NeMo 2.5 and later read it (docs/nemo.md)\n"
    )
    assert capsys.readouterr().err == (note if told else "")


# --- what comes after ---


@pytest.mark.slow
def test_an_imported_keyword_model_is_scored_and_trained_on(imported: Path, tmp_path: Path) -> None:
    words = write_tones(tmp_path / "words", {"yes": 300.0, "no": 2000.0}, seconds=1.0)
    data = ["data=keyword_folder", f"data.root={words}"]
    named = imported / "matchboxnet.safetensors"
    metrics = evaluate.run(config.load([f"checkpoint={named}", *data, f"run_dir={tmp_path}/scored"]))
    assert (metrics["task"], metrics["trained_weights"]) == ("keyword", 8_277)
    trained = train.run(
        config.load([f"init_from={named}", *data, "trainer.max_epochs=1", f"run_dir={tmp_path}/run"])
    )
    assert trained["trained_weights"] == 8_277 - 3 * 33  # two words instead of five
    assert package.load(tmp_path / "run").describe()["network"] == package.load(named).describe()["network"]


@pytest.mark.slow
def test_an_imported_recogniser_is_scored_trained_on_and_transcribes(
    imported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = write_spelling(tmp_path / "spelling", 30)
    data = ["data=manifest", f"data.path={manifest}"]
    named = imported / "quartznet"
    metrics = evaluate.run(config.load([f"checkpoint={named}", *data, f"run_dir={tmp_path}/scored"]))
    assert (metrics["task"], metrics["trained_weights"]) == ("ctc", 25_597)
    recipe = ["model=quartznet_small", "augment=none", "batch_seconds=20", "trainer.max_epochs=1"]
    again = train.run(config.load([f"init_from={named}", *data, *recipe, f"run_dir={tmp_path}/run"]))
    assert again["trained_weights"] == 25_597
    capsys.readouterr()
    main(["transcribe", f"checkpoint={named}", f"input={manifest.parent / '0.wav'}"])
    assert "text" in json.loads(capsys.readouterr().out)


def test_other_layers_on_an_imported_network(imported: Path, tmp_path: Path) -> None:
    words = write_tones(tmp_path / "words", {"yes": 300.0, "no": 2000.0}, seconds=1.0)
    typed = ["data=keyword_folder", f"data.root={words}", f"init_from={imported}/matchboxnet.safetensors"]
    shape = ["model.channels=16", "model.wide=32", "trainer.max_epochs=0", f"run_dir={tmp_path}/run"]
    metrics = train.run(config.load([*typed, *shape]))
    assert metrics["trained_weights"] == 8_277 - 3 * 33


# --- mistakes ---


def test_no_input(refused: Refused) -> None:
    assert refused("import_nemo") == "input=: name the .nemo file to import"


def test_no_output(refused: Refused) -> None:
    line = refused("import_nemo", f"input={QUARTZNET}")
    assert line == "output=: name the package to write, a folder or a file that ends in .safetensors"


def test_an_output_that_is_there(refused: Refused, imported: Path) -> None:
    for name, file in (
        ("quartznet", "quartznet/model.safetensors"),
        ("matchboxnet.safetensors", "matchboxnet.safetensors"),
    ):
        line = refused("import_nemo", f"input={QUARTZNET}", f"output={imported}/{name}")
        assert (
            line
            == f"output={imported}/{name}: {imported}/{file} is there already; choose another or remove it"
        )


def test_an_output_that_cannot_be_written(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = refused("import_nemo", f"input={QUARTZNET}", f"output={tmp_path}/file/model.safetensors")
    assert line.startswith(f"output={tmp_path}/file/model.safetensors: cannot be written (")


@pytest.mark.parametrize("typed", ["seed=3", "pointwise=ternary", "model.channels=8"])
def test_keys_it_does_not_use(typed: str, refused: Refused, tmp_path: Path) -> None:
    line = refused("import_nemo", f"input={QUARTZNET}", f"output={tmp_path}/model", typed)
    assert line == f"{typed.partition('=')[0]}: import_nemo does not use it; it takes input, output, rounding"


def test_a_rounding_that_does_not_exist(refused: Refused) -> None:
    line = refused("import_nemo", "rounding=up")
    assert line == "rounding=up: expected one of floor, floor_plus_one, ceil or null"


def test_a_rounding_for_a_keyword_model(refused: Refused, tmp_path: Path) -> None:
    line = refused("import_nemo", f"input={MATCHBOXNET}", f"output={tmp_path}/model", "rounding=ceil")
    assert line == f"{MATCHBOXNET}: rounding=ceil: of no use for MatchboxNet; leave it out"


def test_a_file_of_another_kind(refused: Refused, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sound.wav", torch.zeros(100).numpy(), 16000)
    line = refused("import_nemo", f"input={tmp_path}/sound.wav", f"output={tmp_path}/model")
    assert line.startswith(f"{tmp_path}/sound.wav: ")
    assert not (tmp_path / "model").exists()


def test_a_network_that_ours_cannot_represent_leaves_nothing(refused: Refused, tmp_path: Path) -> None:
    path = changed(QUARTZNET, tmp_path, {"encoder.jasper.3.se": True})
    line = refused("import_nemo", f"input={path}", f"output={tmp_path}/model")
    assert line == f"{path}: encoder.jasper[3].se=true: only false can be represented here"
    assert not (tmp_path / "model").exists()


def test_a_name_with_spaces(tmp_path: Path) -> None:
    shutil.copy(QUARTZNET, tmp_path / "my net (1).nemo")
    main(["import_nemo", f"input={tmp_path}/my net (1).nemo", f"output={tmp_path}/my net"])
    assert (tmp_path / "my net" / "model.safetensors").is_file()
