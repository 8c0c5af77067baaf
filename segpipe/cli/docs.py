"""segpipe docs: the pages of the documentation that came with this version, without a network."""

from typing import Annotated

import typer

from segpipe.console import command


def docs(
    words: Annotated[str, typer.Argument(help="What a page must say; without it all are listed.", show_default=False)] = "",
) -> None:
    """Lists the pages of the documentation, which are Markdown files, or those that say something."""
    from segpipe.console.tables import format_table
    from segpipe.errors import PipelineError
    from segpipe.layout import pages

    found = pages.pages(words)
    if not found:
        raise PipelineError(f"{words}: no page says that. `segpipe docs` lists all.")
    print(format_table([[page.name, page.title] for page in found], ["page", "what"], n_left=2))
    command.done(str(pages.folder()), f"read {found[0].path}")
