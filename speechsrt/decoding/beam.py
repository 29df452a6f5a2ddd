"""Beam search over words and a language model: what is likely to have been said, not only to have been heard.

The search is Flashlight's (J. Kahn and others, ICML 2022) with KenLM inside, both in the package
flashlight-text. With a language model, its words are the lexicon, a tree of spellings, and what counts is

    log P(best alignment | sound) + lm_weight * log10 P(words) + word_score * number of words

so that hypotheses which differ in nothing that the model still looks at can be merged without loss. Without
one, any tokens may follow each other and the alignments of a text are summed. Three things need care:

* A word ends in the frame in which its last token begins. Where words are parted by a space (`Characters`),
  each is spelled with the space behind it, which may last; a frame added at the end offers the one that
  nobody says after the last word.
* Where a word's first token marks its beginning (`Subwords`), nothing follows the word, and of a last token
  that lasts only one frame would count: every run of the likeliest token is reduced to its surest frame
  before the search and widened again behind it.
* Flashlight is called itself: torchaudio's wrapper around it drops the alignment, which tells when a token
  ends, and takes the lexicon from a file alone.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from speechsrt.decoding.greedy import greedy
from speechsrt.decoding.hypothesis import Hypothesis, collapse
from speechsrt.decoding.lexicon import spell, words_known
from speechsrt.errors import UserError
from speechsrt.text.vocabulary import SPACE, Vocabulary

NEVER = -1e4
"""A logarithm that no beam keeps, yet one that can be added up."""


class BeamDecoder:
    """Beam search as a decoder to be named in a configuration (``decoder=beam``).

    Args:
        vocabulary: the model's tokens.
        lm: an n-gram model of words, of order 2 to 6: an ARPA file, gzipped or not, or a binary of KenLM's.
            Only its words can be heard; those that the vocabulary cannot spell are left out.
        lm_weight: of the language model's logarithms to base 10.
        word_score: added for every word; above 0, more and shorter words are heard.
        beam_size: hypotheses kept after each frame.
        beam_size_token: tokens tried in each frame, the likeliest first; all if None, which with 256 subwords
            takes five times as long.
        beam_threshold: a hypothesis worse than the best by more than this is dropped.
        log_add: alignments are summed (True) or the best one counts (False); if None, summed without `lm`.

    Raises:
        UserError: flashlight-text is absent, `lm` cannot be used, or a number is out of range.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        lm: str | None = None,
        lm_weight: float = 2.0,
        word_score: float = 0.0,
        beam_size: int = 100,
        beam_size_token: int | None = 32,
        beam_threshold: float = 50.0,
        log_add: bool | None = None,
    ) -> None:
        for name, value in (("beam_size", beam_size), ("beam_size_token", beam_size_token)):
            if value is not None and value < 1:
                raise UserError(f"decoder.{name}={value}: nothing would be kept; write 1 or more")
        if beam_threshold <= 0:
            raise UserError(f"decoder.beam_threshold={beam_threshold}: write a number above 0")
        self.blank = vocabulary.blank
        self.space: int | None = None
        self.peaked = False
        flashlight = _flashlight()
        options = {
            "beam_size": beam_size,
            "beam_size_token": beam_size_token or self.blank + 2,
            "beam_threshold": beam_threshold,
            "lm_weight": lm_weight,
            "sil_score": 0.0,
            "log_add": lm is None if log_add is None else log_add,
            "criterion_type": flashlight.CriterionType.CTC,
        }
        if lm is None:
            self._search = _free_search(flashlight, options, self.blank)
        else:
            spellings = _spellings(Path(lm), vocabulary)
            self.space = _space_between(spellings, vocabulary)
            self.peaked = self.space is None
            options |= {"word_score": word_score, "unk_score": -float("inf")}
            self._search = _word_search(flashlight, options, Path(lm), spellings, self.blank, self.space)

    def __call__(self, log_probs: Tensor, lengths: Tensor) -> list[Hypothesis]:
        """Return the best hypothesis for each utterance.

        Args:
            log_probs: ``(B, T, tokens + 1)`` natural logarithms, on any device; the search itself runs on
                one core.
            lengths: ``(B,)`` valid frames of each utterance.
        """
        log_probs, lengths = log_probs.float().cpu(), lengths.cpu()
        paths = torch.full(log_probs.shape[:2], self.blank)
        for row, heard, length in zip(paths, log_probs, lengths.tolist(), strict=True):
            if length:
                row[:length] = torch.tensor(self._path(heard[:length].clamp(min=NEVER)))
        return collapse(paths, log_probs.gather(2, paths[..., None])[..., 0], lengths, self.blank)

    def _path(self, log_probs: Tensor) -> list[int]:
        """Return the class of each frame of ``(T, tokens + 1)``."""
        if not self.peaked:
            return self._searched(log_probs)
        (runs,) = greedy(log_probs[None], torch.tensor([len(log_probs)]), self.blank)
        return widened(self._searched(peaks(log_probs, runs, self.blank)), runs, self.blank)

    def _searched(self, log_probs: Tensor) -> list[int]:
        frames = len(log_probs)
        if self.space is not None:
            last = torch.full_like(log_probs[:1], NEVER)
            last[0, self.space] = 0.0
            log_probs = torch.cat([log_probs, last])
        elif self.peaked:
            silence = torch.full_like(log_probs[:, :1], 2 * NEVER)
            log_probs = torch.cat([log_probs, silence], 1)
        log_probs = log_probs.contiguous()
        best = self._search.decode(log_probs.data_ptr(), *log_probs.shape)[0]
        return best.tokens[1 : frames + 1]  # the state before the first frame has a class as well


