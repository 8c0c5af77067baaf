"""The page's frame and its style sheet. Python and no .html file, so that DVC sees a change as one of the code."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header class="top">
<p class="kicker">Segmentation report</p>
<h1>$title</h1>
<p class="subtitle">$subtitle</p>
$verdict
$tiles
</header>
<nav>$links</nav>
<main>
$sections
</main>
<footer>Made by segpipe from <code>data/eval</code>; the numbers are in <code>metrics/</code> too.</footer>
</body>
</html>
"""

STYLE = """
:root {
  --page: #f6f7f9; --card: #ffffff; --ink: #14181f; --soft: #545d6b; --line: #dfe3e9; --track: #e9ecf1;
  --accent: #1f4fd8; --tile: #1f4fd8; --one: #1f4fd8; --two: #c2570c;
  --heat-rgb: 18 54 160; --heat-ink: #000000; --shadow: 0 1px 2px rgb(20 24 31 / .06);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1217; --card: #181c23; --ink: #e8ebf0; --soft: #a2abb9; --line: #2b313b; --track: #2a303a;
    --accent: #8aaeff; --tile: #2a55cf; --one: #7aa5ff; --two: #f29a52;
    --heat-rgb: 45 92 220; --heat-ink: #e8ebf0; --shadow: none;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}

.top, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
.top { padding-top: 56px; }
.kicker { margin: 0; color: var(--accent); font-size: 13px; font-weight: 650; letter-spacing: .08em; text-transform: uppercase; }
h1 {
  margin: 6px 0 4px; font-size: clamp(28px, 4.6vw, 44px); line-height: 1.12; letter-spacing: -.02em;
  overflow-wrap: anywhere; text-wrap: balance;
}
.subtitle { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
.lead { max-width: 46em; margin: 22px 0 28px; font-size: 19px; }

.tile, .card, .scroll { background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }
.tiles { display: grid; grid-template-columns: 1.35fr 1fr 1fr 1fr; gap: 14px; }
.tile { padding: 18px 20px; }
.tile h3 { margin: 0; color: var(--soft); font-size: 14px; font-weight: 550; }
.tile h3::first-letter { text-transform: uppercase; }
.tile p { margin: 0; color: var(--soft); font-size: 14px; line-height: 1.4; }
.tile .value {
  margin: 6px 0 4px; color: var(--ink); font-size: 34px; font-weight: 680; line-height: 1.15; letter-spacing: -.02em;
  font-variant-numeric: tabular-nums;
}
.tile:first-child { background: var(--tile); border-color: transparent; }
.tile:first-child h3, .tile:first-child p, .tile:first-child .value { color: #ffffff; }
.tile:first-child .value { margin: 4px 0; font-size: 46px; line-height: 1; }
.tile:last-child { border-style: dashed; background: none; box-shadow: none; }
small { margin-left: 8px; font-size: 15px; font-weight: 500; letter-spacing: 0; white-space: nowrap; }
td small { margin-left: 6px; color: var(--soft); font-size: 13px; }

nav {
  position: sticky; top: 0; z-index: 3; display: flex; gap: 4px 22px; margin-top: 36px;
  padding: 11px max(24px, calc(50vw - 536px)); overflow-x: auto; scrollbar-width: none;
  background: var(--page); border-bottom: 1px solid var(--line);
}
nav a { color: var(--soft); font-size: 14px; font-weight: 550; text-decoration: none; white-space: nowrap; }
nav a:hover, nav a:focus-visible { color: var(--accent); }
section { padding-top: 44px; scroll-margin-top: 20px; }
h2 { margin: 0 0 16px; font-size: 24px; line-height: 1.2; letter-spacing: -.012em; }
section h3 { margin: 26px 0 10px; font-size: 17px; }
.card { padding: 18px 20px; }
.card h3 { margin: 0 0 8px; font-size: 15px; }
.note { overflow-wrap: anywhere; max-width: 64em; margin: 10px 0 0; color: var(--soft); font-size: 14px; }
h2 + .note { margin: -8px 0 14px; }

.scroll { overflow-x: auto; }
.fitting { width: fit-content; max-width: 100%; }
.card + .scroll, .two + .note + .scroll { margin-top: 14px; }
table { width: 100%; border-collapse: separate; border-spacing: 0; font-size: 15px; font-variant-numeric: tabular-nums; }
th, td { padding: 9px 16px; text-align: left; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-size: 13px; font-weight: 550; line-height: 1.3; vertical-align: bottom; }
tbody th { max-width: 22em; font-weight: 550; line-height: 1.35; overflow-wrap: anywhere; }
th:first-child { position: sticky; left: 0; z-index: 1; background: var(--card); }
tbody .label { min-width: 9em; }
.number { text-align: right; white-space: nowrap; }
thead .number { white-space: normal; }
.bar { display: flex; gap: 12px; align-items: center; justify-content: flex-end; min-width: 10em; }
.bar > i { flex: 1; height: 7px; background: var(--track); border-radius: 4px; overflow: hidden; }
.bar i i { display: block; height: 100%; background: var(--one); border-radius: 4px; }
td:nth-child(3) .bar i i { background: var(--two); }
.label { display: inline-flex; gap: 9px; align-items: center; }
.swatch {
  flex: none; display: inline-block; width: 14px; height: 14px; border-radius: 4px;
  box-shadow: inset 0 0 0 1px rgb(127 127 127 / .55);
}

.matrix { --cell: 34px; width: auto; margin: 0 14px 14px 0; font-size: 13px; }
.roomy { --cell: 58px; font-size: 15px; }
.matrix th, .matrix td { padding: 0; border: 0; }
.matrix tbody td {
  min-width: var(--cell); height: calc(var(--cell) - 4px); text-align: center;
  color: var(--heat-ink); background: rgb(var(--heat-rgb) / var(--heat)); border: 1px solid var(--card);
}
.matrix tbody .dark { color: #ffffff; }
.matrix tbody .faint { color: var(--soft); }
.matrix .corner {
  padding: 0 14px 10px 18px; color: var(--soft); font-size: 13px; text-align: right; vertical-align: bottom; white-space: nowrap;
}
.matrix thead th { padding: 14px 0 8px; text-align: center; }
.matrix thead span {
  display: inline-block; max-height: 10em; writing-mode: vertical-rl; transform: rotate(180deg);
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; vertical-align: bottom;
}
.matrix tbody th { padding: 0 14px 0 18px; }
.matrix .label { display: flex; min-width: 0; max-width: 15em; white-space: nowrap; }
.matrix .label span { overflow: hidden; text-overflow: ellipsis; }

.two { display: grid; grid-template-columns: 1fr 1fr; gap: 14px; }
.sides { display: grid; grid-template-columns: 5fr 6fr; gap: 14px; align-items: start; }
.sides > *, figure { min-width: 0; }
figure { margin: 0; }
.wide { margin-top: 14px; }
.wide img { display: block; width: 100%; height: auto; border-radius: 6px; }
.chart { padding: 16px 18px 10px; }
.chart figcaption { display: flex; flex-wrap: wrap; gap: 2px 16px; margin-bottom: 8px; font-size: 14px; }
.chart figcaption b { margin-right: auto; font-size: 15px; }
.chart svg { display: block; width: 100%; height: auto; }
.chart svg * { stroke-linecap: round; stroke-linejoin: round; }
.key::before {
  content: ""; display: inline-block; width: 16px; height: 3px; margin-right: 6px; border-radius: 2px;
  vertical-align: middle; background: var(--one);
}
.key.second::before { background: var(--two); }

.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0; color: var(--soft); font-size: 14px; }
.legend .label { min-width: 0; overflow-wrap: anywhere; }
.apart { margin-left: 8px; }
.example { margin-top: 12px; padding: 14px; }
.example header { display: flex; gap: 16px; justify-content: space-between; margin-bottom: 8px; font-size: 14px; }
.example header b { min-width: 0; font-weight: 550; overflow-wrap: anywhere; }
.example header span { white-space: nowrap; font-variant-numeric: tabular-nums; }
.four, .six { display: grid; grid-template-columns: repeat(4, 1fr); gap: 10px; align-items: end; }
.six { grid-template-columns: repeat(6, 1fr); }
.four img, .six img { display: block; width: 100%; height: auto; border-radius: 6px; background: var(--track); }
.four figcaption, .six figcaption { margin-top: 3px; color: var(--soft); font-size: 13px; }

.cards { columns: 240px; column-gap: 14px; }
.cards .card { break-inside: avoid; margin-bottom: 14px; }
dl { margin: 0; }
dl div { display: grid; grid-template-columns: minmax(0, 14em) minmax(0, 1fr); gap: 2px 16px; padding: 5px 0; font-size: 15px; }
.cards dl div { grid-template-columns: minmax(0, 1fr) auto; padding: 2px 0; font-size: 14px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.meanings dl div { grid-template-columns: minmax(0, 7.5em) minmax(0, 1fr); font-size: 14px; line-height: 1.45; }
.meanings dt { color: var(--ink); font-weight: 550; }
.meanings dd { color: var(--soft); }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .9em; }
pre {
  margin: 0 0 12px; padding: 14px 16px; background: var(--page); border: 1px solid var(--line); border-radius: 8px;
  overflow-x: auto;
}
pre code { font-size: 1em; }
pre i { color: var(--soft); font-style: normal; }
footer { margin-top: 56px; padding-bottom: 48px; color: var(--soft); font-size: 13px; }

@media (max-width: 760px) {
  .top, main, footer { padding-left: 16px; padding-right: 16px; }
  .top { padding-top: 32px; }
  .lead { margin: 16px 0 20px; font-size: 17px; }
  nav { padding-left: 16px; padding-right: 16px; }
  .tiles, .four { grid-template-columns: 1fr 1fr; }
  .six { grid-template-columns: 1fr 1fr 1fr; }
  .tiles { gap: 10px; }
  .two, .sides { grid-template-columns: minmax(0, 1fr); }
  .tile { padding: 14px; }
  .tile .value { font-size: 28px; }
  .tile:first-child .value { font-size: 38px; }
  .value small { display: block; margin: 4px 0 0; line-height: 1.2; }
  th, td { padding: 8px 12px; }
  .roomy { --cell: 42px; }
  .matrix .label { max-width: 9em; }
  .roomy { font-size: 14px; }
  .matrix .corner { padding-left: 12px; font-size: 12px; }
  .matrix tbody th { padding: 0 10px 0 12px; }
  dl div, .meanings dl div { grid-template-columns: minmax(0, 1fr); }
  .card { padding: 14px 16px; }
  .example { padding: 12px; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print { nav { display: none; } .card, .tile, tr { break-inside: avoid; } body { background: #ffffff; } }
"""
