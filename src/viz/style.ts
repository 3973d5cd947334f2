/** The look of a report page. Plain CSS, no imports, no fonts to load; light and dark by the reader's system. */

import { cssVariables, darkPalette, lightPalette } from './palette.ts';

const seriesClasses = lightPalette.series.map((_, i) => `.c${i} { --color: var(--series-${i}); }`).join('\n');

export const reportStyle: string = `
:root { color-scheme: light dark; --plot-height: clamp(220px, 34vw, 280px); ${cssVariables(lightPalette)} }
@media (prefers-color-scheme: dark) { :root { ${cssVariables(darkPalette)} } }
${seriesClasses}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
}
header, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 48px; padding-bottom: 8px; }
h1 {
  margin: 0; font-size: clamp(26px, 4vw, 36px); line-height: 1.15; letter-spacing: -0.02em; font-weight: 650;
  overflow-wrap: anywhere;
}
.subtitle { margin: 8px 0 0; color: var(--muted); max-width: 90ch; overflow-wrap: anywhere; }
h2 { margin: 0; font-size: 17px; line-height: 1.3; font-weight: 620; letter-spacing: -0.005em; }
main {
  display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 20px; padding-top: 24px;
  padding-bottom: 24px;
}
.card {
  grid-column: span 12; margin: 0; min-width: 0; padding: 22px 24px 24px;
  background: var(--card); border: 1px solid var(--line); border-radius: 12px;
}
footer { padding-bottom: 48px; color: var(--muted); font-size: 14px; }
.note { margin: 10px 0 0; color: var(--muted); font-size: 14px; }

.figures { grid-column: span 12; display: grid; grid-template-columns: repeat(auto-fit, minmax(148px, 1fr)); gap: 1px;
  margin: 0; background: var(--line); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
.figures div { background: var(--card); padding: 16px 20px 18px; display: flex; flex-direction: column; }
.figures dt { color: var(--muted); font-size: 14px; }
.figures dd {
  margin: 2px 0 0; font-size: 27px; line-height: 1.2; font-weight: 620; letter-spacing: -0.02em;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
.figures .small { color: var(--muted); font-size: 13px; font-weight: 400; letter-spacing: 0; }

.chart figcaption {
  display: flex; flex-wrap: wrap; gap: 6px 24px; align-items: baseline; justify-content: space-between;
}
.legend {
  display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 0; padding: 0; list-style: none; color: var(--muted);
  font-size: 14px;
}
.legend li { padding-left: 26px; text-indent: -26px; overflow-wrap: anywhere; }
.swatch {
  display: inline-block; width: 18px; height: 0; margin-right: 8px; vertical-align: middle;
  border-top: 2.5px solid var(--color); border-radius: 2px;
}
.swatch.dashed { border-top-style: dashed; border-radius: 0; }
.swatch.faint { opacity: 0.4; }
.plot {
  position: relative; margin-top: 18px; padding-left: 56px; font-size: 13px; color: var(--muted);
  font-variant-numeric: tabular-nums;
}
.area {
  position: relative; height: var(--plot-height); border-bottom: 1px solid var(--line); cursor: crosshair;
  touch-action: pan-y;
}
.area:focus-visible, .scroll:focus-visible, summary:focus-visible {
  outline: 2px solid var(--series-0); outline-offset: 4px; border-radius: 4px;
}
.area svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; clip-path: inset(-5px); }
.area svg path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
.area .grid { stroke: var(--grid); stroke-width: 1; }
.area path.threshold { stroke: var(--muted); stroke-width: 1.5; stroke-dasharray: 6 4; }
.area span.threshold { position: absolute; right: 0; transform: translateY(-105%); pointer-events: none; }
.area .curve { stroke: var(--color); stroke-width: 2; }
.area .curve.faint { stroke-width: 1; opacity: 0.26; }
.area .curve.dashed { stroke-dasharray: 6 4; stroke-linecap: butt; }
.area .dots { stroke: var(--color); stroke-width: 7; }
.area .curve.sparse { stroke-width: 1.5; opacity: 0.6; stroke-dasharray: 1.5 4; }
.area .dots.sparse { stroke-width: 10; }
.y-ticks { position: absolute; left: 0; top: 0; width: 46px; height: var(--plot-height); }
.y-ticks span { position: absolute; right: 0; transform: translateY(-50%); white-space: nowrap; }
.x-ticks { position: relative; height: 24px; margin-top: 8px; }
.x-ticks span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.x-label { text-align: center; }
.cursor {
  position: absolute; top: 0; bottom: 0; width: 1px; background: var(--muted); opacity: 0.6; pointer-events: none;
}
.marker {
  position: absolute; width: 9px; height: 9px; margin: -4.5px 0 0 -4.5px; border-radius: 50%;
  background: var(--color); box-shadow: 0 0 0 2px var(--card); pointer-events: none;
}
.readout {
  position: absolute; top: 4px; z-index: 1; min-width: 150px; max-width: 78%; padding: 8px 12px 9px;
  background: var(--card); color: var(--ink); border: 1px solid var(--line); border-radius: 8px;
  box-shadow: 0 4px 16px rgb(0 0 0 / 0.14); pointer-events: none;
}
.readout strong { display: block; margin-bottom: 2px; font-weight: 600; }
.readout .row { display: flex; align-items: center; white-space: nowrap; }
.readout .name { flex: 1; color: var(--muted); padding-right: 16px; overflow: hidden; text-overflow: ellipsis; }
.readout .swatch { flex: none; }
[hidden] { display: none !important; }

details { margin-top: 14px; font-size: 14px; }
summary { display: inline-block; color: var(--muted); cursor: pointer; }
summary::before { content: '+'; display: inline-block; width: 1em; }
details[open] summary::before { content: '\\2212'; }
.scroll { overflow-x: auto; margin-top: 10px; }
.scroll.more { mask-image: linear-gradient(to right, #000 calc(100% - 40px), transparent); }
.scroll-hint { margin: 8px 0 0; color: var(--muted); font-size: 14px; text-align: right; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.numbers th, .numbers td {
  padding: 4px 16px 4px 0; text-align: right; border-bottom: 1px solid var(--grid); font-weight: 400;
  white-space: nowrap;
}
.numbers thead th { color: var(--muted); }
.numbers th:first-child { text-align: left; }

.filters img {
  display: block; width: 100%; max-width: 480px; height: auto; margin-top: 16px; image-rendering: pixelated;
  border-radius: 6px;
}

.confusion { width: 100%; border-spacing: 2px; border-collapse: separate; font-size: 13px; }
.confusion th { font-weight: 400; color: var(--muted); padding: 2px 4px; white-space: nowrap; }
.confusion th span { display: inline-block; overflow: hidden; text-overflow: ellipsis; vertical-align: bottom; }
.confusion tbody th, .confusion .corner {
  position: sticky; left: 0; z-index: 1; background: var(--card); text-align: right; padding: 0 8px 0 0;
}
.confusion tbody th span { max-width: 10em; }
.confusion thead th { vertical-align: bottom; text-align: center; }
.confusion thead th span { max-height: 130px; writing-mode: vertical-rl; transform: rotate(180deg); }
.confusion thead .corner span { writing-mode: horizontal-tb; transform: none; }
.confusion td {
  height: 30px; min-width: 24px; padding: 0 1px; text-align: center; border-radius: 4px; cursor: default;
  font-size: 12px; letter-spacing: -0.01em;
  background: color-mix(in srgb, var(--heat) calc(100% * var(--shade, 0)), var(--page));
}
.confusion td.diagonal { font-weight: 620; }
.confusion td.recall { background: none; color: var(--muted); text-align: right; }
.confusion td.on { outline: 2px solid var(--ink); outline-offset: -1px; }
.confusion th.on { color: var(--ink); font-weight: 620; }
.confusion-readout { margin: 4px 0 0; color: var(--muted); font-size: 14px; min-height: 1.5em; }

.samples {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); gap: 18px 14px; margin: 18px 0 0;
  padding: 0; list-style: none;
}
.samples img {
  display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated;
  border-radius: 6px; background: var(--page);
}
.samples .said {
  display: flex; gap: 5px; align-items: baseline; margin-top: 7px; font-size: 14px; line-height: 1.3;
  font-weight: 560; overflow-wrap: anywhere;
}
.samples .mark { flex: none; font-weight: 700; }
.samples .right .mark { color: var(--good); }
.samples .wrong .mark, .samples .wrong .said { color: var(--bad); }
.samples .rest { color: var(--muted); font-size: 13px; line-height: 1.35; overflow-wrap: anywhere; }

.checks { margin: 12px 0 0; padding: 0; list-style: none; }
.checks li { display: flex; gap: 14px; padding: 5px 0; }
.checks .mark { flex: none; width: 2em; font-weight: 700; color: var(--good); }
.checks .wrong .mark { color: var(--bad); }
.checks .rest { color: var(--muted); font-variant-numeric: tabular-nums; }
.lesson { margin: 10px 0 0; max-width: 80ch; }

.coordinates { display: block; width: 100%; min-width: 640px; font-size: 12px; }
.coordinates text { fill: var(--muted); paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
.coordinates .name { fill: var(--ink); font-size: 13px; }
.coordinates .scale { stroke: var(--line); stroke-width: 1.5; }
.coordinates .trial { fill: none; stroke: var(--muted); stroke-width: 1.2; opacity: 0.35; stroke-linejoin: round; }
.coordinates .best { stroke: var(--color); stroke-width: 2.5; opacity: 1; }
.coordinates .trial:hover { stroke-width: 5; opacity: 1; }

.configuration {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 0 36px; margin: 12px 0 0;
  font-size: 14px;
}
.configuration div {
  display: flex; gap: 16px; justify-content: space-between; padding: 7px 0; border-bottom: 1px solid var(--grid);
}
.configuration dt { color: var(--muted); flex: none; max-width: 60%; overflow-wrap: anywhere; }
.configuration dd {
  margin: 0; text-align: right; overflow-wrap: anywhere; min-width: 0; font-variant-numeric: tabular-nums;
}

@media (min-width: 900px) {
  .half { grid-column: span 6; }
  .third { grid-column: span 4; }
  .narrow { grid-column: span 5; }
  .wide { grid-column: span 7; }
}
@media (max-width: 560px) {
  header, main, footer { padding-left: 14px; padding-right: 14px; }
  header { padding-top: 28px; }
  .card { padding: 16px 14px 18px; }
  .plot { padding-left: 46px; }
  .y-ticks { width: 38px; }
  .figures { grid-template-columns: repeat(2, 1fr); }
  .figures div:last-child:nth-child(odd) { grid-column: span 2; }
  .figures dd { font-size: 22px; }
  .confusion { border-spacing: 1px; font-size: 11px; }
  .confusion tbody th, .confusion .corner { padding-right: 4px; }
  .confusion tbody th span, .confusion .corner span { max-width: 5.8em; }
  .confusion .corner span { white-space: normal; }
  .confusion thead th { padding: 2px 0; }
  .confusion td { min-width: 19px; padding: 0; font-size: 11px; letter-spacing: -0.04em; }
}
@media print { body { background: none; } .card { break-inside: avoid; } details { display: none; } }
`;
