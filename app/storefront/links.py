"""Commerce's URLs as the storefront's, and Commerce's HTML made safe to show."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import nh3

from app.commerce.shop import StoreView

_PASSES = 4  # of broken markup, until cleaning it changes nothing
_TAGS = nh3.ALLOWED_TAGS | {
    "address", "article", "aside", "button", "figcaption", "figure", "footer", "header", "main", "nav", "picture",
    "section", "source", "video",
}  # fmt: skip
_EVERYWHERE = {"class", "id", "lang", "dir", "title", "role", "style", "tabindex", "aria-label", "aria-hidden"}
_ATTRIBUTES = {
    **{tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()},
    "*": _EVERYWHERE,
    "a": {"href", "hreflang", "target", "name"},
    "img": {"src", "srcset", "sizes", "alt", "width", "height", "loading"},
    "source": {"src", "srcset", "sizes", "media", "type"},
    "video": {"src", "poster", "controls", "width", "height", "muted", "loop", "autoplay", "playsinline", "preload"},
    "button": {"type"},
}
_URL_ATTRIBUTES = {"href", "src", "poster"}
# What Commerce's editor and Page Builder set on elements; position and z-index could cover the page around the content.
_STYLES = {
    "align-items", "align-self", "background", "background-attachment", "background-color", "background-image",
    "background-position", "background-repeat", "background-size", "border", "border-bottom", "border-collapse",
    "border-color", "border-left", "border-radius", "border-right", "border-style", "border-top", "border-width",
    "clear", "color", "display", "flex", "flex-basis", "flex-direction", "flex-grow", "flex-shrink", "flex-wrap",
    "float", "font-family", "font-size", "font-style", "font-weight", "gap", "grid-template-columns", "height",
    "justify-content", "letter-spacing", "line-height", "list-style", "list-style-type", "margin", "margin-bottom",
    "margin-left", "margin-right", "margin-top", "max-height", "max-width", "min-height", "min-width", "opacity",
    "padding", "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align", "text-decoration",
    "text-transform", "vertical-align", "white-space", "width", "word-break",
}  # fmt: skip

_STYLE_NOISE = re.compile(r"/\*.*?\*/|[\\\s]")
_RUNNING_STYLE = re.compile(r"expression\(|javascript:|vbscript:", re.IGNORECASE)


def _sanitised(content: str, attribute: Callable[[str, str, str], str | None] | None) -> str:
    return nh3.clean(
        content,
        tags=_TAGS,
        clean_content_tags={"script", "style"},
        attributes=_ATTRIBUTES,
        generic_attribute_prefixes={"data-"},
        attribute_filter=attribute,
        filter_style_properties=_STYLES,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener",
    )


@dataclass(frozen=True, slots=True)
class Links:
    """How what one store view has leaves Vitrine: its URLs, and the currency of prices that name none.

    `storefront` is where the storefront's pages are ("" makes links start with /), `media` where its pictures are (""
    keeps Commerce's own media URL).
    """

    view: StoreView
    storefront: str
    media: str
    currency: str

    @property
    def base_currency(self) -> str:
        """The currency in which the shop keeps the prices that Commerce does not convert."""
        return str(self.view.config.get("base_currency_code") or self.view.currency)

    def path(self, path: str | None) -> str | None:
        """The storefront's URL of a path such as `women/tops.html`; None of None."""
        return None if path is None else f"{self.storefront}/{path.strip().lstrip('/')}"

    def page(self, url: str | None) -> str | None:
        """The storefront's URL of a page that Commerce names by a whole URL or by a path."""
        if not url:
            return None
        if "://" not in url:
            return self.path(url)
        return self._moved(url) if is_safe_url(url) else None

    def picture(self, url: str | None) -> str | None:
        """The URL of a picture; a broken one of Commerce (FACTS: with white space in it) is mended."""
        return self._media("".join(url.splitlines()).strip().replace(" ", "%20")) if url else None

    def category_picture(self, name: str | None) -> str | None:
        """The URL of a category's picture, of which Commerce may give only the file's name or its path."""
        if not name:
            return None
        media = next(iter(self.view.media_urls), None)
        if "://" not in name and media:
            folder = "" if "/" in name.strip("/") else "catalog/category/"
            name = f"{media}{folder}{name.removeprefix('/media').lstrip('/')}"
        return self.picture(name)

    def html(self, content: str | None) -> str | None:
        """Commerce's HTML without anything that can run, its links and media moved to the storefront's."""
        if content is None:
            return None
        cleaned = _sanitised(content, self._attribute)
        # What is left of broken markup can be read as another tree; a browser must see the one that was cleaned.
        for _ in range(_PASSES):
            settled = _sanitised(cleaned, None)
            if settled == cleaned:
                break
            cleaned = settled
        return cleaned

    def _attribute(self, tag: str, name: str, value: str) -> str | None:
        if name in _URL_ATTRIBUTES:
            return self._moved(value.strip())
        if name == "srcset":
            candidates = [each.strip() for each in value.split(",") if is_safe_url(each)]
            return ", ".join(map(self._candidate, candidates)) if candidates else None
        if name == "style" and _RUNNING_STYLE.search(_STYLE_NOISE.sub("", value)):
            return None
        if name == "style" or name.startswith("data-"):
            return self._moved_within(value)
        return value

    def _candidate(self, candidate: str) -> str:
        url, _, size = candidate.strip().partition(" ")
        return f"{self._moved(url)} {size}".strip()

    def _media(self, url: str) -> str:
        """A URL of Commerce's media where they are now; any other as it is."""
        if self.media:
            for base in self.view.media_urls:
                if url.startswith(base):
                    return f"{self.media}/{url[len(base) :]}"
        return url

    def _moved(self, url: str) -> str:
        """A URL of Commerce as the storefront's; any other as it is."""
        url = self._whole(url)
        if url.startswith(self.view.media_urls):
            return self._media(url)
        for base in self.view.base_urls:
            if url.startswith(base) or url == base.rstrip("/"):
                return f"{self.storefront}/{url[len(base) :].lstrip('/')}"
        return url

    def _whole(self, url: str) -> str:
        """A URL that says no scheme, or that is a path to media, as the whole URL that it is at Commerce."""
        if url.startswith("//"):
            whole = {f"//{base.partition('//')[2]}": base for base in (*self.view.media_urls, *self.view.base_urls)}
            own = next((start for start in sorted(whole, key=len, reverse=True) if url.startswith(start)), None)
            return whole[own] + url[len(own) :] if own else url
        for base in self.view.media_urls:
            path = urlsplit(base).path
            if len(path) > 1 and url.startswith(path):
                return base + url[len(path) :]
        return url

    def _moved_within(self, text: str) -> str:
        """Text with URLs inside, such as a style or Page Builder's JSON, where slashes can be escaped."""
        moves = dict.fromkeys(self.view.base_urls, f"{self.storefront}/")
        moves |= {base: f"{self.media}/" if self.media else base for base in self.view.media_urls}
        moves |= {base.replace("/", "\\/"): to.replace("/", "\\/") for base, to in moves.items()}
        if not moves:
            return text
        # All in one pass, the longest first: what was moved is not moved again.
        longest_first = sorted(moves, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, longest_first)), lambda found: moves[found[0]], text)


def plain(text: str | None) -> str | None:
    """A name or label as plain text: Commerce keeps entities such as `&reg;` in them."""
    return html.unescape(text) if text is not None else None


def is_safe_url(url: str | None) -> bool:
    """Whether a URL is http, https or relative, so that a link to it runs nothing."""
    return bool(url) and urlsplit(re.sub(r"[\x00-\x20]", "", url or "")).scheme in ("", "http", "https")