def peaks(log_probs: Tensor, runs: Hypothesis, blank: int) -> Tensor:
    """Leave each run of the likeliest token its surest frame; the others' probability becomes the blank's.

    Args:
        log_probs: ``(T, tokens + 1)``.
        runs: the runs of the likeliest tokens (`greedy`).
        blank: the blank's class.
    """
    peaked = log_probs.clone()
    for token, start, end in zip(runs.tokens, runs.starts, runs.ends, strict=True):
        held = torch.arange(start, end)
        held = held[held != start + log_probs[start:end, token].argmax()]
        peaked[held, blank] = log_probs[held, blank].logaddexp(log_probs[held, token])
        peaked[held, token] = NEVER
    return peaked


def widened(path: list[int], runs: Hypothesis, blank: int) -> list[int]:
    """Let the tokens of a path last as long as the runs they were the surest frames of (see `peaks`)."""
    path = list(path)
    for token, start, end in zip(runs.tokens, runs.starts, runs.ends, strict=True):
        inside, beside = path[start:end], path[start - 1 : start] + path[end : end + 1]
        if token in inside and set(inside) <= {token, blank} and token not in beside:
            path[start:end] = [token] * (end - start)
    return path


def _flashlight() -> ModuleType:
    try:
        from flashlight.lib.text import decoder
    except ImportError:
        raise UserError(
            'decoder=beam: needs flashlight-text; pip install "speechsrt[beam]", or choose decoder=greedy'
        ) from None
    return decoder


def _spellings(lm: Path, vocabulary: Vocabulary) -> dict[str, list[int]]:
    words = words_known(lm)
    spellings = spell(words, vocabulary)
    if not spellings:
        raise UserError(
            f"decoder.lm={lm}: none of its {len(words)} words can be spelled with the model's tokens; name a "
            "language model of words in the script that the model writes"
        )
    return spellings


def _space_between(spellings: dict[str, list[int]], vocabulary: Vocabulary) -> int | None:
    """Return the token that parts words, None where their first tokens mark them or nothing does."""
    first = next(iter(spellings.values()))[0]
    if SPACE not in vocabulary.tokens or vocabulary.starts_word(first):
        return None
    return vocabulary.tokens.index(SPACE)


def _free_search(flashlight: ModuleType, options: dict[str, Any], blank: int) -> Any:
    # The search starts as if behind the "silence": with the blank for it, no token counts as begun.
    return flashlight.LexiconFreeDecoder(
        flashlight.LexiconFreeDecoderOptions(**options), flashlight.ZeroLM(), blank, blank, []
    )


def _word_search(
    flashlight: ModuleType,
    options: dict[str, Any],
    path: Path,
    spellings: dict[str, list[int]],
    blank: int,
    space: int | None,
) -> Any:
    """Return a search through the tree of all spellings; between words it may stay in the "silence"."""
    silence, behind = (blank + 1, []) if space is None else (space, [space])
    model = _language_model(path, list(spellings))
    start = model.start(True)
    tree = flashlight.Trie(blank + 2, silence)
    for index, tokens in enumerate(spellings.values()):
        tree.insert([*tokens, *behind], index, model.score(start, index)[1])
    tree.smear(flashlight.SmearingMode.MAX)
    return flashlight.LexiconDecoder(
        flashlight.LexiconDecoderOptions(**options), tree, model, silence, blank, -1, [], False
    )


def _language_model(path: Path, words: list[str]) -> Any:
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import Dictionary

    try:
        return KenLM(str(path), Dictionary(words))
    except RuntimeError as error:
        raise UserError(
            f"decoder.lm={path}: KenLM cannot use it ({str(error).splitlines()[-1]}); name another file"
        ) from None
