"""The look of a report page: one style sheet, light and dark, phone and desk."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1b2230; --soft: #586174; --line: #d9d6cd;
  --accent: #0b6b69; --warn: #94500a; --warn-back: #fdf3e3; --accent-back: #e7f3f1;
  --serif: Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161d; --card: #1a2029; --ink: #e8e6e1; --soft: #a5adbb; --line: #343c49;
    --accent: #5cc4bd; --warn: #eeb063; --warn-back: #2d2415; --accent-back: #16302f;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 var(--sans); overflow-wrap: anywhere; }
main, header, footer { max-width: 66rem; margin: 0 auto; padding: 0 clamp(1rem, 4vw, 2.5rem); }
header { padding-top: clamp(1.75rem, 5vw, 3.5rem); }
h1 { font: 600 clamp(1.9rem, 5vw, 2.9rem)/1.15 var(--serif); margin: .2rem 0 .6rem; letter-spacing: -.012em; }
h2 { font: 600 1.45rem/1.25 var(--serif); margin: 0 0 .9rem; }
h3 { font: 600 1rem/1.4 var(--sans); margin: 0 0 .15rem; }
.plain + h3 { margin-top: 1.3rem; }
h3 + .plain { margin-top: .4rem; }
p, li { max-width: 42rem; }
p { margin: 0 0 .8rem; }
a { color: var(--accent); }
section { margin: clamp(2.2rem, 5vw, 3.4rem) 0 0; }
.eyebrow { color: var(--soft); font-size: .85rem; margin: 0; }
.lead { font: 400 1.15rem/1.55 var(--serif); color: var(--soft); margin: 0; }
.soft, .note { color: var(--soft); }
.note, figcaption p { font-size: .88rem; line-height: 1.5; }
.mark { display: inline-block; font-size: .8rem; line-height: 1.35; color: var(--warn); background: var(--warn-back);
  border-radius: .3rem; padding: .16rem .5rem; margin: 0 0 .35rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(13rem, 100%), 1fr));
  gap: 1rem; margin: 0 0 .9rem; }
.facts div { background: var(--card); border: 1px solid var(--line); border-radius: .7rem;
  padding: 1rem 1.15rem .9rem; }
.facts dt { color: var(--soft); font-size: .88rem; }
.facts dd { margin: 0; }
.facts .value { font: 600 2.1rem/1.25 var(--serif); font-variant-numeric: tabular-nums lining-nums; }
.facts .note { line-height: 1.4; }
.warning { background: var(--warn-back); border-left: .25rem solid var(--warn); border-radius: 0 .6rem .6rem 0;
  padding: .8rem 1.1rem; margin: 0 0 1.1rem; max-width: 46rem; }
.warning p { margin: 0; }
.promise { background: var(--accent-back); border-radius: .8rem; padding: clamp(1.1rem, 3vw, 1.8rem);
  display: grid; gap: 1rem clamp(1.4rem, 4vw, 2.6rem); grid-template-columns: minmax(0, 1fr); }
.promise .sentence { font: 400 1.24rem/1.5 var(--serif); margin: 0; }
.promise .sentence + .sentence { margin-top: .7rem; }
.dots svg { width: 100%; max-width: 21rem; height: auto; display: block; }
.dots circle { fill: none; stroke: var(--soft); stroke-width: .7; }
.dots .hit { fill: var(--accent); stroke: var(--accent); }
.dots .guess { stroke: var(--ink); stroke-width: 2; }
.dots p { font-size: .88rem; line-height: 1.45; color: var(--soft); margin: .6rem 0 0; }
@media (min-width: 48rem) { .promise.with-dots { grid-template-columns: minmax(0, 1fr) 19rem; align-items: center; } }
.plain { padding-left: 1.15rem; margin: 1.1rem 0 0; }
.also { margin: 2rem 0 .8rem; font-size: 1.1rem; }
.plain li { margin: 0 0 .4rem; }
.curves { display: grid; gap: 1.4rem; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .8rem;
  padding: 1.1rem 1.15rem .6rem; min-width: 0; display: flex; flex-direction: column; }
figure svg { width: 100%; height: auto; display: block; overflow: visible; font-family: var(--sans);
  margin-top: auto; padding-top: .5rem; }
figcaption p { color: var(--soft); margin: 0; }
.question { margin: 0 0 1.1rem; color: var(--ink); }
#participant ~ .sentence { font: 400 1.08rem/1.55 var(--serif); }
.bars { display: grid; gap: .9rem; padding: .9rem 0 .5rem; }
.bar { display: grid; grid-template-columns: minmax(6rem, 13rem) minmax(0, 1fr) 13rem; gap: .2rem 1rem;
  align-items: center; }
.bar .name { font-weight: 600; font-size: .94rem; line-height: 1.35; }
.bar .told { font-size: .88rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.bar svg { width: 100%; height: 2rem; margin: 0; padding: 0; }
.bar .fill { fill: var(--accent); opacity: .28; }
.bar line { fill: none; stroke-width: 1.5; }
.bar .zero { stroke: var(--soft); stroke-width: 1; }
.bar .interval, .bar .estimate { stroke: var(--accent); }
.bar .estimate { stroke-width: 4; }
.bar .truth { stroke: var(--warn); stroke-width: 2; stroke-dasharray: 4 3; }
table { width: 100%; border-collapse: collapse; font-size: .94rem; line-height: 1.45; }
caption { text-align: left; color: var(--soft); font-size: .88rem; padding: 0 0 .5rem; }
th { text-align: left; font-weight: 600; font-size: .85rem; color: var(--soft); vertical-align: bottom;
  overflow-wrap: normal; }
th, td { padding: .6rem .9rem .6rem 0; border-bottom: 1px solid var(--line); }
td { vertical-align: top; font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
td:first-child { min-width: 9rem; }
.cards td:nth-child(3), .cards td:nth-child(4), .cards td:nth-child(5) { white-space: nowrap; }
td strong { font-weight: 600; }
td small { display: block; color: var(--soft); font-size: .85rem; }
.numbers td:first-child { min-width: 0; }
details { margin-top: 1.1rem; }
summary { cursor: pointer; color: var(--accent); font-size: .94rem; padding: .35rem 0; }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: .2rem; }
pre, code { font-family: var(--mono); font-size: .86rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: 1rem 1.1rem;
  margin: .6rem 0; white-space: pre-wrap; line-height: 1.5; }
footer { color: var(--soft); font-size: .88rem; padding-top: 2.6rem; padding-bottom: 3rem; }
@media (max-width: 46rem) {
  .facts { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .7rem; }
  .facts div { padding: .75rem .9rem .7rem; }
  .facts .value { font-size: 1.8rem; }
  figure svg text:not([class]) { font-size: 12.5px; }
  .bar { grid-template-columns: minmax(0, 1fr); }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards, .cards tbody, .cards caption { display: block; }
  .cards tr { display: block; background: var(--card); border: 1px solid var(--line); border-radius: .7rem;
    padding: .8rem 1rem .5rem; margin: 0 0 .8rem; }
  .cards td { display: grid; grid-template-columns: 6.8rem minmax(0, 1fr); gap: .2rem .8rem;
    border: 0; padding: .2rem 0; }
  .cards td::before { content: attr(data-label); color: var(--soft); font-size: .85rem; line-height: 1.6; }
  .cards td:first-child { display: block; padding-bottom: .4rem; }
  .cards td:first-child::before { content: none; }
  .numbers th, .numbers td { padding-right: .4rem; font-size: .85rem; }
}
.sights { display: grid; gap: 1.4rem; grid-template-columns: minmax(0, 1fr); }
.sights svg { max-width: 46rem; margin-inline: auto; }
.sights figure:last-child svg { max-width: 27rem; }
.on-phone { display: none; }
.proof { font-size: .92rem; }
.tip-page { fill: var(--card); }
.tip-card { fill: var(--paper); }
.tip-ink { fill: var(--ink); }
.tip-soft { fill: var(--soft); }
.tip-seen { fill: var(--warn); }
.tip-glow { fill: var(--warn-back); }
.tip-line { stroke: var(--soft); fill: none; }
.tip-strong { stroke: var(--warn); fill: none; }
.tip-thin { stroke: var(--line); fill: none; }
.tip-sans { font-family: var(--sans); font-size: 13px; }
.tip-mono { font-family: var(--mono); font-size: 12px; }
.tip-bold { font-weight: 600; }
.tip-small { font-size: 12px; }
@media (min-width: 64rem) {
  .sights { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); align-items: start; }
  .sights figure:only-child { grid-column: 1 / -1; }
}
@media (max-width: 34rem) { .on-desk { display: none; } .on-phone { display: block; } }
@media print { body { background: #fff; } figure, .facts div, .cards tr { break-inside: avoid; } }
"""
