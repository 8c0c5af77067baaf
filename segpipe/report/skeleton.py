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
<footer>Made by segpipe from <code>metrics/</code> and <code>data/eval</code>. The same inputs give the same page.</footer>
</body>
</html>
"""

STYLE = """
:root {
  --page: #f6f7f9; --card: #ffffff; --ink: #14181f; --soft: #545d6b; --line: #dfe3e9; --accent: #1f4fd8;
  --one: #1f4fd8; --two: #c2570c; --track: #e9ecf1; --heat-rgb: 26 68 190; --shadow: 0 1px 2px rgb(20 24 31 / .06);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1217; --card: #181c23; --ink: #e8ebf0; --soft: #a2abb9; --line: #2b313b; --accent: #8aaeff;
    --one: #7aa5ff; --two: #f29a52; --track: #272d37; --heat-rgb: 45 92 220; --shadow: none;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.top, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
.top { padding-top: 56px; }
.kicker { margin: 0; color: var(--accent); font-size: 13px; font-weight: 650; letter-spacing: .08em; text-transform: uppercase; }
h1 { margin: 6px 0 4px; font-size: clamp(28px, 4.6vw, 44px); line-height: 1.12; letter-spacing: -.02em; overflow-wrap: anywhere; text-wrap: balance; }
.subtitle { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
.lead { max-width: 46em; margin: 22px 0 28px; font-size: 19px; }
.tiles { display: grid; grid-template-columns: 1.35fr 1fr 1fr 1fr; gap: 14px; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }
.tile { padding: 18px 20px; }
.tile h3 { margin: 0; color: var(--soft); font-size: 14px; font-weight: 550; }
.tile h3::first-letter { text-transform: uppercase; }
.tile p { margin: 0; color: var(--soft); font-size: 14px; }
.tile .value { margin: 4px 0 2px; color: var(--ink); font-size: 34px; font-weight: 680; line-height: 1.15; letter-spacing: -.02em;
  font-variant-numeric: tabular-nums; }
.tile:first-child { background: var(--accent); border-color: transparent; }
.tile:first-child h3, .tile:first-child p, .tile:first-child .value { color: #fff; }
.tile:first-child .value { font-size: 46px; line-height: 1; }
.tile:last-child { border-style: dashed; background: none; box-shadow: none; }
.value small { font-size: 15px; font-weight: 500; letter-spacing: 0; white-space: nowrap; }
nav { position: sticky; top: 0; z-index: 3; display: flex; gap: 4px 22px; margin-top: 36px; padding: 11px max(24px, calc(50vw - 536px));
  overflow-x: auto; background: var(--page); border-bottom: 1px solid var(--line); scrollbar-width: none; }
nav a { color: var(--soft); font-size: 14px; font-weight: 550; text-decoration: none; white-space: nowrap; }
nav a:hover, nav a:focus-visible { color: var(--accent); }
section { padding-top: 44px; scroll-margin-top: 20px; }
h2 { margin: 0 0 16px; font-size: 24px; line-height: 1.2; letter-spacing: -.012em; }
section h3 { margin: 26px 0 10px; font-size: 17px; }
.card { padding: 18px 20px; }
.card h3 { margin: 0 0 8px; font-size: 15px; }
.note { max-width: 56em; margin: 10px 0 0; color: var(--soft); font-size: 14px; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }
.card + .scroll, .scroll + .scroll, .two + .scroll, .note + .scroll { margin-top: 14px; }
table { width: 100%; border-collapse: collapse; font-size: 15px; font-variant-numeric: tabular-nums; }
th, td { padding: 9px 16px; text-align: left; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-size: 13px; font-weight: 550; vertical-align: bottom; }
tbody th { min-width: 8em; max-width: 22em; font-weight: 550; overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; }
thead .number { white-space: normal; }
.bars td:nth-child(-n+3) { min-width: 8em; width: 20%; }
.bar { display: block; height: 6px; margin-top: 4px; background: var(--track); border-radius: 3px; overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--one); border-radius: 3px; }
td:nth-child(3) .bar i { background: var(--two); }
.label { display: inline-flex; gap: 9px; align-items: center; }
.swatch { flex: none; display: inline-block; width: 14px; height: 14px; border-radius: 4px; box-shadow: inset 0 0 0 1px rgb(127 127 127 / .55); }
.matrix { width: auto; min-width: min(100%, 460px); font-size: 13px; }
.matrix th, .matrix td { padding: 0; border: 0; }
.matrix td { min-width: 34px; height: 34px; text-align: center; border: 1px solid var(--card); background: rgb(var(--heat-rgb) / var(--heat)); }
.matrix .dark { color: #fff; }
.matrix .corner { min-width: 9em; padding: 0 14px 10px; color: var(--soft); text-align: right; vertical-align: bottom; background: none; white-space: nowrap; }
.matrix thead th { height: 9.5em; padding: 12px 0 8px; text-align: center; }
.matrix thead th span { display: inline-block; max-height: 8em; margin-top: 0; writing-mode: vertical-rl; transform: rotate(180deg);
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; vertical-align: bottom; }
.matrix thead .swatch { display: none; }
.matrix tbody th { position: sticky; left: 0; z-index: 1; min-width: 0; max-width: 13em; padding: 0 14px; background: var(--card); line-height: 1.25; }
.matrix tbody tr:last-child td { border-bottom: 0; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 14px; }
figure { margin: 0; min-width: 0; }
.chart { padding: 16px 18px 10px; }
.chart figcaption { display: flex; flex-wrap: wrap; gap: 2px 16px; margin-bottom: 8px; font-size: 14px; }
.chart figcaption b { margin-right: auto; font-size: 15px; }
.chart svg { display: block; width: 100%; height: auto; }
.chart svg * { stroke-linecap: round; stroke-linejoin: round; }
.key::before { content: ""; display: inline-block; width: 16px; height: 3px; margin-right: 6px; border-radius: 2px; vertical-align: middle; background: var(--one); }
.key.two { display: inline; }
.key.two::before { background: var(--two); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0; color: var(--soft); font-size: 14px; }
.legend .label { overflow-wrap: anywhere; }
.apart { margin-left: 8px; }
.example { margin-top: 12px; padding: 14px; }
.example header { display: flex; gap: 16px; justify-content: space-between; margin-bottom: 8px; font-size: 14px; }
.example header b { min-width: 0; font-weight: 550; overflow-wrap: anywhere; }
.example header span { white-space: nowrap; font-variant-numeric: tabular-nums; }
.four { display: grid; grid-template-columns: repeat(4, 1fr); gap: 10px; }
.four img { display: block; width: 100%; height: auto; border-radius: 6px; background: var(--track); }
.four figcaption { margin-top: 3px; color: var(--soft); font-size: 12.5px; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 14px; }
dl { margin: 0; }
dl div { display: grid; grid-template-columns: minmax(0, 12em) minmax(0, 1fr); gap: 2px 16px; padding: 5px 0; font-size: 15px; }
.cards dl div { grid-template-columns: minmax(0, 1fr) auto; font-size: 14px; padding: 2px 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.prose dl div { padding: 8px 0; }
.prose dt { color: var(--ink); font-weight: 550; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .9em; }
pre { margin: 0 0 12px; padding: 14px 16px; background: var(--page); border: 1px solid var(--line); border-radius: 8px; overflow-x: auto; }
pre i { color: var(--soft); font-style: normal; }
footer { margin-top: 56px; padding-bottom: 48px; color: var(--soft); font-size: 13px; }
@media (max-width: 760px) {
  .top, main, footer { padding-left: 16px; padding-right: 16px; }
  .top { padding-top: 32px; }
  .lead { margin: 16px 0 20px; font-size: 17px; }
  nav { padding-left: 16px; padding-right: 16px; }
  .tiles, .two { grid-template-columns: 1fr 1fr; gap: 10px; }
  .two { grid-template-columns: 1fr; }
  .tile { padding: 14px; }
  .tile .value { font-size: 28px; }
  .value small { display: block; }
  .four { grid-template-columns: 1fr 1fr; }
  th, td { padding: 8px 12px; }
  dl div { grid-template-columns: 1fr; }
  .card { padding: 14px 16px; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print { nav { display: none; } section, .card, .example { break-inside: avoid; } body { background: #fff; } }
"""
