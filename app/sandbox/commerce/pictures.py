"""The shop's pictures, drawn as SVG from their file names: a soft ground, a simple silhouette, light from above.

A product's picture is `<slug>_<kind>_<colour>_<view>.svg`: what it shows, in which colour, from which side.
"""

from __future__ import annotations

import functools
import hashlib
import re

COLOURS = {
    "black": "#26282b",
    "blue": "#3d6a9e",
    "brown": "#8a5f3c",
    "gray": "#8b9097",
    "green": "#5a7d57",
    "lavender": "#a99bc9",
    "multi": "#c0705a",
    "orange": "#d97a36",
    "purple": "#6d4c86",
    "red": "#b5423c",
    "white": "#ece7dd",
    "yellow": "#e0b03c",
}
GROUNDS = (
    ("#f3ede2", "#dfe6dc"),
    ("#eef1f0", "#d9dfe3"),
    ("#f6ece4", "#ead9cc"),
    ("#e9efe6", "#cfdccb"),
    ("#f0edf3", "#dcd8e6"),
    ("#f5f0df", "#e6dcc0"),
)

# Silhouettes on a ground of 400 × 400: `body` takes the colour, `trim` a shade of it, `line` is drawn on top.
SHAPES: dict[str, tuple[str, str, str]] = {
    "jacket": (
        "M150 96 L176 84 Q200 100 224 84 L250 96 L306 150 L296 262 L262 258 L264 190 L264 318 L136 318 L136 190 "
        "L138 258 L104 262 L94 150 Z",
        "M176 84 Q200 60 224 84 Q226 112 200 124 Q174 112 176 84 Z",
        "M200 124 L200 318 M156 240 L184 232 M244 240 L216 232",
    ),
    "fleece": (
        "M152 100 Q200 128 248 100 L304 152 L294 258 L262 254 L262 312 Q200 322 138 312 L138 254 L106 258 L96 152 Z",
        "M152 100 Q200 74 248 100 Q200 130 152 100 Z",
        "M138 296 Q200 306 262 296 M106 244 L134 241 M294 244 L266 241",
    ),
    "trousers": (
        "M146 78 L254 78 L268 330 L216 330 L200 158 L184 330 L132 330 Z",
        "M146 78 L254 78 L256 100 L144 100 Z",
        "M200 100 L200 158 M150 116 Q166 132 168 112 M250 116 Q234 132 232 112",
    ),
    "baselayer": (
        "M156 92 Q200 118 244 92 L300 140 L284 190 L258 172 L258 324 L142 324 L142 172 L116 190 L100 140 Z",
        "M156 92 Q200 118 244 92 Q200 136 156 92 Z",
        "M150 176 Q200 190 250 176",
    ),
    "boot": (
        "M150 84 L226 84 L230 196 Q246 226 296 238 Q324 248 322 284 L132 284 Q126 230 144 180 Z",
        "M128 284 L326 284 L322 312 L132 312 Z",
        "M158 118 L218 118 M156 146 L220 146 M152 174 L226 174 M206 216 L246 204",
    ),
    "shoe": (
        "M96 208 Q120 176 160 190 Q196 226 250 232 Q318 240 322 280 L90 280 Q84 240 96 208 Z",
        "M86 280 L326 280 Q322 306 296 306 L108 306 Q88 304 86 280 Z",
        "M170 206 L196 190 M188 220 L214 204 M206 230 L232 216",
    ),
    "tent": (
        "M200 92 L340 300 L60 300 Z",
        "M200 92 L248 300 L152 300 Z",
        "M200 92 L200 300 M60 300 L34 318 M340 300 L366 318 M46 326 L354 326",
    ),
    "sleepingbag": (
        "M136 96 Q200 64 264 96 Q284 190 262 310 Q200 344 138 310 Q116 190 136 96 Z",
        "M154 104 Q200 82 246 104 Q242 152 200 160 Q158 152 154 104 Z",
        "M134 198 Q200 218 266 198 M132 244 Q200 264 268 244 M246 108 Q262 190 248 300",
    ),
    "stove": (
        "M128 196 L272 196 L256 292 L144 292 Z",
        "M116 176 L284 176 L284 198 L116 198 Z",
        "M164 292 L152 324 M236 292 L248 324 M180 162 Q170 140 186 122 "
        "M208 162 Q198 132 214 106 M236 162 Q226 142 240 124",
    ),
    "lantern": (
        "M152 150 L248 150 L258 292 L142 292 Z",
        "M164 122 L236 122 L248 150 L152 150 Z M138 292 L262 292 L262 316 L138 316 Z",
        "M164 122 Q200 56 236 122 M200 176 Q180 214 200 244 Q220 214 200 176 M176 150 L172 292 M224 150 L228 292",
    ),
    "backpack": (
        "M142 132 Q144 82 200 82 Q256 82 258 132 L270 306 Q200 330 130 306 Z",
        "M154 222 L246 222 L252 296 Q200 312 148 296 Z",
        "M176 82 Q176 56 200 56 Q224 56 224 82 M140 160 Q200 176 260 160 M130 196 L112 286 M270 196 L288 286",
    ),
    "bag": (
        "M80 176 Q84 150 116 150 L284 150 Q316 150 320 176 L330 284 Q200 306 70 284 Z",
        "M168 150 L232 150 L238 298 Q200 302 162 298 Z",
        "M140 150 Q146 92 200 92 Q254 92 260 150 M76 206 L324 206",
    ),
    "pouch": (
        "M110 156 L290 156 Q304 230 288 292 L112 292 Q96 230 110 156 Z",
        "M110 156 L290 156 L292 186 L108 186 Z",
        "M120 186 L280 186 M282 186 L300 210",
    ),
    "blanket": (
        "M92 150 L300 122 L318 250 L108 290 Z",
        "M108 290 L318 250 L318 276 L112 318 Z",
        "M98 184 L304 154 M102 214 L308 184 M106 248 L312 216 M112 318 L110 334 M160 308 L160 326 M214 298 L214 316 "
        "M266 288 L268 306 M314 278 L318 294",
    ),
    "mug": (
        "M122 136 L254 136 L244 300 Q188 314 132 300 Z",
        "M122 136 Q188 118 254 136 Q188 154 122 136 Z",
        "M250 170 Q310 166 304 220 Q300 258 247 256 M160 110 Q150 92 164 76 M196 110 Q186 88 200 68",
    ),
    "candle": (
        "M136 170 L264 170 L264 308 Q200 324 136 308 Z",
        "M136 170 Q200 152 264 170 Q200 190 136 170 Z",
        "M200 166 L200 142 M200 142 Q182 116 200 84 Q218 116 200 142 M152 222 L248 222 L248 274 L152 274 Z",
    ),
    "book": (
        "M112 88 L286 88 L286 318 L112 318 Q98 316 98 302 L98 102 Q98 90 112 88 Z",
        "M98 302 Q98 290 112 290 L286 290 L286 318 L112 318 Q98 316 98 302 Z",
        "M140 140 L244 140 M140 168 L214 168 M150 256 L192 206 L212 230 L228 212 L256 256 Z",
    ),
    "course": (
        "M92 116 L308 116 Q320 116 320 128 L320 264 Q320 276 308 276 L92 276 Q80 276 80 264 L80 128 Q80 116 92 116 Z",
        "M150 276 L250 276 L262 308 L138 308 Z",
        "M104 250 L164 170 L202 216 L236 182 L298 250 M262 154 L262 154.5",
    ),
    "kit": (
        "M92 176 L308 176 L308 310 L92 310 Z",
        "M80 140 L320 140 L320 184 L80 184 Z",
        "M200 140 L200 310 M200 140 Q150 70 138 112 Q136 138 200 140 Q264 138 262 112 Q250 70 200 140",
    ),
    "placeholder": (
        "M80 110 L320 110 L320 290 L80 290 Z",
        "M80 290 L160 190 L214 250 L252 214 L320 290 Z",
        "M262 150 L262 150.5",
    ),
}

