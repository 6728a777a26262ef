"""Pages that show whatever a class is called."""

from pathlib import Path

from training.report.page import KeyFigure, Panel, link, write_page


def test_names_are_text_in_a_page_and_never_markup(tmp_path: Path) -> None:
    name = '<img src=x onerror="alert(1)">&'
    table = Panel(name, name, columns=("", name), rows=[[link(name, 'a"b'), name]])
    write_page(tmp_path / "page.html", name, name, [KeyFigure(name, name, name)], [table])
    page = (tmp_path / "page.html").read_text()
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=&#34;alert(1)&#34;&gt;&amp;") >= 8
    assert 'href="a&#34;b"' in page
