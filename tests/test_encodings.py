"""Files in other encodings, and files in archives."""

import gzip
import zipfile

import pytest

from tf_ner import load_corpus, load_texts
from tf_ner.cli import main
from tf_ner.corpus.formats import read_corpus_file
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import DataError

ROWS = {
    "cp1252": ["José B-PER", "vive O", "en O", "Málaga B-LOC", "", "Niño B-PER", "Muñoz I-PER", "llegó O"],
    "cp1250": ["Łukasz B-PER", "mieszka O", "w O", "Łodzi B-LOC", "", "źle O", "śpi O"],
    "cp1251": ["Мария B-PER", "живёт O", "в O", "Москве B-LOC", "", "Она O", "спит O"],
    "koi8-r": ["Мария B-PER", "живёт O", "в O", "Москве B-LOC", "", "Она O", "спит O"],
    "cp1253": ["Γιώργος B-PER", "ζει O", "στην O", "Αθήνα B-LOC"],
    "cp1254": ["İbrahim B-PER", "İzmir'de B-LOC", "yaşiyor O"],
    "cp1255": ["דוד B-PER", "גר O", "בתל B-LOC", "אביב I-LOC"],
    "cp1256": ["محمد B-PER", "يعيش O", "في O", "القاهرة B-LOC"],
    "gb18030": ["张三 B-PER", "住在 O", "北京 B-LOC"],
    "cp932": ["山田 B-PER", "は O", "東京 B-LOC", "に O"],
    "euc-kr": ["김철수 B-PER", "는 O", "서울 B-LOC"],
    "utf-16": ["José B-PER", "vive O"],
    "utf-16-le": ["José B-PER", "vive O"],
    "utf-16-be": ["José B-PER", "vive O"],
}
"""Lines of a column file, by the encoding they are written in."""


def read(path, **options):
    findings = []
    return list(read_corpus_file(path, Layout(**options), report=findings.append)), findings


@pytest.mark.parametrize("encoding", ROWS)
def test_one_finding_names_the_encoding_that_is_right(encoding, tmp_path):
    text = "\r\n".join(ROWS[encoding]) + "\r\n"
    (tmp_path / "utf8.conll").write_bytes(text.encode())
    path = tmp_path / "other.conll"
    path.write_bytes(text.encode(encoding))
    sentences, [finding] = read(path)
    assert (sentences, finding.kind, finding.is_error) == ([], "encoding", True)
    assert f"in {encoding}" in finding.message or finding.message.endswith(f"--encoding {encoding}.")
    assert read(path, encoding=encoding) == read(tmp_path / "utf8.conll")


def test_a_word_is_shown_as_each_encoding_has_it(tmp_path):
    path = tmp_path / "a.conll"
    path.write_bytes("Łukasz O\nŁodzi O\n".encode("cp1250"))
    assert read(path)[1][0].message == (
        "received 2 lines that are not UTF-8, so that nothing of the file is read; expected UTF-8. Name its encoding "
        "with --encoding: their first words are 'Łukasz Łodzi' in cp1250, '｣ukasz ｣odzi' in cp932."
    )


def test_a_damaged_line_is_told_by_itself(tmp_path):
    path = tmp_path / "a.conll"
    path.write_bytes("José B-PER\n".encode() + b"Jos\xe9 B-PER\n" + "vivé O\nlá O\nMá\xe9 O\n".encode())
    sentences, findings = read(path)
    assert [sentence.words for sentence in sentences] == [["José", "vivé", "lá", "Máé"]]
    assert [(finding.kind, finding.line) for finding in findings] == [("encoding", 2)]
    assert "--encoding" in findings[0].message


def test_bytes_that_the_encoding_does_not_have_are_told_by_line(tmp_path):
    path = tmp_path / "a.conll"
    # 0x81 stands for nothing in Windows-1252.
    path.write_bytes(b"Jos\xe9 B-PER\n\x81 O\nvive O\n")
    sentences, [finding] = read(path, encoding="cp1252")
    assert sentences[0].words == ["José", "vive"]
    assert finding.line == 2
    assert finding.message == (
        "received bytes that are not cp1252; expected text in it. Name another --encoding, or fix the line."
    )


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.conllu", "a.txt"])
def test_each_format_is_read_in_it(name, tmp_path):
    contents = {
        "a.jsonl": '{"words": ["José", "vive"], "tags": ["B-PER", "O"]}\n',
        "a.json": '[\n{"text": "José vive", "spans": [[0, 4, "PER"]]}\n]\n',
        "a.csv": "sentence,word,tag\n1,José,B-PER\n1,vive,O\n",
        "a.tsv": "word\ttag\nJosé\tB-PER\nvive\tO\n",
        "a.conllu": "1\tJosé\t_\tB-PER" + "\t_" * 6 + "\n2\tvive\t_\tO" + "\t_" * 6 + "\n",
        "a.txt": "José B-PER\nvive O\n",
    }
    for encoding in ("cp1252", "utf-16"):
        path = tmp_path / name
        path.write_bytes(contents[name].encode(encoding))
        options = {"task": "pos"} if name == "a.conllu" else {}
        sentences, findings = read(path, encoding=encoding, **options)
        assert findings == []
        assert [(sentence.words, sentence.tags) for sentence in sentences] == [(["José", "vive"], ["B-PER", "O"])]


