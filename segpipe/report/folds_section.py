"""The proof of the split: each part's share of every class, whole groups, and what could not be balanced."""

from segpipe.dataset.split.balance_report import Proof, cells, verdicts
from segpipe.report import markup


def section(proof: Proof) -> str:
    """A row a class and a column a part, then what it proves."""
    head, *rows = cells(proof)
    table = markup.table([markup.text(cell) for cell in head], [[markup.text(cell) for cell in row] for row in rows])
    return table + "".join(markup.note(markup.text(sentence)) for sentence in verdicts(proof))
