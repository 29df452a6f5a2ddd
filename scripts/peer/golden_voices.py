"""Make the two voices of ``tests/audio/voices``, as small as one of piper's can be; needs the package onnx.

usage: python scripts/peer/golden_voices.py

They have the inputs and the output of a voice: every phoneme is a tone of its own, longer by the length asked
for, over noise that is drawn anew in each call. One has three speakers, each a little higher than the last.
"""

import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper

PLACE = Path(__file__).parents[2] / "tests" / "audio" / "voices"
SAMPLES = 700  # of a phoneme, at its usual length


def graph(speakers: int) -> onnx.GraphProto:
    """Return tones at phase 0.01 (id + 4 speaker) a sample, in noise."""
    ints, floats = TensorProto.INT64, TensorProto.FLOAT
    whole = {"first": [0], "second": [1], "behind": [2], "flat": [1, 1, -1], "axis": [2], "ones": [1, 1]}
    parts = {"samples": SAMPLES, "step": 0.01, "quiet": 0.2} | ({"apart": 4.0} if speakers > 1 else {})
    constants = [helper.make_tensor(name, ints, [len(v)], v) for name, v in whole.items()]
    constants += [helper.make_tensor(name, floats, [1], [v]) for name, v in parts.items()]
    node = helper.make_node
    higher = [
        node("Cast", ["sid"], ["speaker"], to=floats),
        node("Mul", ["speaker", "apart"], ["shift"]),
        node("Add", ["numbers", "shift"], ["shifted"]),
    ]
    nodes = [
        node("Gather", ["scales", "second"], ["length"]),
        node("Mul", ["length", "samples"], ["wanted"]),
        node("Cast", ["wanted"], ["count"], to=ints),
        node("Concat", ["ones", "count"], ["repeats"], axis=0),
        node("Cast", ["input"], ["numbers"], to=floats),
        *(higher if speakers > 1 else []),
        node("Mul", ["shifted" if speakers > 1 else "numbers", "step"], ["steps"]),
        node("Unsqueeze", ["steps", "behind"], ["column"]),
        node("Tile", ["column", "repeats"], ["table"]),
        node("Reshape", ["table", "flat"], ["rates"]),
        node("CumSum", ["rates", "axis"], ["phases"]),
        node("Sin", ["phases"], ["tones"]),
        node("RandomNormalLike", ["tones"], ["drawn"]),
        node("Gather", ["scales", "first"], ["loudness"]),
        node("Mul", ["loudness", "quiet"], ["level"]),
        node("Mul", ["drawn", "level"], ["noise"]),
        node("Add", ["tones", "noise"], ["output"]),
    ]
    inputs = [("input", ints, [1, "phonemes"]), ("input_lengths", ints, [1]), ("scales", floats, [3])]
    inputs += [("sid", ints, [1])] if speakers > 1 else []
    told = [helper.make_tensor_value_info(*value) for value in inputs]
    output = helper.make_tensor_value_info("output", floats, [1, 1, "samples"])
    return helper.make_graph(nodes, "voice", told, [output], constants)


def main() -> None:
    """Write both, each with its settings beside it."""
    letters = {mark: [number] for number, mark in enumerate("_^$ ")}
    # letters of the IPA, some of which look like others of the alphabet
    sounds = "abcdefhijklmnopqrstuvwxyzæçðøħŋœɐɑɒɔəɚɛɜɡɪɹɾʃʊʌʒʔˈˌːθ"  # noqa: RUF001
    letters |= {sound: [len(letters) + number] for number, sound in enumerate(sounds)}
    PLACE.mkdir(exist_ok=True)
    for name, speakers, rate in (("en_US-one-low", 1, 16000), ("en_GB-three-medium", 3, 22050)):
        model = helper.make_model(graph(speakers), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, str(PLACE / f"{name}.onnx"))
        settings = {
            "audio": {"sample_rate": rate, "quality": name.rpartition("-")[2]},
            "espeak": {"voice": {"en_US": "en-us", "en_GB": "en-gb-x-rp"}[name[:5]]},
            "phoneme_type": "espeak",
            "num_symbols": len(letters),
            "num_speakers": speakers,
            "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
            "phoneme_id_map": letters,
        }
        beside = PLACE / f"{name}.onnx.json"
        beside.write_text(json.dumps(settings, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