def test_brat_is_read_in_it(tmp_path):
    (tmp_path / "a.txt").write_bytes("José vive".encode("cp1252"))
    (tmp_path / "a.ann").write_bytes("T1\tPER 0 4\tJosé\n".encode("cp1252"))
    with pytest.raises(DataError, match="--encoding"):
        read(tmp_path / "a.ann")
    [sentence], findings = read(tmp_path / "a.ann", encoding="cp1252")
    assert (sentence.words, sentence.tags, findings) == (["José", "vive"], ["B-PER", "O"], [])


def test_texts_are_read_in_it(tmp_path):
    path = tmp_path / "train.csv"
    path.write_bytes("text,label\nJosé vive,a\nlá está,b\n".encode("cp1252"))
    with pytest.raises(DataError, match="'José lá' in cp1252"):
        load_texts(files={"train": path})
    assert load_texts(files={"train": path}, encoding="cp1252")["train"]["text"] == ["José vive", "lá está"]


def test_a_repaired_copy_is_utf8(tmp_path, capsys):
    path = tmp_path / "train.conll"
    path.write_bytes("José\xa0 B-PER\nvivé O\n".encode("cp1252"))
    main(["check-data", "--train-file", str(path), "--encoding", "cp1252", "--fix", str(tmp_path / "new")])
    assert (tmp_path / "new" / "train.conll").read_text(encoding="utf-8") == "José B-PER\nvivé O\n"
    assert "the encoding cp1252 → UTF-8" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["klingon", "base64", "", "utf-8\0", "idna", "punycode", "rot13"])
def test_what_is_no_encoding(name, tmp_path):
    with pytest.raises(DataError, match="expected one that Python has"):
        Layout(encoding=name)
    with pytest.raises(SystemExit, match="2"):
        main(["check-data", "--dataset", str(tmp_path), "--encoding", name])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_file_without_the_mark_of_its_encoding(encoding, tmp_path):
    path = tmp_path / "train.conll"
    path.write_text("Ada B-PER\nleft O\n", encoding=f"{encoding}-le")
    with pytest.raises(DataError, match="such as utf-16-le"):
        read(path, encoding=encoding)
    assert read(path, encoding=f"{encoding}-le")[0][0].words == ["Ada", "left"]


def test_parquet_has_none(tmp_path):
    load_corpus("sample")["train"].to_parquet(str(tmp_path / "a.parquet"))
    with pytest.raises(DataError, match="Leave it out"):
        read(tmp_path / "a.parquet", encoding="cp1252")


def test_a_file_in_an_archive_is_read_by_what_it_is(tmp_path):
    with zipfile.ZipFile(tmp_path / "train.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export/result.jsonl", '{"words": ["José", "vive"], "tags": ["B-PER", "O"]}\n')
        archive.writestr("__MACOSX/export/._result.jsonl", b"\0")
    (tmp_path / "test.jsonl.gz").write_bytes(gzip.compress(b'{"words": ["Ada"], "tags": ["B-PER"]}\n'))
    corpus = load_corpus(tmp_path)
    assert corpus["train"]["words"] == [["José", "vive"]]
    assert corpus["test"]["words"] == [["Ada"]]


def test_an_archive_of_several_files_or_a_damaged_one(tmp_path):
    path = tmp_path / "train.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.conll", "a O\n" * 2000)
        archive.writestr("b.conll", "b O\n")
    with pytest.raises(DataError, match=r"2 files \(a.conll, b.conll\); expected one. Unpack it"):
        read(path)
    with pytest.raises(DataError, match="Unpack it, and pass the folder"):
        load_corpus(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.conll", "a O\n" * 2000)
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="cannot be unpacked"):
        read(path)
    path.write_bytes(data[:500])
    with pytest.raises(DataError, match="cannot be unpacked"):
        read(path)