_PRODUCT = re.compile(r"/media/catalog/product/cache/[0-9a-f]{32}/./.\w?/([\w-]+)\.svg")
_SCENE = re.compile(r"/media/(?:catalog/category|wysiwyg/[\w/-]*|wysiwyg)/([\w-]+)\.svg")
_SWATCH = re.compile(r"/media/attribute/swatch/swatch_thumb/\d+x\d+/./.\w?/([\w-]+)\.svg")
_LOGO = "/media/logo/default/logo.svg"
_PLACEHOLDER = re.compile(r"/static/.*/placeholder/(\w+)\.svg")


def picture_name(slug: str, kind: str, colour: str = "green", view: str = "main") -> str:
    """The file name of a product's picture; `view` is main, back or detail."""
    return f"{slug}_{kind}_{colour}_{view}.svg"


@functools.lru_cache(maxsize=1024)
def picture(path: str) -> str | None:
    """The SVG at a URL path, or None where the shop has no picture."""
    if match := _PRODUCT.fullmatch(path):
        slug, kind, colour, view = (*match[1].rsplit("_", 3), "", "", "")[:4]
        return _product(slug, kind, colour, view) if kind in SHAPES and colour in COLOURS else None
    if match := _SCENE.fullmatch(path):
        return _scene(match[1])
    if _SWATCH.fullmatch(path):
        return _swatch()
    if path == _LOGO:
        return _logo()
    if _PLACEHOLDER.fullmatch(path):
        return _product("placeholder", "placeholder", "gray", "main")
    return None


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _shade(colour: str, factor: float) -> str:
    """A colour made darker (below 1) or lighter (above 1)."""
    parts = [int(colour[n : n + 2], 16) for n in (1, 3, 5)]
    return "#" + "".join(f"{min(255, round(part * factor)):02x}" for part in parts)


