from pathlib import Path

import jinja2
import pytest

from appliance.base.pages import NoSuchTemplate, Pages, web_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "templates" / "admin").mkdir(parents=True)
    (tmp_path / "static" / "icons").mkdir(parents=True)
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "templates" / "base.html").write_text(
        '<link href="{{ static("style.css") }}">{% block body %}{% endblock %}'
    )
    (tmp_path / "templates" / "admin" / "home.html").write_text(
        '{% extends "base.html" %}{% block body %}<p title="{{ name }}">{{ name }}{% endblock %}'
    )
    (tmp_path / "static" / "style.css").write_text("a { color: red }")
    (tmp_path / "static" / "icons" / "logo.svg").write_text("<svg/>")
    return tmp_path


def test_values_are_escaped(root: Path) -> None:
    page = Pages("/static", root).render("admin/home.html", name="\"><script>alert('x')</script>")
    assert "<script" not in page
    assert 'title="&#34;&gt;&lt;script&gt;' in page


def test_a_static_file_is_named_by_its_content(root: Path) -> None:
    pages = Pages("/static", root)
    url = pages.static_url("style.css")
    file = pages.static_files[url.removeprefix("/static/")]
    assert (file.body, file.content_type) == (b"a { color: red }", "text/css; charset=utf-8")
    assert url in pages.render("admin/home.html", name="x")
    (root / "static" / "style.css").write_text("a { color: blue }")
    assert Pages("/static", root).static_url("style.css") != url
    logo = pages.static_url("icons/logo.svg").removeprefix("/static/")
    assert pages.static_files[logo].content_type == "image/svg+xml"


@pytest.mark.parametrize(
    "name", ["none.html", "../secret.html", "/etc/passwd", "admin/../../secret.html", "", "admin"]
)
def test_only_templates_are_rendered(root: Path, name: str) -> None:
    with pytest.raises(NoSuchTemplate):
        Pages("/static", root).render(name)


def test_a_forgotten_value_is_an_error_and_not_a_gap(root: Path) -> None:
    with pytest.raises(jinja2.UndefinedError, match="name"):
        Pages("/static", root).render("admin/home.html")


def test_the_web_folder_is_found_in_a_checkout() -> None:
    assert web_root().is_dir()


def test_a_script_finds_what_it_imports_under_its_hashed_name(tmp_path: Path) -> None:
    static = tmp_path / "static"
    static.mkdir()
    (static / "a.js").write_text('import { one } from "./b.js";\n')
    (static / "b.js").write_text("export const one = 1;\n")
    pages = Pages("/static", tmp_path)
    kept = pages.static_files[pages.static_url("a.js").removeprefix("/static/")]
    name = pages.static_url("b.js").removeprefix("/static/")
    assert kept.body.decode() == f'import {{ one }} from "./{name}";\n'
    (static / "b.js").write_text("export const one = 2;\n")
    assert Pages("/static", tmp_path).static_url("a.js") != pages.static_url("a.js")
