"""How the sentences of a batch are laid out for the model: each in a padded row, or packed into rows."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tf_ner.batches.packing import Packing, pack, packed_in_rows
from tf_ner.batches.sampling import Batches, Ids, is_filler, rows_behind, share_out, split_batches

Shape = tuple[int | None, ...]


def padding_ratio(layout: "Layout", lengths: Ids, shares: Batches) -> float:
    """Share of the positions that are padding.

    Args:
        layout: Of the batches.
        lengths: Of all examples <int>[examples], in subwords.
        shares: The examples as replicas read them, fillers too.
    """
    num_subwords = sum(int(lengths[share[~is_filler(share)]].sum()) for share in shares)
    return 1 - num_subwords / sum(layout.num_positions(lengths[rows_behind(share)]) for share in shares)


@dataclass(frozen=True)
class Padded:
    """Each sentence in a row of its own.

    Attributes:
        num_rows: Of each share, if need be some without labels; as many as it has sentences if not given.
        row_length: In subwords; that of its longest sentence if not given.
        piece_size: Rows a piece, where a share is computed in pieces.
    """

    num_rows: int | None = None
    row_length: int | None = None
    piece_size: int | None = None

    def share_out(self, batches: Batches, lengths: Ids, num_replicas: int) -> Batches:
        """Cuts each batch into a share for each replica, one share after the other.

        Args:
            batches: The examples of each, over all replicas.
            lengths: Of all examples <int>[examples], in subwords.
            num_replicas: How many shares a batch has.
        """
        return share_out(batches, num_replicas, num_rows=self.num_rows)

    def num_positions(self, lengths: Ids) -> int:
        """How many positions a share has, padding included.

        Args:
            lengths: Of its examples <int>[examples], in subwords.
        """
        # A piece leaves out what is padding in all of its rows.
        pieces = split_batches([lengths], self.piece_size or len(lengths))
        return sum(len(piece) * (self.row_length or int(piece.max())) for piece in pieces)

    def shape(self, rank: int) -> Shape:
        """That of inputs or labels of a share; None for what each share has of its own."""
        return (self.num_rows, self.row_length)[:rank]


class Piece(NamedTuple):
    """Some sentences that are computed at once.

    Attributes:
        sentences: Which of a share <int>[sentences].
        packing: Where they lie.
    """

    sentences: Ids
    packing: Packing


@dataclass(frozen=True)
class Packed:
    """As many rows as there need be, and as long, with one sentence behind the other; methods are those of `Padded`.

    Attributes:
        piece_size: Sentences a piece, where a share is computed in pieces, all of one shape: [pieces, …].
    """

    piece_size: int | None = None

    @property
    def is_in_pieces(self) -> bool:
        return self.piece_size is not None

    @property
    def num_texts(self) -> int | None:
        """How many texts each piece has; as many as there are if None."""
        return self.piece_size

    def share_out(self, batches: Batches, lengths: Ids, num_replicas: int) -> Batches:
        return share_out(batches, num_replicas)

    def num_positions(self, lengths: Ids) -> int:
        return sum(piece.packing.num_positions for piece in self.pieces(lengths))

    def shape(self, rank: int) -> Shape:
        return (None,) * rank

    def pieces(self, lengths: Ids) -> list[Piece]:
        """Packs a share.

        Args:
            lengths: Of its sentences <int>[sentences], in subwords.
        """
        every = np.arange(len(lengths))
        if self.piece_size is None:
            return [Piece(every, pack(lengths))]
        pieces = split_batches([every], self.piece_size)
        num_rows = pack(max((lengths[piece] for piece in pieces), key=sum)).num_rows
        packings = [pack(lengths[piece], num_rows=num_rows) for piece in pieces]
        row_length = max(packing.row_length for packing in packings)
        return [Piece(piece, packing.lengthened(row_length)) for piece, packing in zip(pieces, packings, strict=True)]


@dataclass(frozen=True)
class PackedFixed:
    """The same rows for every share, which sentences fill in turn; methods are those of `Packed`.

    The last rows may stay empty.

    Attributes:
        num_rows: Of a piece.
        row_length: In subwords.
        num_pieces: Of a share; where there are several, all have a leading axis more, [pieces, …].
    """

    num_rows: int
    row_length: int
    num_pieces: int = 1

    @property
    def is_in_pieces(self) -> bool:
        return self.num_pieces > 1

    @property
    def num_texts(self) -> int:
        """As many as there may ever be: the head that reads them costs little beside the encoder."""
        return self.num_rows * self.row_length

    def share_out(self, batches: Batches, lengths: Ids, num_replicas: int) -> Batches:
        shares = []
        for batch in batches:
            replicas = first_fit(lengths[batch], self.row_length) // (self.num_rows * self.num_pieces)
            assert replicas.max() < num_replicas, "a batch does not fit into its rows"
            shares += [batch[replicas == replica] for replica in range(num_replicas)]
        return shares

    def num_positions(self, lengths: Ids) -> int:
        return self.num_pieces * self.num_rows * self.row_length

    def shape(self, rank: int) -> Shape:
        pieces = (self.num_pieces,) if self.is_in_pieces else ()
        of_piece = (self.num_rows, self.row_length) if rank - len(pieces) == 2 else (self.num_texts,)
        return (*pieces, *of_piece)

    def pieces(self, lengths: Ids) -> list[Piece]:
        """As for `Packed`."""
        # The same rows as among those of all replicas: for earlier ones these sentences were too long.
        rows = first_fit(lengths, self.row_length)
        of_pieces = [np.flatnonzero(rows // self.num_rows == number) for number in range(self.num_pieces)]
        shape = self.num_rows, self.row_length
        return [
            Piece(sentences, packed_in_rows(lengths[sentences], rows[sentences] % self.num_rows, *shape))
            for sentences in of_pieces
        ]


Layout = Padded | Packed | PackedFixed


def first_fit(lengths: Ids, row_length: int) -> Ids:
    """The row of each sentence: the first that has room for it, and a new one where none has (Johnson 1973).

    Args:
        lengths: <int>[sentences], in subwords; none is longer than a row.
        row_length: In subwords.
    """
    rooms: list[int] = []
    rows = np.zeros(len(lengths), np.int64)
    for sentence, length in enumerate(lengths.tolist()):
        row = next((row for row, room in enumerate(rooms) if room >= length), len(rooms))
        if row == len(rooms):
            rooms.append(row_length)
        rooms[row] -= length
        rows[sentence] = row
    return rows