def _product(slug: str, kind: str, colour: str, view: str) -> str:
    body, trim, line = SHAPES[kind]
    base = COLOURS[colour]
    light, dark = GROUNDS[_number(slug) % len(GROUNDS)]
    turn = {"back": "translate(400 0) scale(-1 1)", "detail": "translate(-170 -130) scale(1.75)"}.get(view, "")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" width="800" height="800" role="img">'
        f'<defs><linearGradient id="g" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="{light}"/>'
        f'<stop offset="1" stop-color="{dark}"/></linearGradient>'
        f'<linearGradient id="b" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="{_shade(base, 1.22)}"/>'
        f'<stop offset="1" stop-color="{_shade(base, 0.86)}"/></linearGradient></defs>'
        '<rect width="400" height="400" fill="url(#g)"/>'
        '<ellipse cx="200" cy="336" rx="132" ry="13" fill="#000" opacity=".09"/>'
        f'<g transform="{turn}" stroke-linejoin="round" stroke-linecap="round">'
        f'<path d="{body}" fill="url(#b)"/><path d="{trim}" fill="{_shade(base, 0.72)}"/>'
        f'<path d="{line}" fill="none" stroke="{_shade(base, 0.5)}" stroke-width="5" opacity=".55"/></g></svg>'
    )


def _scene(name: str) -> str:
    """Hills under a sun, for categories and for pages: the same place looks another way under every name."""
    seed = _number(name)
    light, dark = GROUNDS[seed % len(GROUNDS)]
    names = [colour for colour in COLOURS if colour not in ("black", "white", "multi")]
    base = COLOURS[names[seed // 7 % len(names)]]
    lift, sun = seed % 60, 180 + seed % 800
    hills = (
        f"M0 {330 - lift} Q220 {210 - lift} 480 {320 - lift} T1200 {280 - lift} V480 H0 Z",
        f"M0 {380 - lift // 2} Q340 {270 - lift} 700 {370 - lift // 2} T1200 {350 - lift} V480 H0 Z",
        f"M0 420 Q300 {350 - lift // 3} 620 410 T1200 400 V480 H0 Z",
    )
    layers = "".join(
        f'<path d="{path}" fill="{_shade(base, factor)}" opacity="{opacity}"/>'
        for path, factor, opacity in zip(hills, (1.3, 1.05, 0.8), (0.45, 0.65, 0.9), strict=True)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 480" width="1200" height="480" role="img">'
        f'<defs><linearGradient id="g" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="{dark}"/>'
        f'<stop offset="1" stop-color="{light}"/></linearGradient></defs>'
        '<rect width="1200" height="480" fill="url(#g)"/>'
        f'<circle cx="{sun}" cy="{130 + lift}" r="46" fill="#fff7e2" opacity=".9"/>{layers}</svg>'
    )


def _swatch() -> str:
    stripes = "".join(
        f'<rect x="{n * 22}" width="22" height="90" fill="{COLOURS[colour]}"/>'
        for n, colour in enumerate(("red", "yellow", "green", "blue", "lavender"))
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 110 90" width="110" height="90">{stripes}</svg>'


def _logo() -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 290 60" width="290" height="60" role="img">'
        '<path d="M8 48 L28 12 L40 34 L46 24 L60 48 Z" fill="#3f5c4e"/><path d="M10 52 H58" stroke="#c78a4a" '
        'stroke-width="4" stroke-linecap="round"/><text x="72" y="40" font-family="Georgia, serif" font-size="24" '
        'fill="#2b2f2d">Tarn &amp; Timber</text></svg>'
    )
