"""How the page looks: one column that a phone can show, light or dark as the reader's system asks."""

STYLE = """
:root { color-scheme: light dark;
  --page: #fff; --text: #1a1d21; --faint: #5f6772; --line: #e3e6ea; --box: #f5f6f8; --mark: #1f5fa8;
  --S: #9c4400; --S-box: #fdeedd; --D: #b3202c; --D-box: #fde8e8; --I: #1f5fa8; --I-box: #e4effb; }
@media (prefers-color-scheme: dark) { :root {
  --page: #16181c; --text: #e6e8eb; --faint: #9aa3ae; --line: #30343b; --box: #1f2228; --mark: #7db4f0;
  --S: #f2b274; --S-box: #3a2a1a; --D: #f39a9f; --D-box: #3f2124; --I: #7db4f0; --I-box: #1c2d42; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; overflow-wrap: anywhere;
  background: var(--page); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 1.25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .6rem; }
p { margin: .5rem 0; max-width: 42rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .75rem; margin: 0; }
dl div { background: var(--box); border-radius: .5rem; padding: .6rem .8rem; }
dl div:first-child { grid-column: 1 / -1; }
dl div:first-child dd { font-size: clamp(1.3rem, 6vw, 1.9rem); color: var(--mark); line-height: 1.25; }
dt { color: var(--faint); font-size: .85rem; }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
tr > :last-child { padding-right: 0; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem 1rem .3rem 0; text-align: left; vertical-align: top; overflow-wrap: normal;
  border-bottom: 1px solid var(--line); }
th { color: var(--faint); font-weight: 600; vertical-align: bottom; }
.number { text-align: right; }
td.number { white-space: nowrap; }
img { display: block; max-width: 100%; height: auto; border-radius: .5rem; background: #fff; }
pre { background: var(--box); border-radius: .5rem; padding: .8rem 1rem; overflow-x: auto;
  overflow-wrap: normal;
  font: .85rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
figure { margin: 1.1rem 0; }
figcaption { color: var(--faint); font-size: .85rem; margin-bottom: .2rem; }
.aligned { display: flex; flex-wrap: wrap; gap: .3rem .1rem; }
.pair { display: grid; min-width: 0; max-width: 100%; padding: .1rem .25rem; line-height: 1.3;
  border-radius: .25rem; }
.pair :last-child { color: var(--faint); font-size: .92em; }
.pair :empty::before { content: "\\2013"; }
.S, .S :last-child { color: var(--S); background: var(--S-box); }
.D, .D :last-child { color: var(--D); background: var(--D-box); }
.I, .I :last-child { color: var(--I); background: var(--I-box); }
summary { cursor: pointer; color: var(--mark); }
"""
