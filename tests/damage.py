"""Files as accidents leave them."""

import contextlib
import random
import signal
from collections import Counter


def flip(data, rng):
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
    return data


def overwrite(data, rng):
    for _ in range(rng.choice((1, 1, 2, 4))):
        data[rng.randrange(len(data))] = rng.choice(b"\0\t\n\r \"'\\,;[]{}:-0189eE.#\xff\xed\xc3\xef\x80")
    return data


def cut(data, rng):
    return data[: rng.randrange(len(data) + 1)]


def cut_out(data, rng):
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 9) :]


def insert(data, rng):
    pieces = [
        b"\0",
        b'"',
        b"'",
        b"\n",
        b"\r",
        b"\n\n",
        b"\t",
        b" ",
        b"\xef\xbb\xbf",
        b"[",
        b"{",
        b"NaN",
        b"1e999",
        b"\\u",
    ]
    pieces += [b"\\ud800", b"null", b"-", b"9" * 5000, b"[" * 3000, b"\xe2\x80\xa8", b",", b"-DOCSTART- O", b"[]"]
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(pieces) + data[place:]


def repeat(data, rng):
    start = rng.randrange(len(data))
    piece = data[start : start + rng.randrange(1, 40)]
    return data[:start] + piece * rng.randrange(2, 5) + data[start:]


def mix_tabs_and_spaces(data, rng):
    wanted, other = rng.choice([(b"\t", b" "), (b" ", b"\t"), (b",", b"\t"), (b"\n", b"\r"), (b"\n", b"\r\n")])
    first, *others = bytes(data).split(wanted)
    return bytearray(first + b"".join((other if rng.random() < 0.3 else wanted) + piece for piece in others))


def swap_quotes(data, rng):
    return bytearray(data.translate(bytes.maketrans(b"\"'", b"'\"")))


def encode_otherwise(data, rng):
    encoding = rng.choice(["latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "utf-7", "utf-8-sig"])
    return bytearray(bytes(data).decode("utf-8", "replace").encode(encoding, "replace"))


def noise(data, rng):
    return bytearray(rng.randbytes(rng.randrange(200)))


def mix(data, rng):
    return rng.choice(DAMAGES)(rng.choice(DAMAGES[:7])(data, rng) or bytearray(b"a"), rng)


DAMAGES = [
    flip,
    overwrite,
    cut,
    cut_out,
    insert,
    repeat,
    mix_tabs_and_spaces,
    swap_quotes,
    encode_otherwise,
    noise,
    mix,
]


@contextlib.contextmanager
def at_most(seconds):
    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def damage_and_check(folder, whole, check, *, num_cases, seed):
    """Counts how the cases of each file ended.

    Args:
        folder: Where the damaged files are put.
        whole: The bytes of the files by name.
        check: Takes the path of a damaged one and what draws at random, and says how it ended.
        num_cases: How many in all.
        seed: Of what is drawn.
    """
    rng, ended = random.Random(seed), Counter()
    for number in range(num_cases):
        name = list(whole)[number % len(whole)]
        damage = rng.choice(DAMAGES)
        data = bytes(damage(bytearray(whole[name]), rng))
        (folder / name).write_bytes(data)
        try:
            with at_most(seconds=20):
                ended[name, check(folder / name, rng)] += 1
        except Exception as error:
            raise AssertionError(f"case {number}, {damage.__name__} of {name}: {data[:3000]!r}") from error
    return ended
