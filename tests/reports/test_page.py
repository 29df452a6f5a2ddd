import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speechsrt.reports.page import Aligned, Grid, Paragraph, Picture, Preformatted, Section, write_report
from speechsrt.reports.plots import confusion

NASTY = "<b>&\"'</style><script>alert(1)</script>"


def test_every_kind_of_part_is_on_the_page(tmp_path, read_page):
    picture = confusion(["a"], [[1]])
    parts = [
        Paragraph("running text"),
        Grid(("word", "clips"), [("yes", 1234), ("no", None)]),
        Picture(picture, "one word"),
        Preformatted("open: 1\n"),
        Preformatted("folded: 2\n", "see more"),
        Aligned("a.flac", [("", "one", "one"), ("S", "two", "to"), ("D", "three", ""), ("I", "", "four")]),
    ]
    write_report(tmp_path / "report.html", "A title", [("accuracy", "97.4 %")], [Section("First", parts)])
    page = read_page(tmp_path / "report.html")
    page.check_self_contained()
    assert page.inside("title") == page.inside("h1") == ["A title"]
    assert (page.inside("dt"), page.inside("dd")) == (["accuracy"], ["97.4 %"])
    assert page.inside("h2") == ["First"]
    assert page.inside("p") == ["running text"]
    assert page.inside("th") == ["word", "clips"]
    assert page.inside("td")[:3] == ["yes", "1,234", "no"]
    assert page.inside("pre") == ["open: 1\n", "folded: 2\n"]
    assert page.inside("summary") == ["see more"]
    assert page.inside("figcaption") == ["a.flac"]
    assert page.inside("span") == ["one", "one", "two", "to", "three", "four"]
    assert len(page.pictures()) == 1


def test_alignments_are_marked_and_read_in_the_direction_of_their_script(tmp_path, read_page):
    pairs = [("", "a", "a"), ("S", "b", "c"), ("D", "d", ""), ("I", "", "e")]
    parts = [Aligned("", pairs), Aligned("nothing said, nothing heard", [])]
    write_report(tmp_path / "report.html", "", [], [Section("", parts)])
    elements = read_page(tmp_path / "report.html").elements
    classes = [str(attributes.get("class", "")).split() for tag, attributes in elements if tag == "span"]
    assert [names for names in classes if names] == [["pair"], ["pair", "S"], ["pair", "D"], ["pair", "I"]]
    assert [attributes["dir"] for tag, attributes in elements if "dir" in attributes] == ["auto", "auto"]


def test_an_empty_page_is_a_page(tmp_path, read_page):
    write_report(tmp_path / "report.html", "", [], [Section("Nothing", []), Section("", [Grid(("a",), [])])])
    page = read_page(tmp_path / "report.html")
    page.check_self_contained()
    assert page.elements[0] == ("html", {"lang": "en"})


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([NASTY, "\udcff.wav"]) | st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]))
)
def test_text_arrives_as_it_was_given(tmp_path, read_page, text):
    parts = [
        Paragraph(text),
        Grid((text,), [(text,)]),
        Picture(b"x", text),
        Preformatted(text, text),
        Aligned(text, [("D", text, "")]),
    ]
    write_report(tmp_path / "report.html", text, [(text, text)], [Section(text, parts)])
    page = read_page(tmp_path / "report.html")
    page.check_self_contained()
    shown = text.encode("utf-8", "replace").decode()
    places = ["title", "h1", "h2", "dt", "dd", "p", "th", "td", "pre", "summary", "figcaption", "span"]
    assert all(page.inside(place) == [shown] for place in places if shown.strip())
    assert [attributes["alt"] for tag, attributes in page.elements if tag == "img"] == [shown]


def test_a_row_that_does_not_fit_its_columns_is_an_error():
    with pytest.raises(ValueError, match="the 1 cells"):
        Grid(("a",), [("x", "y")]).html()
