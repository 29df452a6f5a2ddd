"""Pieces of words learned from text: sentencepiece's unigram model or byte-pair encoding.

Sentencepiece (T. Kudo and J. Richardson, EMNLP 2018) finds the pieces: unigram is T. Kudo, ACL 2018; BPE is
R. Sennrich, B. Haddow and A. Birch, ACL 2016. It marks a word's beginning with ▁, for which a space stands
here, and numbers symbols of its own (unknown, begin, end) among the pieces; these are left out, so that
tokens count from 0 without a gap. What no piece spells is dropped before sentencepiece sees the text.
"""

import base64
import io
import re
from collections.abc import Iterable
from typing import Any, Literal, Self, get_args

from speechsrt.errors import UserError
from speechsrt.text.vocabulary import SPACE, Vocabulary

Kind = Literal["unigram", "bpe"]
WORD_MARK = "\N{LOWER ONE EIGHTH BLOCK}"
LONGEST_SENTENCE = 1 << 20
"""Bytes. Sentencepiece skips longer sentences and tells nobody; its own limit, 4,192, is a page."""
QUIET = 4
"""What sentencepiece logs on stderr has a lower level than this."""


class Subwords(Vocabulary):
    """A trained sentencepiece model.

    Args:
        model: the model's bytes in base64, as they are stored with a trained network.

    Raises:
        UserError: `model` holds no sentencepiece model.
    """

    def __init__(self, model: str) -> None:
        from sentencepiece import SentencePieceProcessor

        self._processor = SentencePieceProcessor()
        try:
            self._processor.load_from_serialized_proto(base64.b64decode(model, validate=True))
        except (ValueError, RuntimeError):
            raise UserError("text.model: is no sentencepiece model in base64; train it anew") from None
        known = [piece for piece in range(self._processor.get_piece_size()) if self._is_text(piece)]
        self._model = model
        self._ids = {piece: token for token, piece in enumerate(known)}
        self.tokens = [self._processor.id_to_piece(piece).replace(WORD_MARK, SPACE) for piece in known]
        self._alphabet = {token for token in self.tokens if len(token) == 1} | {SPACE}

    @classmethod
    def train(cls, sentences: Iterable[str], size: int, kind: Kind) -> Self:
        """Learn `size` tokens from normalised sentences; the same text gives the same model, bit for bit.

        Every character of the text becomes a token, and so does the space alone.

        Raises:
            UserError: no text, an unknown kind, or a size that the text cannot give.
        """
        if kind not in get_args(Kind):
            raise UserError(
                f"text.kind={kind}: there is no such kind; choose from {', '.join(get_args(Kind))}"
            )
        spoken = [sentence for sentence in sentences if sentence.strip()]
        if not spoken:
            raise UserError(f"text.kind={kind}: there is no text to learn from; check the training split")
        least = len(set().union(*spoken) | {SPACE})
        if size < least:
            raise UserError(
                f"text.size={size}: the text has {least} different characters, and each needs a token; "
                f"write {least} or more"
            )
        return cls(base64.b64encode(_learn(spoken, size, kind)).decode())

    def encode(self, text: str) -> list[int]:
        """Return the pieces of a text; characters that no piece spells are dropped."""
        spelled = "".join(character for character in text if character in self._alphabet)
        return [self._ids[piece] for piece in self._processor.encode(spelled) if piece in self._ids]

    def lacking(self, text: str) -> str:
        """Return the characters that `encode` drops: each as often as it occurs, in order."""
        return "".join(character for character in text if character not in self._alphabet)

    def settings(self) -> dict[str, Any]:
        """Return `model`."""
        return {"model": self._model}

    def _is_text(self, piece: int) -> bool:
        model = self._processor
        return not (model.is_unknown(piece) or model.is_control(piece) or model.is_unused(piece))


def _learn(sentences: list[str], size: int, kind: Kind) -> bytes:
    """Return a sentencepiece model of `size` pieces and the unknown one."""
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            vocab_size=size + 1,
            model_type=kind,
            character_coverage=1.0,
            normalization_rule_name="identity",
            max_sentence_length=LONGEST_SENTENCE,
            bos_id=-1,
            eos_id=-1,
            # Sums over threads depend on their number.
            num_threads=1,
            minloglevel=QUIET,
        )
    except RuntimeError as error:
        raise UserError(f"text.size={size}: the text gives fewer tokens; {_advice(error)}") from None
    return model.getvalue()


def _advice(error: RuntimeError) -> str:
    limit = re.search(r"value <= (\d+)", str(error))
    return f"write {int(limit[1]) - 1} or less" if limit else f"sentencepiece says: {error}"
